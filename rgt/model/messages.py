"""Every message between a client, a workflow and another workflow: one model each.

New fields get defaults, so that recorded histories replay."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rgt.model.base import Model
from rgt.model.queue import Entry, GateSpec, Priority, Verdict


class Message(Model):
    """Base of all messages. A command carries `op_id`, a message between workflows `sender` and `seq`."""

    op_id: str = ""
    sender: str = ""
    seq: int = 0


class Tell(Model):
    """A message in an outbox: `signal` of workflow `to` with the JSON of one message."""

    to: str
    signal: str
    payload: dict[str, Any] = Field(default_factory=dict)


class Empty(Message):
    """A command or message without content."""


# --- client → work item


class Queue(Message):
    """Sling: `target` is a rig or the address of an agent; `unmet` are needs that are not merged yet."""

    target: str
    to_agent: str = ""
    """Workflow id of the agent when the target is one."""
    rig: str = ""
    unmet: list[str] = Field(default_factory=list)
    runtime: str = ""
    fallback: str = ""
    """Runtime that takes over when the first one fails again and again."""


class Done(Message):
    """An agent or a person says that the work is finished at `head`."""

    branch: str
    head: str
    summary: str = ""
    rig: str = ""
    agent: str = ""
    """Workflow id of the agent that says so; empty for a person."""
    generation: int = 0
    proof: str = ""
    """HMAC of item, branch and head with the agent's token, when no worker could check the token."""


class Escalate(Message):
    """Somebody needs a person."""

    message: str
    by: str = ""


class Close(Message):
    """Close the item; its work is kept."""

    reason: str = ""


class Edit(Message):
    """Change what the item says; absent fields stay."""

    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    accept: str | None = None


# --- mail


class Mail(Message):
    """A letter."""

    by: str
    """Address of the sender; `person` for a person."""
    text: str
    subject: str = ""
    reply_to: int = 0
    """Number of the letter that it answers, in the receiver's mailbox."""
    dedupe: str = ""
    """A later letter of the same sender with the same key takes the place of this one."""


class MailClaim(Message):
    """An agent is at a point where it can be given mail."""

    receipt: str = ""
    """What its hook confirms the letters with, once they are printed; empty: they are had with the answer."""
    generation: int = 0
    """Of the process that asks; one whose successor runs is given nothing that it could take along."""
    printing: list[str] = Field(default_factory=list)
    """Receipts of its hooks that are about to print."""


class MailHad(Message):
    """Hooks of an agent have printed what they were given under these receipts."""

    receipts: list[str]


class MailRead(Message):
    """The receiver has looked at these letters."""

    numbers: list[int]


# --- work item → others


class Wanted(Message):
    """The item wants a polecat."""

    item: str
    attempt: int
    title: str = ""
    priority: Priority = "p2"
    rejected: bool = False
    """The queue sent the last attempt back: same worktree, the failure is the first message."""
    runtime: str = ""
    since: str = ""
    deaths: int = 0
    """Of earlier attempts, since the item was slung."""


class Withdrawn(Message):
    """The item needs nothing more from the receiver; `released`: its worktree and name may be used again."""

    item: str
    head: str = ""
    released: bool = False


class Assigned(Message):
    """A crew member gets an item."""

    item: str
    attempt: int
    title: str = ""


class Submitted(Message):
    """An entry for the merge queue."""

    entry: Entry


class Finished(Message):
    """The attempt is over as the agent wished; its session may end."""

    item: str
    attempt: int


class Stop(Message):
    """The attempt is over whatever the agent is at; `released`: its item is merged or closed."""

    item: str
    attempt: int
    released: bool = False


class Outcome(Message):
    """Tells an item that waits for this one what became of it; `state` is merged, closed or failed."""

    item: str
    state: str


class Fixed(Message):
    """Tells an item that what was to put it right has landed in `rig` as `sha`, and these heads of the item with it."""

    item: str
    rig: str
    sha: str
    carries: list[str] = Field(default_factory=list)


class Blocks(Message):
    """`item` waits for the receiver."""

    item: str


# --- agents → work item


class Taken(Message):
    """An agent has the item."""

    agent: str
    address: str
    branch: str
    attempt: int
    generation: int = 1


class Working(Message):
    """The agent's process runs."""

    attempt: int
    generation: int = 1
    pid: int = 0


class Lost(Message):
    """The attempt ended without `rgt done`. `head` is what the branch holds; `landed`: the target holds it already.

    `deaths` of its processes in this attempt: an end by a person, by `down` or for want of a free hook is none."""

    attempt: int
    generation: int = 1
    reason: str = ""
    notes: str = ""
    head: str = ""
    branch: str = ""
    landed: bool = False
    deaths: int = 0


# --- refinery → work item


class Merging(Message):
    """The entry is being tested."""

    head: str


class Merged(Message):
    """The target holds the work, read back; `carries`: heads of the item that it fixes which are in it."""

    head: str
    sha: str
    carries: list[str] = Field(default_factory=list)


class Rejected(Message):
    """The entry came back to its author."""

    head: str
    verdict: Verdict
    max_attempts: int = 3


class Left(Message):
    """What an attempt that was lost has left: its last commits and what was not committed."""

    attempt: int
    left: str


class Parked(Message):
    """The entry waits for a person; `lost`: its commit is gone."""

    head: str
    reason: str
    lost: bool = False


# --- rig, polecat, refinery, host


class PolecatStart(Model):
    """Everything a polecat needs to know when it starts."""

    rig: str
    name: str
    item: str
    attempt: int
    host: str
    title: str = ""
    target: str = "main"
    branch: str = ""
    rejected: bool = False
    deaths: int = 0
    """Of earlier attempts, since the item was slung."""
    runtime: str = ""
    source: str = ""
    setup_copy: list[str] = Field(default_factory=list)
    setup_run: str = ""
    setup_ports: int = 0


class Ended(Message):
    """A polecat's attempt is over and its worktree parked; `unused`: it never began, and nothing is left of it."""

    name: str
    item: str
    attempt: int
    outcome: str
    unused: bool = False


class AgentNow(Message):
    """What the witness needs to know of one agent."""

    agent: str
    item: str
    state: str
    diagnosis: str = ""
    since: str = ""


class RoomWanted(Message):
    """A rig wants `total` agent places in all. Totals, not increments: repeating it changes nothing."""

    rig: str
    total: int


class Room(Message):
    """The host lends the rig `total` places."""

    total: int


class SlotWanted(Message):
    """A refinery wants `total` gate slots in all."""

    rig: str
    total: int


class Slot(Message):
    """The host lends the refinery `total` gate slots."""

    total: int


class SessionEvent(Message):
    """The host watcher saw a session: `dead` (its process ended), `gone` (the session vanished), `alive` (adopted).

    `missing`: a new watcher on `host` finds neither session nor process `pid`; of such a one it knows no more.
    `silent`: it lives and did not say in time that it is up."""

    kind: Literal["dead", "gone", "alive", "missing", "silent"]
    nonce: str = ""
    generation: int = 0
    pid: int = 0
    host: str = ""
    status: int | None = None
    signal: int | None = None
    text: str = ""
    """Of one that never said that it is up: what its screen shows."""


class AgentEvent(Message):
    """The agent's own hooks say what it does."""

    kind: Literal["session_start", "busy", "idle", "waiting", "stop", "failed", "session_end", "stuck"]
    """`stuck` is what the worker says of one that says nothing."""
    generation: int = 0
    why: str = ""
    """Of `waiting`, what for; of `failed`, the kind: rate_limit, authentication_failed, billing_error …"""
    until: str = ""
    """When a rate limit ends, as far as the runtime knows."""


class SessionBegun(Message):
    """A hook of the agent's runtime names the runtime's own session."""

    session: str
    generation: int


class Checkpointed(Message):
    """Where an agent is in its work."""

    text: str = ""
    item: str = ""
    attempt: int = 0
    branch: str = ""
    head: str = ""
    generation: int = 0
    by: Literal["agent", "person", "handoff", "compaction"] = "agent"


class RigChanged(Message):
    """What rig.toml says now, or the mistake in it."""

    config: dict[str, Any]
    error: str = ""


class RefineryStart(Model):
    """What a refinery is told at birth and when the rig's configuration changes."""

    rig: str
    host: str
    target: str = "main"
    strategy: Literal["squash", "rebase", "merge"] = "squash"
    landing: Literal["local", "push", "pr"] = "local"
    source: str = ""
    max_attempts: int = 3
    gates: list[GateSpec] = Field(default_factory=list)
    no_gates: bool = False
    matchers: list[dict[str, Any]] = Field(default_factory=list)
    """The `[[matcher]]` tables of rig.toml."""


class RefineryConfig(Message):
    """New configuration for a refinery."""

    config: RefineryStart


class Alert(Message):
    """A fault that a person should know of; one alert per key. Empty text: it is over."""

    key: str
    text: str = ""
    command: str = ""


class RigName(Message):
    """Names one rig."""

    rig: str
    host: str = ""


class HostName(Message):
    """Names one host."""

    host: str
    agents: int = 30
    slots: int = 2
