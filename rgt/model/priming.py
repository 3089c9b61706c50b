"""What an agent is told of its item."""

from __future__ import annotations

from rgt.model.prompts import ItemFacts
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
