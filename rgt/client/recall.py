"""What an agent's workflow remembers of its work and its sessions, read from its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rgt.client.reach import Reach
from rgt.model.prompts import PrimeFacts
from rgt.model.sessions import Checkpoint, Session


@dataclass(frozen=True)
class Memory:
    """An agent as its workflow shows it."""

    workflow: str
    item: str = ""
    attempt: int = 0
    generation: int = 0
    runtime: str = ""
    worktree: str = ""
    branch: str = ""
    checkpoint: Checkpoint | None = None
    sessions: list[Session] = field(default_factory=list)

    @property
    def address(self) -> str:
        """`api/nux`."""
        return self.workflow.partition("/")[2]

    @classmethod
    def of(cls, workflow: str, shown: dict[str, Any]) -> Memory:
        """From the state of a polecat, whose item is that of its start, or of a crew member."""
        facts = {**shown, **(shown.get("start") or {})}
        checkpoint = shown.get("checkpoint")
        return cls(
            workflow=workflow,
            item=facts.get("item", ""),
            attempt=facts.get("attempt", 0),
            generation=shown.get("generation", 0),
            runtime=facts.get("runtime", ""),
            worktree=shown.get("worktree", ""),
            branch=shown.get("branch", ""),
            checkpoint=Checkpoint.model_validate(checkpoint) if checkpoint else None,
            sessions=[Session.model_validate(s) for s in shown.get("sessions", [])],
        )


async def memory(d: Reach, workflow: str) -> Memory:
    """What the agent's workflow remembers."""
    return Memory.of(workflow, await d.show(workflow))


def useful(d: Reach, found: Memory, item: str) -> bool:
    """Whether there is a checkpoint, and it is about this item and the branch that is checked out now."""
    if found.checkpoint is None:
        return False
    return found.checkpoint.about(item, d.around.branch(found.worktree) or found.branch)


def recall(d: Reach, facts: PrimeFacts, found: Memory, item: str) -> None:
    """Add to `facts` how the agent's session began, and what the one before has written down for it."""
    facts.handed_over = bool(found.sessions) and found.sessions[-1].began == "handoff"
    if useful(d, found, item):
        facts.checkpoint = found.checkpoint
