"""`agent/<rig>/<name>`: a crew member, its workspace, its session and its hook."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from rgt.client.failures import cause
from rgt.worker.entity import command, message
from rgt.worker.jobs import StartCrew, Started
from rgt.worker.living import LivingWorkflow

with workflow.unsafe.imports_passed_through():
    from rgt.model.agents import Crew
    from rgt.model.messages import Assigned

DEATHS = 3
"""So many deaths in a row end the session until a person starts it again."""


@workflow.defn(name="agent")
class CrewWorkflow(LivingWorkflow[Crew]):
    """The shell of `Crew`: brings its session to where it is wanted."""

    @workflow.init
    def __init__(self, state: Crew) -> None:
        super().__init__(state)
        if state.state == "founding":
            state.state = "stopped"
            state.tell("boot", "hire", Assigned(item=state.workflow, attempt=0))
            state.changed()

    @workflow.run
    async def run(self, state: Crew) -> None:
        """Stay until removed."""
        self.start()
        s = self.state
        while s.state != "ended":
            await self.attend(lambda: self._due() or self.full())
            if s.state == "running" and s.dead and not s.restart:
                s.session_closed(s.ending())
                s.deaths += 1
                s.state, s.pid = "stopped", 0
                if s.unborn:
                    s.wanted, s.error = False, f"it could not be started: {s.unborn_line}"
                    await self._end_process()
                elif s.deaths >= DEATHS:
                    s.wanted, s.error = False, f"its session died {s.deaths} times ({s.status})"
                s.changed()
            elif s.state == "running" and (not self._should_run() or s.restart):
                await self._end()
            elif s.state == "stopped" and s.removed:
                await self._remove()
            elif s.state == "stopped" and self._should_run():
                await self._begin()
            self.clock()
            self.publish()
            if self.full():
                await self.renew()
        await self.settled()

    def _should_run(self) -> bool:
        return self.state.wanted and not self.state.asleep and not self.state.removed

    def _due(self) -> bool:
        s = self.state
        if s.state == "running":
            return s.dead or s.restart or not self._should_run()
        return s.removed or self._should_run()

    def _job(self) -> StartCrew:
        s = self.state
        return StartCrew(
            rig=s.rig,
            name=s.name,
            host=s.host,
            target=s.target,
            source=s.source,
            nonce=s.nonce,
            generation=s.generation,
            item=s.item,
            runtime=s.runtime,
            handoff=s.handing,
        )

    async def _begin(self) -> None:
        s = self.state
        s.generation += 1
        s.nonce = str(workflow.uuid4())
        s.state, s.dead, s.restart = "starting", False, False
        s.renewed()
        job = self._job()
        began = "handoff" if s.handing else "resumed" if s.generation > 1 else "start"
        s.session_opened(s.nonce, s.generation, s.item, s.attempt, began)
        s.changed()
        self.publish()
        try:
            started: Started = await self.on_host(s.host, "start_crew", job, Started, seconds=120, tries=3)
        except ActivityError as e:
            s.state, s.wanted, s.error = "stopped", False, cause(e).line()
        else:
            s.state, s.pid, s.worktree, s.branch = "running", started.pid, started.worktree, started.branch
            s.care.dialog_seconds, s.mailbox.minutes = started.dialog_seconds, started.mail_minutes
            s.report_working()
        s.changed()

    async def _end(self) -> None:
        s = self.state
        s.session_closed(s.ending())
        s.restart = False
        await self._end_process()
        s.state, s.pid = "stopped", 0
        s.changed()

    async def _end_process(self) -> None:
        await self.on_host(self.state.host, "end_crew", self._job(), bool, seconds=120, tries=5)

    async def _remove(self) -> None:
        s = self.state
        try:
            await self.on_host(s.host, "remove_crew", self._job(), bool, seconds=120, tries=3)
        except ActivityError as e:
            s.removed, s.error = False, f"its workspace is kept: {cause(e).line()}"
        else:
            s.state = "ended"
            leaving = Assigned(item=s.name, attempt=0)
            s.tell(f"rig/{s.rig}", "leave", leaving)
            s.tell("boot", "dismiss", Assigned(item=s.workflow, attempt=0))
        s.changed()

    begin = command(Crew.begin)
    stop = command(Crew.stop)
    restart = command(Crew.again, name="restart")
    handoff = command(Crew.handoff)
    checkpoint = command(Crew.write, name="checkpoint")
    forget = command(Crew.forget)
    remove = command(Crew.remove)
    mail = command(Crew.mail)
    mail_claim = command(Crew.mail_claim)
    mail_had = command(Crew.mail_had)
    mail_read = command(Crew.mail_read)
    assigned = message(Crew.assigned)
    session_event = message(Crew.session_event)
    agent_event = message(Crew.agent_event)
    session_begun = message(Crew.session_begun)
    spent = message(Crew.spent)
    down = message(Crew.down)
    up = message(Crew.up)
    withdrawn = message(Crew.withdrawn)
    finished = message(Crew.finished)
