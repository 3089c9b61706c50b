"""Agents: polecats and crew, what is wrong with one, and what the witness makes of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.care import Living
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.rows import Row
from rgt.model.sessions import Remembering
from rgt.model.times import epoch
from rgt.model.work import MAX_DEATHS

Phase = Literal["starting", "working", "finishing", "asleep", "parking", "parked"]
Diagnosis = Literal["fine", "session_gone", "agent_exited", "orphan", "finished", "unknown"]
"""`session_gone`: tmux has no such session. `agent_exited`: the session is there, its process ended.
`orphan`: the agent lives but its item is closed or merged. `finished`: gone, and its item is done.
`unknown`: the item or the session cannot be read; nothing may be destroyed."""


def diagnose(session: bool | None, process: bool | None, item_state: str | None) -> Diagnosis:
    """What is the matter with an agent, from whether its tmux session and its process live and its item's state.

    None means: could not be read."""
    if session is None or process is None or item_state is None:
        return "unknown"
    over = item_state in ("submitted", "merging", "merged", "closed", "failed")
    if session and process:
        return "orphan" if item_state in ("merged", "closed", "failed") else "fine"
    if over:
        return "finished"
    return "agent_exited" if session else "session_gone"


class Polecat(Living, Remembering):
    """State of a polecat's workflow: one attempt at one item."""

    start: m.PolecatStart
    phase: Phase = "starting"
    generation: int = 1
    worktree: str = ""
    branch: str = ""
    done: bool = False
    stopped: bool = False
    asleep: bool = False
    restart: bool = False
    deaths: int = 0
    """Of its processes in this attempt."""
    lost: bool = False
    """The attempt has ended without `rgt done`."""
    unused: bool = False
    """It could not be started, and nothing is left of it."""
    diagnosis: Diagnosis = "fine"
    reported: Diagnosis = "fine"
    """What the witness was told last."""
    outcome: str = ""

    @property
    def address(self) -> str:
        """`<rig>/<name>`."""
        return f"{self.start.rig}/{self.start.name}"

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"polecat/{self.address}"

    @property
    def at_work(self) -> bool:
        return self.phase == "working"

    def row(self) -> Row:
        return Row(
            kind="polecat",
            id=self.address,
            rev=self.rev,
            state=self.doing or self.phase,
            title=self.start.title,
            rig=self.start.rig,
            agent=self.address,
            item=self.start.item,
            attempt=self.start.attempt,
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            pid=self.pid,
            mail=self.mail_count,
            alert=self.alert if self.at_work else "",
            gone=self.phase == "parked",
            cost=self.cost.micro // 1000,
            tokens=self.cost.tokens,
        )

    def to(self, phase: Phase) -> None:
        """Enter a phase; the witness hears of every change of the diagnosis, first that it works, and of the end."""
        self.phase = phase
        if phase == "working":
            self.diagnosis = "fine"
        if phase == "parked" or self.diagnosis != self.reported:
            self.reported = self.diagnosis
            now = m.AgentNow(agent=self.address, item=self.start.item, state=phase, diagnosis=self.diagnosis)
            self.tell(f"witness/{self.start.rig}", "agent_now", now)
        self.changed()

    def finished(self, c: m.Finished) -> None:
        """The work item has accepted `done`."""
        if c.item == self.start.item and c.attempt == self.start.attempt:
            self.done = True
            self.checkpoint = None

    def stop(self, c: m.Stop) -> None:
        """The item was taken back, closed or merged."""
        if c.item == self.start.item and c.attempt == self.start.attempt:
            self.stopped = True
            if c.released and self.phase == "working" and not (self.done or self.dead):
                self.diagnosis = diagnose(True, True, "closed")

    def mail(self, c: m.Mail) -> dict[str, Any]:
        if self.phase in ("finishing", "parking", "parked"):
            hint = f"`rgt work show {self.start.item}` is what goes on"
            raise RgtError("refused", f"{self.address} has left its item", hint, {"item": self.start.item})
        return super().mail(c)

    def hand_mail_on(self) -> None:
        """Letters that it never had go to its item, where the next attempt finds them."""
        for letter in self.mailbox.unread():
            told = m.Mail(by=letter.sender, text=letter.text, subject=letter.subject)
            self.tell(f"work/{self.start.item}", "letter", told)

    def kill(self, c: m.Empty) -> None:
        """A person ends the process; the work is kept and the attempt counts as lost."""
        if self.phase not in ("starting", "working"):
            raise RgtError("refused", f"{self.address} is {self.phase}", "see `rgt agents list`")
        self.stopped = True
        self.outcome = "killed"

    def again(self, c: m.Empty) -> None:
        """A person wants a fresh process on the same worktree."""
        if self.phase != "working":
            raise RgtError("refused", f"{self.address} is {self.phase}", "see `rgt agents list`")
        self.restart = True

    def handoff(self, c: m.Checkpointed) -> dict[str, str]:
        """The agent itself wants a fresh session on the same worktree."""
        written = self.hand_over(c, self.phase == "working" and not self.done)
        self.restart = True
        return written

    def ending(self) -> str:
        """How its present session ends, in a word or two."""
        if self.done or self.stopped:
            return "finished" if self.done else self.outcome or "stopped"
        if self.asleep or self.restart:
            return "put to sleep" if self.asleep else "handed over" if self.handing else "restarted"
        return self.status or "ended"

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep."""
        self.asleep = True

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        self.asleep = False

    def session_event(self, c: m.SessionEvent) -> None:
        """The watcher saw its session; other processes' news are not its own."""
        seen = c.nonce == self.nonce and c.generation == self.generation and c.kind != "alive"
        missed = c.kind == "missing" and (c.host, c.pid) == (self.start.host, self.pid) and self.phase == "working"
        if not (seen or missed):
            return
        self.is_dead(c)
        self.diagnosis = diagnose(c.kind in ("dead", "silent"), False, "submitted" if self.done else "in_progress")

    def died(self) -> bool:
        """Its process is dead and the item not done: whether another one may go on.

        The first death in an attempt is made good; the second, or the third of the item, ends the attempt."""
        self.pid = 0
        self.deaths += 1
        return self.deaths == 1 and self.start.deaths + self.deaths < MAX_DEATHS


class Crew(Living, Remembering):
    """State of a crew member's workflow: a persistent workspace with a session and a hook."""

    rig: str
    name: str
    host: str
    target: str = "main"
    source: str = ""
    state: Literal["founding", "stopped", "starting", "running", "asleep", "ended"] = "founding"
    wanted: bool = False
    """Whether its session should run."""
    asleep: bool = False
    removed: bool = False
    generation: int = 0
    deaths: int = 0
    restart: bool = False
    worktree: str = ""
    branch: str = ""
    runtime: str = ""
    item: str = ""
    attempt: int = 0
    title: str = ""
    error: str = ""

    @property
    def address(self) -> str:
        """`<rig>/<name>`."""
        return f"{self.rig}/{self.name}"

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"agent/{self.address}"

    @property
    def at_work(self) -> bool:
        return self.state == "running"

    def row(self) -> Row:
        return Row(
            kind="crew",
            id=self.address,
            rev=self.rev,
            state=self.doing or self.state,
            title=self.title,
            rig=self.rig,
            agent=self.address,
            item=self.item,
            attempt=self.attempt,
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            pid=self.pid,
            mail=self.mail_count,
            alert=self.error or (self.alert if self.at_work else self.mail_alert),
            gone=self.state == "ended",
            cost=self.cost.micro // 1000,
            tokens=self.cost.tokens,
        )

    def begin(self, c: m.Empty) -> None:
        """Start its session."""
        self.wanted, self.deaths, self.error = True, 0, ""
        self.changed()

    def stop(self, c: m.Empty) -> None:
        """End its session; the workspace stays."""
        self.wanted = False
        self.changed()

    def again(self, c: m.Empty) -> None:
        """A fresh process in the same workspace."""
        self.wanted, self.restart = True, True

    def handoff(self, c: m.Checkpointed) -> dict[str, str]:
        """The agent itself wants a fresh session in the same workspace."""
        written = self.hand_over(c, self.state == "running")
        self.restart = True
        return written

    def ending(self) -> str:
        """How its present session ends, in a word or two."""
        if self.restart:
            return "handed over" if self.handing else "restarted"
        if self.dead:
            return self.status or "ended"
        return "put to sleep" if self.asleep else "stopped"

    def remove(self, c: m.Empty) -> None:
        """End it and give its workspace back; refused while an item is on its hook."""
        if self.item:
            raise RgtError("refused", f"{self.address} works on {self.item}", f"`rgt unsling {self.item}` first")
        self.wanted, self.removed = False, True

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep."""
        self.asleep = True

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        self.asleep = False

    def assigned(self, c: m.Assigned) -> None:
        """An item is put on its hook; one at a time."""
        if self.item and self.item != c.item:
            busy = m.Lost(attempt=c.attempt, reason=f"{self.address} works on {self.item}")
            self.tell(f"work/{c.item}", "lost", busy)
            return
        self.item, self.attempt, self.title = c.item, c.attempt, c.title
        taken = m.Taken(agent=self.workflow, address=self.address, branch=self.branch, attempt=c.attempt)
        self.tell(f"work/{c.item}", "taken", taken)
        if self.state == "running":
            self.report_working()
        else:
            self.wanted = True
        self.changed()

    def report_working(self) -> None:
        """Tell the item that its agent's process runs."""
        if self.item:
            working = m.Working(attempt=self.attempt, generation=self.generation, pid=self.pid)
            self.tell(f"work/{self.item}", "working", working)

    def withdrawn(self, c: m.Withdrawn) -> None:
        """Its item was taken back, closed or merged."""
        self._clear(c.item)

    def finished(self, c: m.Finished) -> None:
        """Its `done` was accepted: the hook is free."""
        if self.checkpoint and self.checkpoint.item == c.item:
            self.checkpoint = None
        self._clear(c.item)

    def _clear(self, item: str) -> None:
        if self.item == item:
            self.item, self.attempt, self.title = "", 0, ""
            self.changed()

    def session_event(self, c: m.SessionEvent) -> None:
        """The watcher saw its session."""
        seen = c.nonce == self.nonce and c.generation == self.generation and c.kind != "alive"
        missed = c.kind == "missing" and (c.host, c.pid) == (self.host, self.pid) and self.state == "running"
        if seen or missed:
            self.is_dead(c)


class Seen(Model):
    """What the witness last heard of an agent."""

    item: str
    state: str
    diagnosis: str = ""
    since: str = ""


class Witness(Entity):
    """State of a witness: what it knows of the polecats of its rig."""

    rig: str
    agents: dict[str, Seen] = Field(default_factory=dict)
    asleep: bool = False
    ended: bool = False
    verdicts: list[str] = Field(default_factory=list)
    """What it found wrong, newest last."""

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"witness/{self.rig}"

    def row(self) -> Row:
        return Row(
            kind="witness",
            id=f"{self.rig}/witness",
            rev=self.rev,
            state="down" if self.asleep else "watching" if self.agents else "idle",
            rig=self.rig,
            attempt=len(self.agents),
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            gone=self.ended,
        )

    def agent_now(self, c: m.AgentNow) -> None:
        """A polecat says how it is."""
        before = len(self.agents)
        known = self.agents.get(c.agent)
        if c.state == "parked":
            self.agents.pop(c.agent, None)
        else:
            self.agents[c.agent] = Seen(item=c.item, state=c.state, diagnosis=c.diagnosis, since=c.since)
        told = known is not None and known.diagnosis == c.diagnosis
        if c.diagnosis not in ("", "fine", "finished") and not told:
            self.verdicts = [*self.verdicts[-49:], f"{c.agent} on {c.item}: {c.diagnosis}"]
        if bool(before) != bool(self.agents):
            self.changed()

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep."""
        self.asleep = True
        self.changed()

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        self.asleep = False
        self.changed()

    def end(self, c: m.Empty) -> None:
        """The rig leaves the town."""
        self.ended = True
        self.changed()
