"""What an agent is told of its item."""

from __future__ import annotations

from rgt.model.prompts import AttemptFacts, ItemFacts, PrimeFacts
from rgt.model.work import Work


def prime_item(work: Work) -> ItemFacts:
    """What the agent that has the item is told of it."""
    return ItemFacts(
        id=work.id,
        title=work.title,
        description=work.description,
        acceptance=work.accept,
        priority=work.priority,
        branch=work.branch,
        review_only=work.review_only,
        notes=work.notes,
    )


def prime_facts(address: str, rig: str, work: Work | None, *, resumed: bool) -> PrimeFacts:
    """Everything that an agent is told of itself and, if it has one, its item."""
    facts = PrimeFacts(address=address, rig=rig, resumed=resumed)
    if work is not None:
        facts.item = prime_item(work)
        facts.attempts = [AttemptFacts(number=a.number, outcome=a.outcome, notes=a.left) for a in work.attempts]
        facts.rejection = work.verdict if work.rejections else None
    return facts
