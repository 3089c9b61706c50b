"""`mayor`: takes escalations and alerts; its model session starts when it is first needed."""

from __future__ import annotations

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, command, message

with workflow.unsafe.imports_passed_through():
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
        """Stay for ever."""
        await self.live()

    alert = message(Mayor.alert)
    mail = command(Mayor.mail)
    mail_claim = command(Mayor.mail_claim)
    mail_had = command(Mayor.mail_had)
    mail_read = command(Mayor.mail_read)
    post = command(Mayor.post)
    desk_read = command(Mayor.desk_read)
    down = message(Mayor.down)
    up = message(Mayor.up)
