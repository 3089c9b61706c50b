"""What activities are given and what they give back."""

from __future__ import annotations

from typing import Any, Literal

from rgt.model.base import Model
from rgt.model.care import DIALOG_SECONDS
from rgt.model.config import RigConfig
from rgt.model.mail import MAIL_MINUTES
from rgt.model.messages import PolecatStart
from rgt.model.runtime import Mode


class Founding(Model):
    """A rig to be made."""

    rig: str
    config: RigConfig


class Founded(Model):
    """A rig that stands, with its configuration completed."""

    config: RigConfig
    head: str


class Recycle(Model):
    """A worktree that nobody needs any more."""

    rig: str
    name: str
    item: str


class StartAgent(Model):
    """A process of a polecat to be started."""

    start: PolecatStart
    nonce: str
    generation: int
    mode: Mode
    branch: str


class Started(Model):
    """How a start went: `running`, `landed` (its work is in the target already) or `refused` (the item is not ours)."""

    outcome: Literal["running", "landed", "refused"] = "running"
    pid: int = 0
    worktree: str = ""
    branch: str = ""
    head: str = ""
    reason: str = ""
    dialog_seconds: float = DIALOG_SECONDS
    """How long it may wait for a person before that one is told."""
    idle_minutes: float = 0.0
    """How long it may have ended its turn without being done before a person is told."""
    mail_minutes: float = MAIL_MINUTES
    """How long its mail may wait before a person is told."""


class EndAgent(Model):
    """A polecat's session to be ended, with its work saved."""

    start: PolecatStart
    nonce: str
    generation: int
    grace: float = 3.0
    lost: bool = False
    """Nobody has finished its work: tell what is left of it."""


class EndedAgent(Model):
    """What is left: head of the branch and the snapshot of what was not committed."""

    head: str = ""
    snapshot: str = ""
    left: str = ""
    """Of lost work: its last commits and what was not committed."""


class StartCrew(Model):
    """A process of a crew member to be started."""

    rig: str
    name: str
    host: str
    target: str
    source: str = ""
    nonce: str
    generation: int
    item: str = ""
    runtime: str = ""
    handoff: bool = False
    """A fresh session, since the one before has handed over."""


class Proof(Model):
    """A `done` that came while no worker lived."""

    item: str
    done: dict[str, Any]
