"""What a person says of a work item when creating it, and what an agent asks."""

from __future__ import annotations

from pydantic import Field

from rgt.model.base import Model
from rgt.model.queue import Priority

NOTES = 12
NOTE_CHARS = 2000


class Escalation(Model):
    """A question to a person."""

    message: str
    by: str = ""
    at: str = ""


class NewWork(Model):
    """What a person says when creating an item."""

    id: str
    title: str
    description: str = ""
    accept: str = ""
    priority: Priority = "p2"
    labels: list[str] = Field(default_factory=list)
    rig: str = ""
    needs: list[str] = Field(default_factory=list)
    fixes: str = ""
    """The item that the queue has sent back and this one is to put right: it hears when this one has landed."""
    review_only: bool = False
    no_merge: bool = False
    created_by: str = ""
    op: str = ""
    """The command that created it: a retry of that command finds it."""


def remember(notes: list[str], note: str) -> list[str]:
    """Notes with one more, bounded in number and size."""
    return [*notes, note[:NOTE_CHARS]][-NOTES:]
