"""Host-free activities: telling other workflows, and decisions that may change between releases."""

from __future__ import annotations

import asyncio
import logging

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from rgt.client.reach import QUEUE, TASK, attributes
from rgt.host.config import read_rig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.messages import Done, Tell
from rgt.model.planner import Run, plan
from rgt.model.queue import Entry
from rgt.model.rig import Admission, Rig, Start, admit
from rgt.model.tokens import proof, token
from rgt.worker.activities.publishing import Publisher
from rgt.worker.jobs import Proof

log = logging.getLogger(__name__)


class TownActivities:
    """Activities that need only Temporal and the home's key."""

    def __init__(self, client: Client, home: Home, key: str, host: str) -> None:
        self.client = client
        self.home = home
        self.key = key
        self.host = host
        self.publisher = Publisher(client)

    @activity.defn(name="tell")
    async def tell(self, batch: list[Tell]) -> list[int]:
        """Send messages, in order for each receiver; gives the indexes of those whose receiver does not exist."""
        by_receiver: dict[str, list[int]] = {}
        for index, message in enumerate(batch):
            by_receiver.setdefault(message.to, []).append(index)
        lost = await asyncio.gather(*(self._send(batch, indexes) for indexes in by_receiver.values()))
        return sorted(i for part in lost for i in part)

    async def _send(self, batch: list[Tell], indexes: list[int]) -> list[int]:
        if batch[indexes[0]].to == "town":
            await self.publisher.publish([row for index in indexes for row in batch[index].payload["rows"]])
            return []
        lost = []
        for index in indexes:
            message = batch[index]
            try:
                await self.client.get_workflow_handle(message.to).signal(message.signal, message.payload)
            except RPCError as e:
                if e.status != RPCStatusCode.NOT_FOUND:
                    raise
                lost.append(index)
        return lost

    @activity.defn(name="plan")
    async def plan(self, queue: list[Entry]) -> list[Run]:
        """What the merge queue tests next."""
        return plan(queue, [])

    @activity.defn(name="admit")
    async def admit(self, admission: Admission) -> list[Start]:
        """Which items get a polecat next."""
        return admit(admission)

    @activity.defn(name="check_proof")
    async def check_proof(self, given: Proof) -> bool:
        """Whether a `done` that came while no worker lived is really from its agent."""
        done = Done.model_validate(given.done)
        if not done.agent:
            return False
        expected = proof(token(self.key, done.agent, done.generation), given.item, done.branch, done.head)
        return expected == done.proof

    @activity.defn(name="ended_state")
    async def ended_state(self, workflow: str) -> str:
        """State in which an item ended; `closed` when nothing is known of it any more.

        It is what its workflow gave back. To ask a workflow that has ended, the worker would have to live through it
        again, while the one that waits for this keeps others from their turn."""
        handle = self.client.get_workflow_handle(workflow)
        try:
            if await self._runs(workflow):
                shown = await handle.query("show", result_type=dict)
                return str(shown["state"])
            return str(await handle.result())
        except WorkflowFailureError:
            return "closed"
        except RPCError as e:
            if e.status != RPCStatusCode.NOT_FOUND:
                raise
            return "closed"

    @activity.defn(name="reopen_rigs")
    async def reopen_rigs(self, rigs: dict[str, str]) -> list[str]:
        """Open every rig whose workflow has ended wrongly, from its rig.toml; gives those that were opened."""
        opened = []
        for name, host in rigs.items():
            if await self._runs(f"rig/{name}"):
                continue
            try:
                config = read_rig(self.home, name)
            except RgtError as e:
                log.warning("rig %s cannot be opened: %s", name, e.line())
                continue
            await self.client.start_workflow(
                "rig",
                Rig(name=name, host=host, config=config),
                id=f"rig/{name}",
                task_queue=QUEUE,
                task_timeout=TASK,
                search_attributes=attributes("rig", name),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            opened.append(name)
        return opened

    async def _runs(self, workflow: str) -> bool:
        try:
            description = await self.client.get_workflow_handle(workflow).describe()
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return description.status == WorkflowExecutionStatus.RUNNING
