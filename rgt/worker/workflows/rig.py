"""`rig/<rig>`: the life of one repository; dispatches polecats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from rgt.client.failures import cause
from rgt.worker.entity import EntityWorkflow, as_failure, command, message
from rgt.worker.jobs import Founded, Founding, Recycle
from rgt.worker.workflows.polecat import PolecatWorkflow
from rgt.worker.workflows.refinery import RefineryWorkflow
from rgt.worker.workflows.witness import WitnessWorkflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from rgt.client.reach import TASK
    from rgt.model.agents import Polecat, Witness
    from rgt.model.messages import PolecatStart
    from rgt.model.refinery import Refinery
    from rgt.model.rig import Rig, Start

ABANDON = workflow.ParentClosePolicy.ABANDON
CLOSING = 15
"""How often the start of a polecat is tried while the one before it, of the same name, closes."""


@workflow.defn(name="rig")
class RigWorkflow(EntityWorkflow[Rig]):
    """The shell of `Rig`."""

    @workflow.init
    def __init__(self, state: Rig) -> None:
        super().__init__(state)
        self._recycling: dict[str, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, state: Rig) -> str:
        """Found the hub, boot witness and refinery, then dispatch until the rig leaves the town."""
        self.start()
        if self.state.state == "founding":
            await self._found()
        while self.state.state not in ("failed", "removed"):
            await workflow.wait_condition(
                lambda: (
                    self.state.may_admit
                    or bool(self._releasable())
                    or self.state.state in ("failed", "removed")
                    or self.full()
                )
            )
            if self.state.may_admit:
                await self._dispatch()
            for item, name in self._releasable():
                self._recycling[item] = asyncio.create_task(self._recycle(item, name))
            if self.full() and self.state.state != "removed":
                await workflow.wait_condition(lambda: not self._recycling)
                await self.renew()
        await workflow.wait_condition(lambda: not self._recycling)
        if self.state.state == "removed":
            await self.on_host(self.state.host, "put_away", self.state.name, None, seconds=60, tries=3)
        await self.settled()
        return self.state.state

    async def _found(self) -> None:
        founding = Founding(rig=self.state.name, config=self.state.config)
        try:
            founded = await self.on_host(self.state.host, "found_rig", founding, Founded, seconds=1800, tries=1)
        except ActivityError as e:
            self.state.failed(cause(e))
        else:
            self.state.founded(founded.config)
            await self._open_parts()
            self.state.ask()
        self.clock()
        self.publish()

    async def _open_parts(self) -> None:
        name = self.state.name
        await self._open(WitnessWorkflow.run, Witness(rig=name), f"witness/{name}")
        await self._open(RefineryWorkflow.run, Refinery(config=self.state.refinery_start()), f"refinery/{name}")

    async def _open(self, run: Callable[..., Awaitable[Any]], state: BaseModel, id: str) -> None:
        """Start a workflow that lives on by itself; one that is open already is fine."""
        try:
            await workflow.start_child_workflow(run, state, id=id, parent_close_policy=ABANDON, task_timeout=TASK)
        except WorkflowAlreadyStartedError:
            workflow.logger.info("%s is open already", id)

    async def _dispatch(self) -> None:
        starts = await self.local("admit", self.state.admission(), list[Start])
        begins = [self.state.started(start.name, start.item) for start in starts]
        await asyncio.gather(*(self._start_polecat(begin) for begin in begins if begin is not None))
        self.clock()
        self.publish()

    async def _start_polecat(self, begin: PolecatStart) -> None:
        polecat = Polecat(start=begin, branch=begin.branch, nonce=str(workflow.uuid4()))
        for _ in range(CLOSING):
            try:
                await workflow.start_child_workflow(
                    PolecatWorkflow.run, polecat, id=polecat.workflow, parent_close_policy=ABANDON, task_timeout=TASK
                )
            except WorkflowAlreadyStartedError:
                # The attempt before has said that it ended and is about to close: the item keeps its name and worktree.
                await workflow.sleep(timedelta(milliseconds=200))
            else:
                return
        # A polecat of an earlier life of this rig still works: its place is taken until it says so.
        workflow.logger.warning("%s is still open", polecat.workflow)
        self.state.postpone(begin)

    def _releasable(self) -> list[tuple[str, str]]:
        """Worktrees that may be recycled and are not yet; dispatch does not wait for it, which may take seconds."""
        return [(i, name) for i, name in self.state.releasable() if i not in self._recycling]

    async def _recycle(self, item: str, name: str) -> None:
        job = Recycle(rig=self.state.name, name=name, item=item)
        try:
            await self.on_host(self.state.host, "recycle", job, bool, seconds=120, tries=3)
        except ActivityError as e:
            self.state.keep_worktree(item, cause(e).message)
        else:
            self.state.released(item)
        finally:
            del self._recycling[item]

    park = command(Rig.park)
    unpark = command(Rig.unpark)
    dock = command(Rig.dock)
    undock = command(Rig.undock)
    remove = command(Rig.remove, told=True)
    join = command(Rig.join)
    leave = message(Rig.leave)
    reconfigure = message(Rig.reconfigure)
    wanted = message(Rig.wanted)
    withdrawn = message(Rig.withdrawn)
    granted = message(Rig.granted)
    hold = message(Rig.hold)
    ended = message(Rig.ended)
    down = message(Rig.down)
    up = message(Rig.up)

    @workflow.update
    async def ready(self) -> str:
        """Answer when the rig stands; refuse with the reason when it could not be founded."""
        await workflow.wait_condition(lambda: self.state.state != "founding")
        error = self.state.founding_error()
        if error:
            raise as_failure(error)
        return self.state.state
