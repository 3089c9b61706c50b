"""The table of operations: name, title, arguments, result, and who may call it.

The gateway, the command line and the editors agree with it by test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rgt.model.base import Model
from rgt.model.budgets import BudgetChange, BudgetList, BudgetRow
from rgt.model.config import RigConfig
from rgt.model.mail import Letter
from rgt.model.problems import Problem
from rgt.model.queue import Priority, Verdict
from rgt.model.rows import Row
from rgt.model.sessions import Checkpoint
from rgt.model.spending import CostFilter, Costs

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
EVERYONE = frozenset({"person", "mayor", "crew", "polecat", "dog"})
LEADERS = frozenset({"person", "mayor"})
TRUSTED = frozenset({"person", "mayor", "crew"})
PERSON = frozenset({"person"})


class Args(Model):
    """Base of arguments: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class None_(Args):
    """No arguments."""


class Rows(Model):
    """A list of rows."""

    rows: list[Row]


class Answer(Model):
    """What became of a command."""

    id: str = ""
    state: str = ""
    message: str = ""


class Thing(Model):
    """A whole object, as its workflow shows it."""

    value: dict[str, Any]


class Id(Args):
    """Names one thing; ids of items may be shortened to a unique prefix."""

    id: str


class WorkCreate(Args):
    """A new work item."""

    title: str = Field(min_length=1, max_length=500)
    description: str = Field(default="", max_length=48_000)
    accept: str = Field(default="", max_length=8_000)
    priority: Priority = "p2"
    labels: list[str] = Field(default_factory=list, max_length=20)
    rig: str = ""
    needs: list[str] = Field(default_factory=list, max_length=50)
    fixes: str = ""
    """The item that it is to put right: when this one has landed, that one is closed or tried again."""
    review_only: bool = False
    no_merge: bool = False


class WorkEdit(Args):
    """Changes to a work item; absent fields stay."""

    id: str
    title: str | None = Field(default=None, min_length=1, max_length=500)
    description: str | None = Field(default=None, max_length=48_000)
    priority: Priority | None = None
    accept: str | None = Field(default=None, max_length=8_000)


class WorkFilter(Args):
    """Which items to list."""

    states: list[str] = Field(default_factory=list)
    rig: str = ""
    mine: bool = False


class RigFilter(Args):
    """Everything, or one rig."""

    rig: str = ""


class Sling(Args):
    """Put items on a rig or an agent."""

    ids: list[str] = Field(min_length=1, max_length=200)
    target: str
    runtime: str = ""
    dry_run: bool = False


class Slung(Model):
    """What became of each item."""

    rows: list[Answer]


class DoneArgs(Args):
    """A finished head. The caller has saved and pinned it (`rgt.host.finishing`)."""

    id: str
    branch: str
    head: str
    rig: str = ""
    summary: str = Field(default="", max_length=4_000)


class TextArgs(Args):
    """A message about one thing."""

    id: str
    message: str = Field(default="", max_length=8_000)


class RigAdd(Args):
    """A new rig."""

    name: str
    config: RigConfig
    host: str = ""


class CrewCreate(Args):
    """A new crew member."""

    name: str
    rig: str
    runtime: str = ""


class HookArgs(Args):
    """What a hook of an agent's runtime was given, in the names and keys of Claude Code, which all runtimes speak."""

    event: str = Field(max_length=40)
    """SessionStart, UserPromptSubmit, PostToolUse, Stop, StopFailure, Notification, PreCompact, SessionEnd …"""
    session: str = Field(default="", max_length=100)
    """The runtime's own id of the session."""
    data: dict[str, Any] = Field(default_factory=dict)
    """The rest of what the hook was given, without the texts of tools: source, reason, error, transcript_path …"""
    had: list[str] = Field(default_factory=list, max_length=1000)
    """Receipts of mail that hooks of this agent have printed."""


class HookAnswer(Model):
    """What the hook program prints and how it ends."""

    out: dict[str, Any] | None = None
    """One JSON document for standard output."""
    err: str = ""
    code: int = 0
    """2 with `err` wakes a session that waits (`asyncRewake`)."""
    receipt: str = ""
    """There is mail in it, which counts as had when the hook says this word after it has printed it."""


class PrimeArgs(Args):
    """For whom: an agent's address; empty for the caller."""

    agent: str = ""


class Primed(Model):
    """The text for an agent."""

    role: str
    text: str
    item: str = ""


def _short(text: str) -> str:
    if len(text.encode(errors="replace")) > 8192:
        raise ValueError("at most 8 KB; put the rest into a file of the worktree")
    return text


Note = Annotated[str, AfterValidator(_short)]


class CheckpointWrite(Args):
    """Where an agent is in its work: what is done, what is next, what the next session must know; at most 8 KB."""

    text: Note = Field(min_length=1)
    agent: str = ""


class HandoffArgs(Args):
    """What the fresh session must know to go on: what is done, what is next; at most 8 KB."""

    message: Note = Field(min_length=1)


class CheckpointOf(Checkpoint):
    """What an agent has written down; `at` is empty when it is nothing."""

    agent: str
    stale: bool = False
    """It is about another item or branch than the present one: no use."""


class SessionFilter(Args):
    """Whose sessions: an agent's address, empty for all; `ended`: those of agents that are gone, too."""

    agent: str = ""
    ended: bool = False


class SessionRow(Model):
    """One session of an agent."""

    id: str
    """The runtime's own id of it."""
    agent: str
    item: str = ""
    attempt: int = 0
    generation: int = 0
    state: Literal["running", "ended"] = "running"
    began: str = ""
    started: str = ""
    ended: str = ""
    how: str = ""
    runtime: str = ""
    worktree: str = ""
    workflow: str = ""
    """Workflow id of the agent."""


class Sessions(Model):
    """Sessions, oldest first."""

    rows: list[SessionRow]


class HookOf(Model):
    """What is on an agent's hook."""

    agent: str
    item: str = ""
    title: str = ""
    state: str = ""
    branch: str = ""
    attempt: int = 0
    rig: str = ""
    review_only: bool = False


class Need(Model):
    """One thing that waits for a person, with the command that answers it."""

    id: str
    kind: str
    what: str
    since: int = 0
    command: str


class Needs(Model):
    """Everything that waits for a person."""

    rows: list[Need]


class Verdicts(Model):
    """Verdicts of the merge queue on one item or entry, newest last, with the item's state."""

    item: str
    state: str
    place: int = 0
    verdicts: list[Verdict]
    reason: str = ""


class Problems(Model):
    """What the merge queue has sent back and nobody has answered yet."""

    rows: list[Problem]


class LogArgs(Args):
    """The history of the town, or of one thing."""

    id: str = ""
    limit: int = Field(default=200, ge=1, le=5000)


class LogLine(Model):
    """One event: when, who or what, what happened."""

    at: str
    id: str
    what: str
    detail: str = ""


class Log(Model):
    """Events, oldest first."""

    rows: list[LogLine]


class MailSend(Args):
    """A letter. To an agent (`api/nux`, `mayor`) or to the `person` whose town this is."""

    to: str
    text: str = Field(min_length=1, max_length=65_536)
    subject: str = Field(default="", max_length=200)
    reply_to: int = 0
    """Number of the letter that it answers, in the receiver's mailbox."""
    dedupe: str = Field(default="", max_length=100)
    """A later letter with the same key takes the place of this one, while nobody has had it."""


class Sent(Model):
    """A letter that is stored: it is not lost any more."""

    to: str
    number: int = 0
    """Its number in that mailbox; 0 when it went to the item of an agent that has left."""
    state: str = "stored"
    message: str = ""


class MailBox(Args):
    """Whose mailbox: an agent's address; empty for the caller."""

    agent: str = ""


class MailNumbers(Args):
    """Letters of the caller by their numbers."""

    numbers: list[int] = Field(min_length=1, max_length=200)


class Broadcast(Args):
    """A letter to all agents, or to those of one rig."""

    text: str = Field(min_length=1, max_length=65_536)
    subject: str = Field(default="", max_length=200)
    rig: str = ""


class Letters(Model):
    """Letters, oldest first."""

    rows: list[Letter]


class SentAll(Model):
    """What became of each letter."""

    rows: list[Sent]


class Given(Model):
    """Mail as an agent is given it; empty for none."""

    text: str


@dataclass(frozen=True)
class Operation(Generic[A, R]):
    """One operation of the town."""

    name: str
    title: str
    args: type[A]
    result: type[R]
    roles: frozenset[str] = PERSON
    hint: str = "ask with `rgt escalate`"
    """What a role that may not call it is told to do instead."""
    lasting: bool = False
    """It may take as long as its work does, such as a clone: nobody who waits for it gives up."""


ROWS = Operation("rows", "Every row of the town", RigFilter, Rows, EVERYONE)
WORK_CREATE = Operation("work.create", "Create a work item", WorkCreate, Thing, TRUSTED)
WORK_LIST = Operation("work.list", "List work items", WorkFilter, Rows, EVERYONE)
WORK_SHOW = Operation("work.show", "Show a work item", Id, Thing, EVERYONE)
WORK_EDIT = Operation("work.edit", "Change a work item", WorkEdit, Answer, TRUSTED)
WORK_CLOSE = Operation("work.close", "Close a work item", TextArgs, Answer, LEADERS)
WORK_REOPEN = Operation("work.reopen", "Open a work item again", Id, Answer, LEADERS)
SLING = Operation("sling", "Put work on a rig or an agent", Sling, Slung, LEADERS)
UNSLING = Operation("unsling", "Take work back", Id, Answer, LEADERS)
DONE = Operation("done", "Finish a work item", DoneArgs, Answer, EVERYONE)
ESCALATE = Operation("escalate", "Ask a person", TextArgs, Answer, EVERYONE)
ACK = Operation("ack", "Answer an escalation", TextArgs, Answer, LEADERS)
HOOK = Operation("hook", "What is on an agent's hook", PrimeArgs, HookOf, EVERYONE)
PRIME = Operation("prime", "What an agent is told", PrimeArgs, Primed, EVERYONE)
AGENT_SHOW = Operation("agent.show", "Show an agent", Id, Thing, EVERYONE)
AGENT_STOP = Operation("agent.stop", "End an agent's session; its work is kept", Id, Answer, LEADERS)
AGENT_START = Operation("agent.start", "Start a crew member's session", Id, Answer, LEADERS)
AGENT_RESTART = Operation("agent.restart", "A fresh process on the same worktree", Id, Answer, LEADERS)
AGENT_HOOK = Operation("agent.hook", "What a hook reports and is told", HookArgs, HookAnswer, EVERYONE)
CHECKPOINT_WRITE = Operation("checkpoint.write", "Write down where you are", CheckpointWrite, CheckpointOf, EVERYONE)
CHECKPOINT_READ = Operation("checkpoint.read", "Read a checkpoint", PrimeArgs, CheckpointOf, EVERYONE)
CHECKPOINT_CLEAR = Operation("checkpoint.clear", "Forget a checkpoint", PrimeArgs, Answer, EVERYONE)
HANDOFF = Operation("handoff", "Go on in a fresh session", HandoffArgs, Answer, EVERYONE)
SESSION_LIST = Operation("session.list", "List sessions of agents", SessionFilter, Sessions, EVERYONE)
SESSION_SHOW = Operation("session.show", "Show a session", Id, SessionRow, EVERYONE)
MAIL_SEND = Operation("mail.send", "Write to an agent or a person", MailSend, Sent, EVERYONE)
MAIL_INBOX = Operation("mail.inbox", "List the letters of a mailbox", MailBox, Letters, EVERYONE)
MAIL_READ = Operation("mail.read", "Read letters", MailNumbers, Letters, EVERYONE)
MAIL_CHECK = Operation("mail.check", "Take what waits in the mailbox", None_, Given, EVERYONE)
MAIL_BROADCAST = Operation("mail.broadcast", "Write to all agents", Broadcast, SentAll, LEADERS)
CREW_CREATE = Operation("crew.create", "A new crew member", CrewCreate, Answer, LEADERS)
CREW_REMOVE = Operation("crew.remove", "Remove a crew member", Id, Answer, LEADERS)
RIG_ADD = Operation("rig.add", "Add a rig", RigAdd, Thing, PERSON, lasting=True)
RIG_SHOW = Operation("rig.show", "Show a rig", Id, Thing, EVERYONE)
RIG_PARK = Operation("rig.park", "No new work for a rig", Id, Answer, LEADERS)
RIG_UNPARK = Operation("rig.unpark", "New work for a rig again", Id, Answer, LEADERS)
RIG_REMOVE = Operation("rig.remove", "Remove a rig; its repository is kept aside", Id, Answer, PERSON)
COST = Operation("cost", "What was spent", CostFilter, Costs, EVERYONE)
BUDGET_LIST = Operation("budget.list", "List budgets", None_, BudgetList, EVERYONE)
BUDGET_SET = Operation("budget.set", "Set a budget", BudgetChange, BudgetRow, LEADERS)
MQ_SHOW = Operation("mq.show", "What the merge queue said", Id, Verdicts, EVERYONE)
MQ_PROBLEMS = Operation("mq.problems", "What was sent back, with its places", RigFilter, Problems, EVERYONE)
MQ_RETRY = Operation("mq.retry", "Try a parked entry again", Id, Answer, LEADERS)
MQ_REMOVE = Operation("mq.remove", "Take an entry out of the queue", Id, Answer, LEADERS)
MQ_PAUSE = Operation("mq.pause", "Pause a merge queue", Id, Answer, LEADERS)
MQ_RESUME = Operation("mq.resume", "Let a merge queue go on", Id, Answer, LEADERS)
NEEDS = Operation("needs", "What waits for a person", RigFilter, Needs, EVERYONE)
LOG = Operation("log", "What happened", LogArgs, Log, EVERYONE)
TOWN_DOWN = Operation("town.down", "Put the town to sleep", None_, Answer, PERSON, "only a person stops the town")
TOWN_UP = Operation("town.up", "Wake the town", None_, Answer, PERSON, "only a person starts the town")

OPERATIONS: dict[str, Operation[Any, Any]] = {o.name: o for o in list(globals().values()) if isinstance(o, Operation)}
"""Every operation by name."""
