"""What lists show of a work item, and why a person is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rgt.model.rows import Row
from rgt.model.times import epoch

if TYPE_CHECKING:
    from rgt.model.work import Work


def row_of(work: Work) -> Row:
    """The row of an item."""
    return Row(
        kind="work",
        id=work.id,
        rev=work.rev,
        state=work.state,
        title=work.title,
        rig=work.rig,
        agent=work.address,
        priority=work.priority,
        attempt=work.attempt,
        created=epoch(work.created_at),
        updated=epoch(work.updated_at),
        pid=work.pid,
        needs=work.unmet,
        alert=alert_of(work),
        fixes=work.fixes,
    )


def alert_of(work: Work) -> str:
    """Why it waits for a person; empty when it does not."""
    if work.escalation is not None:
        return f"asks: {work.escalation.message}"
    if work.state == "failed" or (work.state == "blocked" and (work.reason or not work.unmet)):
        return work.reason or work.state
    return work.reason if work.state == "submitted" else ""
