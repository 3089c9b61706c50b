"""What an agent remembers across its sessions: its checkpoint, and the sessions that it has had."""

from __future__ import annotations

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.entity import Entity
from rgt.model.errors import RgtError

SESSIONS = 20
"""How many sessions of an agent are remembered."""


class Checkpoint(Model):
    """Where an agent is in its work, written down for whoever goes on: itself after a new start."""

    text: str = ""
    item: str = ""
    attempt: int = 0
    branch: str = ""
    head: str = ""
    at: str = ""
    generation: int = 0
    by: str = ""
    """Who wrote it: `agent`, `person`, `handoff` or `compaction`."""

    def about(self, item: str, branch: str) -> bool:
        """Whether it is about this item on this branch; one of another is no use. An unknown branch fits every one."""
        return self.item == item and (not branch or not self.branch or self.branch == branch)


class Session(Model):
    """One process of an agent."""

    id: str
    """The runtime's own id of the session; the mark of the process where the runtime has none."""
    nonce: str
    generation: int
    item: str = ""
    attempt: int = 0
    began: str = "start"
    """Why it was started: start, rejected, resumed or handoff."""
    started: str = ""
    ended: str = ""
    how: str = ""
    """How it ended: finished, handed over, signal 9 …; empty while it lasts."""


class Remembering(Entity):
    """What polecats and crew have in common: a checkpoint, and a list of sessions."""

    generation: int = 0
    """Counts its processes."""
    checkpoint: Checkpoint | None = None
    sessions: list[Session] = Field(default_factory=list)
    """Oldest first; the last one is the present one while it has not ended."""
    handing: bool = False
    """It has handed over to itself, and its session is about to end for that."""

    def session_opened(self, nonce: str, generation: int, item: str, attempt: int, began: str) -> None:
        """A process of it is about to be started."""
        self.session_closed("lost")
        opened = Session(
            id=nonce,
            nonce=nonce,
            generation=generation,
            item=item,
            attempt=attempt,
            began=began,
            started=self.updated_at,
        )
        self.sessions = [*self.sessions[1 - SESSIONS :], opened]
        self.handing = False

    def session_closed(self, how: str) -> None:
        """Its process is gone, or about to be ended; only the first word on how counts."""
        if self.sessions and not self.sessions[-1].ended:
            self.sessions[-1].ended, self.sessions[-1].how = self.updated_at, how

    def session_begun(self, c: m.SessionBegun) -> None:
        """The runtime says which of its own sessions this is."""
        for session in self.sessions:
            if session.generation == c.generation and not session.ended:
                session.id = c.session

    def write(self, c: m.Checkpointed) -> dict[str, str]:
        """Write down where it is. What compaction knows does not replace the words of the agent itself."""
        if c.generation != self.generation:
            raise RgtError("denied", "another process has taken over", "stop here")
        old = self.checkpoint
        text = c.text
        if c.by == "compaction" and not text and old is not None and old.about(c.item, c.branch):
            text = old.text
        self.checkpoint = Checkpoint(
            **c.model_dump(include={"item", "attempt", "branch", "head", "generation", "by"}),
            text=text,
            at=self.updated_at,
        )
        return {"at": self.updated_at}

    def forget(self, c: m.Empty) -> None:
        """Forget the checkpoint."""
        self.checkpoint = None

    def hand_over(self, c: m.Checkpointed, runs: bool) -> dict[str, str]:
        """Write down where it is and ask for a fresh session; only the process that runs now may."""
        if not runs or self.handing:
            raise RgtError("refused", "this session is about to end already", "stop here; the next one goes on")
        written = self.write(c)
        self.handing = True
        return written
