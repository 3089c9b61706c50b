"""`host/<id>`: lends agent places and gate slots of one machine."""

from __future__ import annotations

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.town import Host


@workflow.defn(name="host")
class HostWorkflow(EntityWorkflow[Host]):
    """The shell of `Host`."""

    @workflow.init
    def __init__(self, state: Host) -> None:
        new = not state.created_at
        super().__init__(state)
        if new:
            state.changed()

    @workflow.run
    async def run(self, state: Host) -> None:
        """Stay for ever."""
        await self.live()

    resize = message(Host.resize)
    room_wanted = message(Host.room_wanted)
    slot_wanted = message(Host.slot_wanted)
    forget = message(Host.forget)
