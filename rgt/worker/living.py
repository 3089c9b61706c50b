"""The shell around agents that have a process: what their state wants done about them at a certain time is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow

from rgt.worker.entity import EntityWorkflow

with workflow.unsafe.imports_passed_through():
    from rgt.model.agents import Crew, Polecat

A = TypeVar("A", Polecat, Crew)


class LivingWorkflow(EntityWorkflow[A]):
    """Base of the workflows of agents."""

    async def attend(self, over: Callable[[], bool]) -> None:
        """Wait until `over`; meanwhile have something to say to the agent, or to a person, when the state says that it
        is time. Whatever waits for an agent is a row that its machine rings for."""
        while not over():
            wake = self.state.next_wake()
            left = datetime.fromisoformat(wake) - workflow.now() if wake else None
            if left is None or left > timedelta(0):
                try:
                    await workflow.wait_condition(
                        lambda: over() or self.state.next_wake() != wake,  # noqa: B023
                        timeout=left,
                    )
                except TimeoutError:
                    workflow.logger.debug("%s is %s since long", self.state.address, self.state.activity)
                continue
            self.clock()
            self.state.due()
            self.publish()
