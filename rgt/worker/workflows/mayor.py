"""`mayor`: takes escalations and alerts, keeps the ledger and the budgets; its model session starts when it is first
needed."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, command, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.budgets import BudgetList
    from rgt.model.messages import Tell
    from rgt.model.spending import CostFilter, Costs
    from rgt.model.town import Mayor


@workflow.defn(name="mayor")
class MayorWorkflow(EntityWorkflow[Mayor]):
    """The shell of `Mayor`."""

    @workflow.init
    def __init__(self, state: Mayor) -> None:
        new = not state.created_at
        super().__init__(state)
        if new:
            state.changed()

    @workflow.run
    async def run(self, state: Mayor) -> None:
        """Stay for ever; wake at the turn of a day on which somebody has to wait."""
        self.start()
        while True:
            wake = self.state.next_wake()
            left = datetime.fromisoformat(wake) - workflow.now() if wake else None
            if left is not None and left <= timedelta(0):
                self.clock()
                self.state.day_turned()
                self.publish()
                continue
            try:
                await workflow.wait_condition(
                    lambda: self.full() or self.state.next_wake() != wake,  # noqa: B023
                    timeout=left,
                )
            except TimeoutError:
                continue
            if self.full():
                await self.renew()

    def undelivered(self, tell: Tell) -> None:
        """A message reached nobody: an item that has ended needs no budget."""
        super().undelivered(tell)
        self.state.over.pop(tell.to.partition("/")[2], None)

    @workflow.query
    def costs(self, c: CostFilter) -> Costs:
        """Sums of what was spent."""
        return self.state.costs(c)

    @workflow.query
    def budgets(self, day: str) -> BudgetList:
        """Budgets, with what was spent of them on this day."""
        return BudgetList(rows=self.state.budget_rows(day))

    alert = message(Mayor.alert)
    mail = command(Mayor.mail)
    mail_claim = command(Mayor.mail_claim)
    mail_had = command(Mayor.mail_had)
    mail_read = command(Mayor.mail_read)
    post = command(Mayor.post)
    desk_read = command(Mayor.desk_read)
    spent = message(Mayor.spent)
    budget_defaults = message(Mayor.budget_defaults)
    budget_set = command(Mayor.budget_set)
    rig_opened = message(Mayor.rig_opened)
    rig_closed = message(Mayor.rig_closed)
    down = message(Mayor.down)
    up = message(Mayor.up)
