"""What a work item hands on: to its rig, to the merge queue, and to the item that it fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rgt.model.messages import Fixed, Wanted
from rgt.model.queue import Entry
from rgt.model.rows import cut

if TYPE_CHECKING:
    from rgt.model.work import Work


def wanted_of(work: Work, rejected: bool) -> Wanted:
    """What its rig must know to find it an agent for this attempt."""
    return Wanted(
        item=work.id,
        attempt=work.attempt,
        title=cut(work.title, 80),
        priority=work.priority,
        rejected=rejected,
        runtime=work.runtime,
        since=work.updated_at,
        deaths=work.deaths,
    )


def entry_of(work: Work) -> Entry:
    """Its finished head, as the merge queue takes it."""
    return Entry(
        item=work.id,
        rig=work.rig,
        head=work.head,
        branch=work.branch,
        title=work.title,
        priority=work.priority,
        attempt=max(work.attempt, 1),
        submitted_at=work.updated_at,
        agent=work.address,
        fixes=work.fixes,
    )


def fixed_of(work: Work) -> Fixed:
    """Its landing, as the item hears of it that it was to put right."""
    return Fixed(item=work.id, rig=work.rig, sha=work.sha, carries=work.carries)
