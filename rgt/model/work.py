"""The work item: its states and what moves it from one to the next (`flows.md`, table of states)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from rgt.model import messages as m
from rgt.model.budgets import Held
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.handing import entry_of, fixed_of, wanted_of
from rgt.model.newwork import Escalation, NewWork, remember
from rgt.model.queue import Verdict
from rgt.model.rows import Row
from rgt.model.times import iso
from rgt.model.tries import Tries
from rgt.model.workrow import row_of

State = Literal[
    "open", "blocked", "queued", "assigned", "in_progress", "submitted", "merging", "merged", "closed", "failed"
]
WORKING: tuple[State, ...] = ("assigned", "in_progress")
OVER: tuple[State, ...] = ("merged", "closed", "failed")
MAX_DEATHS = 3
"""Deaths of an item's agents, over all attempts since it was slung, after which a person is asked."""
KEPT_CLOSED = timedelta(days=7)
"""How long a closed item stays open as a workflow."""


class Work(Entity, NewWork, Tries):
    """One work item, whole. Every method is one message; it changes the state and fills the outbox, or refuses."""

    state: State = "open"
    target: str = ""
    to_agent: str = ""
    runtime: str = ""
    attempt: int = 0
    generation: int = 0
    deaths: int = 0
    rejections: int = 0
    agent: str = ""
    """Workflow id of the agent that has or last had it."""
    address: str = ""
    branch: str = ""
    head: str = ""
    summary: str = ""
    sha: str = ""
    """The commit in the target, once merged."""
    pid: int = 0
    unmet: list[str] = Field(default_factory=list)
    blocks: list[str] = Field(default_factory=list)
    reason: str = ""
    """Why it is blocked or parked; empty while it only waits for `unmet`."""
    notes: list[str] = Field(default_factory=list)
    """What else the next attempt should know."""
    verdict: Verdict | None = None
    escalation: Escalation | None = None
    closed_at: str = ""
    held: str = ""
    """Why nobody may work on it: its budget is spent."""
    waits: bool = False
    """It goes on by itself when there is room in its budget again."""
    sent_back: bool = False
    """The present attempt is to mend what the queue has sent back."""
    unanswered: bool = False
    """The queue has sent `head` back, and since then nobody has finished, tried again, slung or taken back the item."""
    carries: list[str] = Field(default_factory=list)
    """Heads of the item that it fixes which have landed with it."""

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"work/{self.id}"

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.state == "merged"

    def row(self) -> Row:
        return row_of(self)

    def next_wake(self) -> str:
        return iso(datetime.fromisoformat(self.closed_at) + KEPT_CLOSED) if self.state == "closed" else ""

    def _to(self, state: State, reason: str = "") -> None:
        if state not in ("submitted", "merging", *OVER):
            # The same head may be finished once more: what was answered the first time is no answer then.
            self.answers = {k: v for k, v in self.answers.items() if not k.startswith("done:")}
        if state in ("open", "submitted", *OVER):
            self.unanswered = False
        self.state, self.reason, self.waits = state, reason, False
        self.closed_at = self.updated_at if state == "closed" else ""
        self.changed()

    def _refuse(self, what: str, hint: str) -> RgtError:
        return RgtError("refused", f"{self.id} is {self.state}: {what}", hint, {"state": self.state})

    # --- commands

    def start(self) -> None:
        """The item has just been created."""
        self.unmet = list(self.needs)
        for need in self.needs:
            self.tell(f"work/{need}", "blocking", m.Blocks(item=self.id))
        self.changed()

    def queue(self, c: m.Queue) -> None:
        """Sling it to a rig or an agent."""
        if self.state == "queued" and self.target == c.target:
            return
        if self.state == "blocked" and self.target and self.unmet:
            raise self._refuse(f"it waits for {', '.join(self.unmet)}", "it starts by itself when they are merged")
        if self.state not in ("open", "blocked"):
            raise self._refuse("only an open item can be slung", f"`rgt unsling {self.id}` takes it back first")
        if self.held:
            raise self._refuse(self.held, f"`rgt budget set item {self.id}` gives it more")
        self.target, self.to_agent, self.rig, self.runtime = c.target, c.to_agent, c.rig or self.rig, c.runtime
        self.fallback = c.fallback
        self.unmet, self.unanswered = c.unmet, False
        self.deaths = self.rejections = self.failures = 0
        if self.unmet:
            for need in self.unmet:
                self.tell(f"work/{need}", "blocking", m.Blocks(item=self.id))
            self._to("blocked")
        else:
            self._dispatch()

    def hold(self, c: Held) -> None:
        """The mayor says that its budget is spent, or that there is room again: then it goes on where it was."""
        self.held = c.text
        if c.text and self.state in ("queued", *WORKING):
            self._withdraw()
            self._dispatch(self.sent_back)
        elif not c.text and self.waits:
            self._dispatch(self.sent_back)

    def _dispatch(self, rejected: bool = False) -> None:
        self.sent_back = rejected
        if self.held:
            self.pid = 0
            self._to("blocked", self.held)
            self.waits = True
            return
        self.attempt += 1
        self.generation = 0
        self._to("queued")
        if self.to_agent:
            self.tell(self.to_agent, "assigned", m.Assigned(item=self.id, attempt=self.attempt, title=self.title))
            return
        self.tell(f"rig/{self.rig}", "wanted", wanted_of(self, rejected))

    def unsling(self, c: m.Empty) -> None:
        """Take it back; the work is saved and kept."""
        if self.state == "open" and not self.target:
            raise self._refuse("it is on nobody's hook", f"`rgt sling {self.id} --target RIG` puts it on one")
        if self.state not in ("queued", *WORKING) and not (self.state == "blocked" and self.unmet):
            hint = f"`rgt work reopen {self.id}`" if self.state == "blocked" else f"`rgt work show {self.id}`"
            raise self._refuse("it cannot be taken back now", hint)
        self._withdraw()
        self.target = self.to_agent = ""
        self._to("open")

    def _withdraw(self, released: bool = False) -> None:
        """Tell everyone who has something to do with the item that they need not go on."""
        if self.rig and not self.to_agent:
            self.tell(f"rig/{self.rig}", "withdrawn", m.Withdrawn(item=self.id, released=released))
        if self.to_agent:
            self.tell(self.to_agent, "withdrawn", m.Withdrawn(item=self.id, released=released))

    def done(self, c: m.Done) -> None:
        """The author says that it is finished."""
        if self.head == c.head and self.state in ("submitted", "merging", "merged"):
            return
        if c.agent and c.agent != self.agent:
            raise RgtError(
                "denied", f"{self.id} is {self.address or 'nobody'}'s, not yours", "finish the item on your hook"
            )
        if c.agent and 0 < c.generation < self.generation:
            raise RgtError("denied", f"another process of {self.address} has taken over {self.id}", "stop here")
        if self.state in OVER:
            hint = "create a new item for more" if self.final else f"`rgt work reopen {self.id}`"
            raise self._refuse("it cannot be finished now", hint)
        if c.agent and c.branch.startswith("polecat/") and c.branch.rpartition("/")[2] != self.id:
            raise RgtError("refused", f"{c.branch} is the branch of another item", f"commit on {self.branch}")
        if c.agent and self.state == "open":
            raise self._refuse("it is not on your hook any more", "stop here; your commits are kept")
        rig = c.rig or self.rig
        if not self.no_merge and not self.review_only and not rig:
            raise RgtError("usage", f"{self.id} belongs to no rig", "say which with --rig")
        self.rig, self.branch, self.summary = rig, c.branch, c.summary
        if self.escalation and c.agent:
            self.escalation = None
        self.pid = 0
        if self.state in WORKING:
            self._finish_agent()
        elif self.state in ("queued", "blocked"):
            self._withdraw()
        if self.review_only or self.no_merge:
            self.head = c.head
            self._close("done")
            return
        if self.state in ("submitted", "merging"):
            self.tell(f"refinery/{self.rig}", "withdrawn", m.Withdrawn(item=self.id, head=self.head))
        self.head = c.head
        self._submit()

    def done_left(self, c: m.Done, proven: bool) -> None:
        """`rgt done` while no worker lived. Nobody waits for the answer, so a refusal becomes a note on the item."""
        try:
            if not proven:
                raise RgtError("denied", f"its proof is not that of {c.agent or 'an agent'}", "")
            self.done(c)
        except RgtError as e:
            self.notes = remember(self.notes, f"`rgt done` at {c.head[:8]}, left while no worker lived: {e.line()}")
            self.changed()

    def _submit(self) -> None:
        self.tell(f"refinery/{self.rig}", "submitted", m.Submitted(entry=entry_of(self)))
        self._to("submitted")

    def _finish_agent(self) -> None:
        if self.agent:
            self.tell(self.agent, "finished", m.Finished(item=self.id, attempt=self.attempt))

    def escalate(self, c: m.Escalate) -> None:
        """Ask a person."""
        self.escalation = Escalation(message=c.message, by=c.by, at=self.updated_at)
        self.changed()

    def ack(self, c: m.Escalate) -> None:
        """A person has answered."""
        if self.escalation is None:
            raise RgtError("refused", f"{self.id} asks nothing", "see `rgt needs`")
        if c.message:
            self.notes = remember(self.notes, f"Answer to “{self.escalation.message}”: {c.message}")
        self.escalation = None
        self.changed()

    def close(self, c: m.Close) -> None:
        """Close it; work is kept."""
        if self.state == "merged":
            raise self._refuse("what is merged stays merged", "create a new item to undo it")
        if self.state == "closed":
            return
        if self.state in ("submitted", "merging"):
            self.tell(f"refinery/{self.rig}", "withdrawn", m.Withdrawn(item=self.id, head=self.head))
        self._close(c.reason or "closed by a person")

    def _close(self, reason: str) -> None:
        self._withdraw(released=True)
        self.escalation = None
        self._to("closed", reason)
        self._report()

    def _report(self) -> None:
        for item in self.blocks:
            self.tell(f"work/{item}", "need_ended", m.Outcome(item=self.id, state=self.state))

    def reopen(self, c: m.Empty) -> None:
        """Open it again, with fresh attempts."""
        if self.state not in ("closed", "blocked", "failed"):
            raise self._refuse("only closed, blocked and failed items are opened again", f"`rgt work show {self.id}`")
        self._withdraw()
        self.deaths = self.rejections = self.failures = 0
        self.target = self.to_agent = ""
        self.escalation = None
        self._to("open")

    def edit(self, c: m.Edit) -> None:
        """Change what it says."""
        if self.final:
            raise self._refuse("it is history", "create a new item")
        for name in ("title", "description", "priority", "accept"):
            value = getattr(c, name)
            if value is not None:
                setattr(self, name, value)
        self.changed()

    def remark(self, c: m.Mail) -> None:
        """Somebody writes to an agent that has left: the next attempt reads it."""
        if self.state in OVER:
            raise self._refuse("nobody works on it any more", f"`rgt work show {self.id}`")
        self.letter(c)

    def letter(self, c: m.Mail) -> None:
        """A letter that its agent never had."""
        about = f" about {c.subject}" if c.subject else ""
        self.notes = remember(self.notes, f"Mail from {c.by}{about}: {c.text}")
        self.changed()

    def retry(self, c: m.Empty) -> None:
        """Put the same head into the queue again."""
        if not self.head or self.state not in ("blocked", "submitted"):
            raise self._refuse("there is nothing to try again", f"`rgt work show {self.id}`")
        self._submit()

    def drop(self, c: m.Empty) -> None:
        """Take it out of the queue."""
        if self.state not in ("submitted", "merging"):
            raise self._refuse("it is not in the queue", "see `rgt mq list`")
        self.tell(f"refinery/{self.rig}", "withdrawn", m.Withdrawn(item=self.id, head=self.head))
        self._to("blocked", "taken out of the queue")

    # --- from other items

    def blocking(self, c: m.Blocks) -> None:
        """Another item waits for this one."""
        if self.state in ("merged", "closed", "failed"):
            self.tell(f"work/{c.item}", "need_ended", m.Outcome(item=self.id, state=self.state))
        elif c.item not in self.blocks:
            self.blocks.append(c.item)

    def need_ended(self, c: m.Outcome) -> None:
        """A need of this item is merged, closed or failed."""
        if c.item not in self.unmet:
            return
        if c.state == "merged":
            self.unmet = [n for n in self.unmet if n != c.item]
            if self.state == "blocked" and self.target and not self.unmet:
                self._dispatch()
            else:
                self.changed()
        elif self.state == "blocked":
            self._to("blocked", f"its need {c.item} is {c.state}")

    def fixed(self, c: m.Fixed) -> None:
        """What was to put it right has landed: with its own work in it, that is all; without, the queue tries again.

        Only while it lies as the queue has sent it back: whatever was done to it since counts."""
        if self.state != "blocked" or not self.unanswered or c.rig != self.rig:
            return
        if self.head in c.carries:
            self._close(f"landed with {c.item} as {c.sha[:10]}")
        else:
            self.notes = remember(self.notes, f"{c.item}, its fix, landed as {c.sha[:8]}: tried again")
            self.escalation = None
            self._submit()

    # --- from agents

    def taken(self, c: m.Taken) -> None:
        """An agent has it."""
        if c.attempt != self.attempt or self.state not in ("queued", *WORKING):
            return
        self.agent, self.address, self.branch, self.generation = c.agent, c.address, c.branch, c.generation
        if self.state == "queued":
            self._to("assigned")

    def working(self, c: m.Working) -> None:
        """The agent's process runs."""
        if c.attempt != self.attempt or self.state not in WORKING:
            return
        self.generation, self.pid = c.generation, c.pid
        self._to("in_progress")

    def lost(self, c: m.Lost) -> None:
        """The attempt ended without `rgt done`."""
        if c.attempt != self.attempt or self.state not in ("queued", *WORKING):
            return
        self.pid = 0
        self.deaths += c.deaths
        if c.landed and c.head:
            self.head, self.branch = c.head, c.branch
            self._submit()
            return
        if (other := self.tried(c, self.runtime)) and not self.to_agent:
            self.notes = remember(self.notes, f"{self.runtime} failed again and again: {other} takes over")
            self.runtime, self.deaths = other, 0
        if self.deaths >= MAX_DEATHS or self.to_agent:
            died = f" ({self.deaths} deaths)" if self.deaths else ""
            self.escalation = Escalation(message=f"{c.reason}{died}", by=self.address)
            self._withdraw()
            self._to("blocked", c.reason)
        else:
            self._dispatch()

    def left(self, c: m.Left) -> None:
        """What a lost attempt has left, as far as its host can tell."""
        self.has_left(c)

    def undelivered(self, tell: m.Tell) -> None:
        """A message of this item reached nobody."""
        if tell.signal == "wanted" and self.state == "queued":
            self.target = ""
            self._to("open", f"there is no rig {self.rig}")
        elif tell.signal == "assigned" and self.state == "queued":
            self.target = self.to_agent = ""
            self._to("open", f"there is no agent {tell.to}")
        elif tell.signal == "submitted" and self.state == "submitted":
            self._to("blocked", f"rig {self.rig} has no merge queue")

    # --- from the refinery

    def merging(self, c: m.Merging) -> None:
        """The queue tests it."""
        if c.head == self.head and self.state == "submitted":
            self._to("merging")

    def merged(self, c: m.Merged) -> None:
        """The target holds it: accepted in every state. An older head landed: the newer one goes on."""
        if self.state == "merged":
            return
        self.sha = c.sha
        self.carries += [head for head in c.carries if head not in self.carries]
        if c.head != self.head and self.state in ("submitted", "merging"):
            self.notes = remember(self.notes, f"{c.head[:8]} landed as {c.sha[:8]}; {self.head[:8]} goes on")
            self.changed()
            return
        self.head, self.escalation, self.pid = c.head, None, 0
        self._withdraw(released=True)
        self._to("merged")
        self._report()
        if self.fixes:
            self.tell(f"work/{self.fixes}", "fixed", fixed_of(self))

    def rejected(self, c: m.Rejected) -> None:
        """The queue sends it back."""
        if c.head != self.head or self.state not in ("submitted", "merging"):
            return
        v = c.verdict
        self.verdict = v
        if v.kind == "refused" and self.sha:
            # An older head of it landed, and the newer one brings nothing more.
            self.merged(m.Merged(head=c.head, sha=self.sha))
            return
        if v.kind in ("failed", "conflict"):
            self.unanswered = True
        self.rejections += 1
        self.notes = remember(self.notes, f"The merge queue sent {c.head[:8]} back ({v.kind}): {v.message}")
        if not self.agent:
            self._to("blocked", f"{v.kind}: {v.message}")
        elif self.rejections >= c.max_attempts:
            self.escalation = Escalation(message=f"{v.kind} after {self.rejections} attempts: {v.message}", by="queue")
            self._to("blocked", f"{v.kind}: {v.message}")
        else:
            self._dispatch(rejected=True)

    def parked(self, c: m.Parked) -> None:
        """The queue waits for a person."""
        if c.head != self.head or self.state not in ("submitted", "merging"):
            return
        if c.lost:
            self.escalation = Escalation(message=f"work may be lost: {c.reason}", by="queue")
            self._to("blocked", f"work may be lost: {c.reason}")
        else:
            self._to("submitted", c.reason)
