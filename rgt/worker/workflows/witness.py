"""`witness/<rig>`: knows how the polecats of its rig are."""

from __future__ import annotations

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow, message

with workflow.unsafe.imports_passed_through():
    from rgt.model.agents import Witness


@workflow.defn(name="witness")
class WitnessWorkflow(EntityWorkflow[Witness]):
    """The shell of `Witness`."""

    @workflow.init
    def __init__(self, state: Witness) -> None:
        new = not state.created_at
        super().__init__(state)
        if new:
            state.changed()

    @workflow.run
    async def run(self, state: Witness) -> None:
        """Stay until the rig leaves the town."""
        await self.live(lambda: self.state.ended)

    agent_now = message(Witness.agent_now)
    down = message(Witness.down)
    up = message(Witness.up)
    end = message(Witness.end)
