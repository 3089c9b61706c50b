"""What all entities of the town have in common: a revision, an outbox, answers already given, messages already seen."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from pydantic import BaseModel, Field

from rgt.model.base import Model
from rgt.model.messages import Message, Tell
from rgt.model.rows import Row

ANSWERS = 200
"""How many answers of commands are kept, so that a retry gets the same one."""
SENDERS = 300
"""Of how many senders the last messages are known again."""
MARKS = 24
"""So many of each: a repeat comes within the batch that was cut off."""


class Entity(Model):
    """State of one workflow, whole: it is what continue-as-new carries."""

    rev: int = 0
    """Counts changes that others may see; the town drops rows that are not newer."""
    created_at: str = ""
    updated_at: str = ""
    seq: int = 0
    outbox: list[Tell] = Field(default_factory=list)
    answers: dict[str, Any] = Field(default_factory=dict)
    heard: dict[str, list[str]] = Field(default_factory=dict)
    """sender → number and checksum of its last messages"""
    faults: list[str] = Field(default_factory=list)
    """Messages that could not be handled, newest last: bugs, shown by `rgt doctor`."""

    def tell(self, to: str, signal: str, message: BaseModel) -> None:
        """Put a message into the outbox; messages leave in this order."""
        self.seq += 1
        payload = message.model_dump(mode="json", exclude_defaults=True)
        payload["seq"] = self.seq
        self.outbox.append(Tell(to=to, signal=signal, payload=payload))

    def changed(self) -> None:
        """Something others may see has changed."""
        self.rev += 1

    def row(self) -> Row | None:
        """The row that lists and editors show, or None for an entity that has none."""
        return None

    def next_wake(self) -> str:
        """When its workflow wakes by itself, with nobody telling it anything; empty for never.

        An idle town costs nothing because no entity names a time within the hour."""
        return ""

    def answered(self, op_id: str, result: Any) -> None:
        """Remember what a command was answered."""
        if not op_id:
            return
        self.answers[op_id] = result
        while len(self.answers) > ANSWERS:
            del self.answers[next(iter(self.answers))]

    def is_news(self, message: Message) -> bool:
        """False for a message between workflows that was heard before.

        Known again by number and content: a message leaves before the task that told it is recorded, and after a
        crash in between, the same number may stand for something else."""
        if not message.sender:
            return True
        mark = f"{message.seq}:{crc32(message.model_dump_json().encode()):x}"
        marks = self.heard.pop(message.sender, [])
        self.heard[message.sender] = marks
        if mark in marks:
            return False
        marks.append(mark)
        del marks[:-MARKS]
        while len(self.heard) > SENDERS:
            del self.heard[next(iter(self.heard))]
        return True

    def fault(self, text: str) -> None:
        """Note a message that could not be handled."""
        self.faults = [*self.faults[-9:], text[:300]]
