"""`polecat/<rig>/<name>`: one attempt at one item, from worktree to parked."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from rgt.client.failures import cause
from rgt.worker.entity import command, message
from rgt.worker.jobs import EndAgent, EndedAgent, StartAgent, Started
from rgt.worker.living import LivingWorkflow

with workflow.unsafe.imports_passed_through():
    from rgt.model.agents import Polecat
    from rgt.model.messages import Ended, Left, Lost, Working
    from rgt.model.runtime import Mode

OVERTAKING = timedelta(milliseconds=500)
"""A death is seen within a millisecond and overtakes the message that the work was finished."""
LEAVE = timedelta(seconds=10)
"""How long an agent may go on after its `done`."""


@workflow.defn(name="polecat")
class PolecatWorkflow(LivingWorkflow[Polecat]):
    """The shell of `Polecat`: each turn of the loop does what its phase asks for."""

    @workflow.init
    def __init__(self, state: Polecat) -> None:
        new = not state.created_at
        super().__init__(state)
        if new:
            state.to("starting")
            self._launching = True

    @workflow.run
    async def run(self, state: Polecat) -> str:
        """Start, work, finish; give back how the attempt ended."""
        self.start()
        while (phase := self.state.phase) != "parked":
            if phase == "starting":
                await self._start()
            elif phase == "working":
                await self._work()
            elif phase == "finishing":
                await self._leave()
            elif phase == "asleep":
                await self._sleep()
            else:
                await self._park()
            self.clock()
            self.publish()
            if self.full():
                await self.renew()
        await self.settled()
        return self.state.outcome

    def _lose(self, reason: str, *, head: str = "", landed: bool = False, notes: str = "") -> None:
        s = self.state
        s.outcome = s.outcome or reason
        s.lost = not landed
        lost = Lost(
            attempt=s.start.attempt,
            generation=s.generation,
            reason=reason,
            notes=notes or (s.checkpoint.text if s.checkpoint else ""),
            head=head,
            branch=s.branch,
            landed=landed,
            deaths=s.deaths,
        )
        s.tell(f"work/{s.start.item}", "lost", lost)
        s.to("parking")

    async def _start(self) -> None:
        s = self.state
        mode: Mode = "start"
        if s.handing:
            mode = "handoff"
        elif s.generation > 1:
            mode = "resumed"
        elif s.start.rejected:
            mode = "rejected"
        s.dead, s.restart = False, False
        s.session_opened(s.nonce, s.generation, s.start.item, s.start.attempt, mode)
        job = StartAgent(start=s.start, nonce=s.nonce, generation=s.generation, mode=mode, branch=s.branch)
        try:
            started = await self.launch(self.on_host(s.start.host, "start_agent", job, Started, seconds=120, tries=3))
        except ActivityError as e:
            why = cause(e)
            s.died()
            s.unused = bool(why.data.get("unused"))
            self._lose(f"it could not be started: {why.line()}")
            return
        s.pid, s.worktree = started.pid, started.worktree
        s.care.dialog_seconds, s.mailbox.minutes = started.dialog_seconds, started.mail_minutes
        s.care.idle_minutes = started.idle_minutes
        if started.outcome == "landed":
            self._lose("its work is in the target already", head=started.head, landed=True)
        elif started.outcome == "refused":
            s.outcome = started.reason
            s.to("parking")
        else:
            s.to("working")
            working = Working(attempt=s.start.attempt, generation=s.generation, pid=s.pid)
            s.tell(f"work/{s.start.item}", "working", working)

    async def _work(self) -> None:
        s = self.state
        await self.attend(lambda: s.done or s.stopped or s.dead or s.asleep or s.restart or self.full())
        if s.dead and not (s.done or s.stopped):
            try:
                await workflow.wait_condition(lambda: s.done or s.stopped, timeout=OVERTAKING)
            except TimeoutError:
                workflow.logger.info("%s died without `done`: %s", s.address, s.status)
        if s.done:
            s.outcome = "finished"
            s.to("finishing")
        elif s.stopped:
            s.outcome = s.outcome or "stopped"
            if s.outcome == "killed":
                self._lose("killed by a person")
            else:
                s.to("parking")
        elif s.asleep:
            await self._end_session()
            s.to("asleep")
        elif s.restart:
            await self._end_session()
            self._next_generation()
        elif s.dead:
            if s.unborn:
                s.died()
                self._lose(f"it could not be started: {s.unborn_line}", notes=s.unborn)
            elif s.died():
                self._next_generation()
            else:
                self._lose(f"the agent died ({s.status})")

    def _next_generation(self) -> None:
        self.state.session_closed(self.state.ending())
        self.state.generation += 1
        self.state.nonce = str(workflow.uuid4())
        self.state.renewed()
        self.state.to("starting")

    async def _leave(self) -> None:
        s = self.state
        if not s.dead:
            try:
                await workflow.wait_condition(lambda: s.dead or s.asleep, timeout=LEAVE)
            except TimeoutError:
                workflow.logger.info("%s still runs after its `done`", s.address)
        s.diagnosis = "finished"
        s.to("parking")

    async def _sleep(self) -> None:
        s = self.state
        await workflow.wait_condition(lambda: not s.asleep or s.stopped or s.done or self.full())
        if s.stopped or s.done:
            s.outcome = "stopped" if s.stopped else "finished"
            s.to("parking")
        elif not s.asleep:
            self._next_generation()

    async def _park(self) -> None:
        left = await self._end_session()
        s = self.state
        s.pid = 0
        s.hand_mail_on()
        if left:
            s.tell(f"work/{s.start.item}", "left", Left(attempt=s.start.attempt, left=left))
        ended = Ended(name=s.start.name, item=s.start.item, attempt=s.start.attempt, outcome=s.outcome)
        ended.unused = s.unused
        s.tell(f"rig/{s.start.rig}", "ended", ended)
        s.to("parked")

    async def _end_session(self) -> str:
        """End its process; gives what is left of work that is lost."""
        s = self.state
        s.session_closed(s.ending())
        job = EndAgent(start=s.start, nonce=s.nonce, generation=s.generation, lost=s.lost)
        try:
            ended: EndedAgent = await self.on_host(s.start.host, "end_agent", job, EndedAgent, seconds=120, tries=5)
        except ActivityError as e:
            s.fault(f"ending the session: {cause(e).line()}")
            return ""
        return ended.left

    finished = message(Polecat.finished)
    stop = message(Polecat.stop)
    kill = command(Polecat.kill)
    mail = command(Polecat.mail)
    mail_claim = command(Polecat.mail_claim)
    mail_had = command(Polecat.mail_had)
    mail_read = command(Polecat.mail_read)
    restart = command(Polecat.again, name="restart")
    handoff = command(Polecat.handoff)
    checkpoint = command(Polecat.write, name="checkpoint")
    forget = command(Polecat.forget)
    down = message(Polecat.down)
    up = message(Polecat.up)
    session_event = message(Polecat.session_event)
    agent_event = message(Polecat.agent_event)
    session_begun = message(Polecat.session_begun)
    spent = message(Polecat.spent)
