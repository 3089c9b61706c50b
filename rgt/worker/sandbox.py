"""The sandbox of workflows, without what costs half of its time here and serves nothing."""

from __future__ import annotations

from typing import Any

import temporalio.bridge.worker
from temporalio.converter import StorageDriverStoreContext
from temporalio.converter._extstore import StorageOperationMetrics
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker._command_aware_visitor import CommandInfo
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.worker.workflow_sandbox._runner import _Instance
from temporalio.workflow import _Definition

PASSED = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "rgt")
"""Modules the sandbox need not load anew for each workflow: 22 ms become 7."""


class Sandbox(SandboxedWorkflowRunner):
    """As its base, but a workflow is not tried out at every start of the worker: the suite does that."""

    def prepare_workflow(self, defn: _Definition) -> None:
        """Nothing: 60 ms of each start otherwise."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """A workflow run in a sandbox of its own."""
        return _WithoutContexts(det, self.runner_class, self.restrictions)


class _WithoutContexts(_Instance):
    """temporalio 1.35 compiles and runs code in the sandbox for every payload, about 17 times in the life of one
    update, to learn for which command it is converted. No converter or codec of ours asks."""

    def get_serialization_context(self, command_info: CommandInfo | None) -> None:
        """No context."""

    def get_external_store_context(self, command_info: CommandInfo | None) -> StorageDriverStoreContext:
        """No target: payloads of ours are never stored elsewhere."""
        return StorageDriverStoreContext(target=None)


async def _as_it_is(*_: Any, **__: Any) -> StorageOperationMetrics:
    """Payloads travel as they are: temporalio 1.35 walks through all of them six times for each task, for a codec and
    a storage elsewhere that the town does not have (`rgt.client.temporal.CONVERTER`)."""
    return StorageOperationMetrics()


def sandbox() -> SandboxedWorkflowRunner:
    """What workflows run in, in the worker and in replays: anything that would not replay is refused."""
    temporalio.bridge.worker.decode_activation = temporalio.bridge.worker.encode_completion = _as_it_is
    return Sandbox(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED))
