"""The workflows of a town, one module per type."""

from rgt.worker.workflows.boot import BootWorkflow
from rgt.worker.workflows.crew import CrewWorkflow
from rgt.worker.workflows.host import HostWorkflow
from rgt.worker.workflows.mayor import MayorWorkflow
from rgt.worker.workflows.polecat import PolecatWorkflow
from rgt.worker.workflows.refinery import RefineryWorkflow
from rgt.worker.workflows.rig import RigWorkflow
from rgt.worker.workflows.town import TownWorkflow
from rgt.worker.workflows.witness import WitnessWorkflow
from rgt.worker.workflows.work_item import WorkItemWorkflow

ALL = [
    BootWorkflow,
    CrewWorkflow,
    HostWorkflow,
    MayorWorkflow,
    PolecatWorkflow,
    RefineryWorkflow,
    RigWorkflow,
    TownWorkflow,
    WitnessWorkflow,
    WorkItemWorkflow,
]
"""Every workflow type, for the worker and the replayer."""
