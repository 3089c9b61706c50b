"""`work/<id>`: one work item from open to merged."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, command, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.messages import Done, Outcome, Tell
    from rgt.model.work import Work


@workflow.defn(name="work_item")
class WorkItemWorkflow(EntityWorkflow[Work]):
    """The shell of `Work`."""

    @workflow.init
    def __init__(self, state: Work) -> None:
        new = not state.created_at
        super().__init__(state)
        if new:
            state.start()

    @workflow.run
    async def run(self, state: Work) -> str:
        """Stay until merged, or until seven days after it was closed."""
        self.start()
        while not self.state.final:
            wake = self.state.next_wake()
            left = datetime.fromisoformat(wake) - workflow.now() if wake else None
            if left is not None and left <= timedelta(0):
                break
            try:
                await workflow.wait_condition(
                    lambda: self.state.final or self.full() or self.state.next_wake() != wake,  # noqa: B023
                    timeout=left,
                )
            except TimeoutError:
                continue
            if self.full() and not self.state.final:
                await self.renew()
        await self.settled()
        return self.state.state

    queue = command(Work.queue)
    unsling = command(Work.unsling)
    done = command(Work.done, told=True)
    escalate = command(Work.escalate)
    ack = command(Work.ack)
    close = command(Work.close)
    reopen = command(Work.reopen)
    edit = command(Work.edit)
    retry = command(Work.retry)
    drop = command(Work.drop)
    remark = command(Work.remark)

    blocking = message(Work.blocking)
    need_ended = message(Work.need_ended)
    fixed = message(Work.fixed)
    taken = message(Work.taken)
    working = message(Work.working)
    lost = message(Work.lost)
    left = message(Work.left)
    merging = message(Work.merging)
    merged = message(Work.merged)
    rejected = message(Work.rejected)
    parked = message(Work.parked)
    letter = message(Work.letter)
    hold = message(Work.hold)

    @workflow.signal
    async def done_requested(self, c: Done) -> None:
        """`rgt done` while no worker lived: its proof is checked now."""
        good = await self.local("check_proof", {"item": self.state.id, "done": c.model_dump(mode="json")}, bool)
        self.clock()
        self.state.done_left(c, good)
        self.publish()

    def undelivered(self, tell: Tell) -> None:
        """A message reached nobody: the item says what that means. A need that has ended is looked up."""
        if tell.signal == "blocking":
            self._looking = asyncio.create_task(self._look_at_ended(tell.to))
        else:
            self.state.undelivered(tell)

    async def _look_at_ended(self, need: str) -> None:
        state = await self.local("ended_state", need, str)
        self.clock()
        self.state.need_ended(Outcome(item=need.partition("/")[2], state=state))
        self.publish()
