"""The table of operations: name, title, arguments, result, and who may call it.

The gateway, the command line and the editors agree with it by test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from rgt.model.config import RigConfig
from rgt.model.queue import Priority, Verdict
from rgt.model.rows import Row

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)

EVERYONE = frozenset({"person", "mayor", "crew", "polecat", "dog"})
LEADERS = frozenset({"person", "mayor"})
TRUSTED = frozenset({"person", "mayor", "crew"})
PERSON = frozenset({"person"})


class Args(BaseModel):
    """Base of arguments: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class None_(Args):
    """No arguments."""


class Rows(BaseModel):
    """A list of rows."""

    rows: list[Row]


class Answer(BaseModel):
    """What became of a command."""

    id: str = ""
    state: str = ""
    message: str = ""


class Thing(BaseModel):
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


class Slung(BaseModel):
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


class AgentEventArgs(Args):
    """What the agent's own hooks say."""

    kind: Literal["session_start", "busy", "idle", "waiting", "stop", "session_end"]


class PrimeArgs(Args):
    """For whom: an agent's address; empty for the caller."""

    agent: str = ""


class Primed(BaseModel):
    """The text for an agent."""

    role: str
    text: str
    item: str = ""


class HookOf(BaseModel):
    """What is on an agent's hook."""

    agent: str
    item: str = ""
    title: str = ""
    state: str = ""
    branch: str = ""
    attempt: int = 0
    rig: str = ""
    review_only: bool = False


class Need(BaseModel):
    """One thing that waits for a person, with the command that answers it."""

    id: str
    kind: str
    what: str
    since: int = 0
    command: str


class Needs(BaseModel):
    """Everything that waits for a person."""

    rows: list[Need]


class Verdicts(BaseModel):
    """Verdicts of the merge queue on one item or entry, newest last, with the item's state."""

    item: str
    state: str
    place: int = 0
    verdicts: list[Verdict]
    reason: str = ""


class LogArgs(Args):
    """The history of the town, or of one thing."""

    id: str = ""
    limit: int = Field(default=200, ge=1, le=5000)


class LogLine(BaseModel):
    """One event: when, who or what, what happened."""

    at: str
    id: str
    what: str
    detail: str = ""


class Log(BaseModel):
    """Events, oldest first."""

    rows: list[LogLine]


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
AGENT_EVENT = Operation("agent.event", "What an agent's hooks say", AgentEventArgs, Answer, EVERYONE)
CREW_CREATE = Operation("crew.create", "A new crew member", CrewCreate, Answer, LEADERS)
CREW_REMOVE = Operation("crew.remove", "Remove a crew member", Id, Answer, LEADERS)
RIG_ADD = Operation("rig.add", "Add a rig", RigAdd, Thing, PERSON)
RIG_SHOW = Operation("rig.show", "Show a rig", Id, Thing, EVERYONE)
RIG_PARK = Operation("rig.park", "No new work for a rig", Id, Answer, LEADERS)
RIG_UNPARK = Operation("rig.unpark", "New work for a rig again", Id, Answer, LEADERS)
RIG_REMOVE = Operation("rig.remove", "Remove a rig; its repository is kept aside", Id, Answer, PERSON)
MQ_SHOW = Operation("mq.show", "What the merge queue said", Id, Verdicts, EVERYONE)
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
