"""The shell around agents that have a process: what their state wants done about them at a certain time is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from rgt.client.failures import cause
from rgt.worker.entity import EntityWorkflow
from rgt.worker.jobs import Ring

with workflow.unsafe.imports_passed_through():
    from rgt.model.agents import Crew, Polecat

A = TypeVar("A", Polecat, Crew)


class LivingWorkflow(EntityWorkflow[A]):
    """Base of the workflows of agents."""

    async def attend(self, host: str, over: Callable[[], bool]) -> None:
        """Wait until `over`; meanwhile ring the agent, or tell a person, when the state says that it is time."""
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
            text = self.state.due()
            self.publish()
            if text:
                ringing = asyncio.create_task(self._ring(host, text))
                await workflow.wait_condition(lambda: over() or ringing.done())  # noqa: B023

    async def _ring(self, host: str, text: str) -> None:
        s = self.state
        job = Ring(
            agent=s.workflow,
            address=s.address,
            nonce=s.nonce,
            generation=s.generation,
            text=text,
            idle=s.activity in ("limited", "failed"),
        )
        try:
            await self.on_host(host, "ring", job, bool, seconds=30, tries=3)
        except ActivityError as e:
            workflow.logger.info("%s was not rung: %s", s.address, cause(e).line())
