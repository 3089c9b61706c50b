"""`refinery/<rig>`: the merge queue."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from rgt.client.failures import cause
from rgt.worker.entity import EntityWorkflow, command, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.planner import Run
    from rgt.model.queue import Entry, Verdict
    from rgt.model.refinery import Refinery
    from rgt.model.rows import Row


@workflow.defn(name="refinery")
class RefineryWorkflow(EntityWorkflow[Refinery]):
    """The shell of `Refinery`: asks the planner, runs, settles."""

    @workflow.init
    def __init__(self, state: Refinery) -> None:
        self._entries: list[str] = []
        self._running = False
        super().__init__(state)

    @workflow.run
    async def run(self, state: Refinery) -> None:
        """Stay until the rig leaves the town."""
        self._entries = [r.id for r in self.state.entry_rows()]
        self.state.start()
        self.start()
        while not self.state.ended:
            await workflow.wait_condition(lambda: self.state.ready or self.state.ended or self.full())
            if self.state.ready and not self.state.ended:
                await self._run_next()
            if self.full():
                await self.renew()
        await self.settled()

    async def _run_next(self) -> None:
        s = self.state
        queue = [q.entry for q in s.queue]
        # One entry leaves nothing to decide, and that is the ordinary case.
        runs = await self.local("plan", queue, list[Run]) if len(queue) > 1 else [Run(slot="slot-0", entries=queue)]
        for run in runs:
            entry = run.entries[0]
            if not any(q.entry.id == entry.id for q in s.queue):
                continue
            self.clock()
            s.testing(entry)
            self.publish()
            self._running = True
            verdict = await self.launch(self._refine(entry))
            self.clock()
            pause = s.settle(entry, verdict)
            self.publish()
            if pause:
                await workflow.sleep(timedelta(seconds=pause))
            self._running = False

    async def _refine(self, entry: Entry) -> Verdict:
        s = self.state
        try:
            verdict: Verdict = await self.on_host(
                s.config.host, "refine", s.job([entry]), Verdict, seconds=24 * 3600, tries=0
            )
        except ActivityError as e:
            return Verdict(kind="infra_error", item=entry.item, head=entry.head, message=cause(e).line())
        return verdict

    def holding(self) -> bool:
        """A run that may begin begins before anything is told of it."""
        return super().holding() or (self.state.ready and not self._running and not self.state.ended)

    def rows(self) -> list[Row]:
        """The refinery's own row, the rows of its entries, and those that left."""
        now = {r.id: r for r in self.state.entry_rows()}
        gone = [Row(kind="entry", id=id, rev=self.state.rev, gone=True) for id in self._entries if id not in now]
        self._entries = list(now)
        return [self.state.row(), *now.values(), *gone]

    submitted = message(Refinery.submitted)
    withdrawn = message(Refinery.withdrawn)
    granted = message(Refinery.granted)
    reconfigure = message(Refinery.reconfigure)
    pause = command(Refinery.pause)
    resume = command(Refinery.resume)
    down = message(Refinery.down)
    up = message(Refinery.up)
    end = message(Refinery.end)
