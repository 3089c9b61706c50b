"""`boot`: what must be open in this town is open, and the town's sleep and waking."""

from __future__ import annotations

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, command, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.messages import HostName
    from rgt.model.town import Boot


@workflow.defn(name="boot")
class BootWorkflow(EntityWorkflow[Boot]):
    """The shell of `Boot`; `back` of a host makes it look whether every rig is open."""

    @workflow.init
    def __init__(self, state: Boot) -> None:
        new = not state.created_at
        super().__init__(state)
        self._look = False
        if new:
            state.changed()

    @workflow.run
    async def run(self, state: Boot) -> None:
        """Stay for ever; bring back what ended wrongly whenever a host comes up."""
        self.start()
        while True:
            await workflow.wait_condition(lambda: self._look or self.full())
            if self._look:
                self._look = False
                await self.local("reopen_rigs", self.state.rigs, list[str])
            if self.full():
                await self.renew()

    register = message(Boot.register)
    hire = message(Boot.hire)
    dismiss = message(Boot.dismiss)
    forget = message(Boot.forget)
    down = command(Boot.down, told=True)
    up = command(Boot.up, told=True)

    @workflow.signal
    def back(self, c: HostName) -> None:
        """A host has come up."""
        self.hear(Boot.back, c)
        self._look = True
