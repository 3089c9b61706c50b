"""What the refinery tests next: a pure function over the queue, what runs, and what is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rgt.model.base import Model
from rgt.model.queue import Entry, Priority, Verdict, VerdictKind
from rgt.model.rows import Row
from rgt.model.times import from_epoch

HANDICAP: dict[Priority, float] = {"p0": 0.0, "p1": 5 * 60.0, "p2": 10 * 60.0, "p3": 30 * 60.0}
"""Seconds by which an entry of that priority stands back behind one that came later (the `handicap` of `due`)."""
SETTLES: frozenset[VerdictKind] = frozenset({"merged", "failed", "conflict", "refused", "lost"})
"""Verdicts that end an entry's stay in the queue. After any other one it is tested again."""


class Run(Model):
    """One test that should start now: these entries, in this order, in this slot."""

    slot: str
    entries: list[Entry]


def plan(queue: Sequence[Entry], running: Sequence[Run], verdicts: Sequence[Verdict] = (), slots: int = 1) -> list[Run]:
    """The runs to start now, at most one for each free slot; `[]` means wait.

    `queue` is in order of arrival and may still hold entries that run or have their verdict; those are passed over.
    One entry is tested at a time, in `slot-0`, whatever the number of slots; the order is that of `due`:

        due(e) = submitted_at(e) + handicap(priority(e)),   handicap = 0, 5, 10, 30 minutes for p0, p1, p2, p3

    The smallest `due` goes first and equal ones go in order of arrival, so equal priorities are first come, first
    served. An entry's `due` never changes: whoever is submitted later than it, with any priority, goes after it. So
    under an endless stream of p0 a p3 waits only for those that came up to 30 minutes after it.
    """
    if running or slots < 1:
        return []
    settled = {(v.item, v.head) for v in verdicts if v.kind in SETTLES}
    waiting = [e for e in in_order(queue) if (e.item, e.head) not in settled]
    return [Run(slot="slot-0", entries=waiting[:1])] if waiting else []


def in_order(queue: Sequence[Entry]) -> list[Entry]:
    """The queue as `plan` will take it, first one first."""
    return sorted(queue, key=due)


def place(queue: Sequence[Entry], entry: Entry, running: Sequence[Run] = ()) -> int:
    """Place of `entry` in the line, 1 for the next or running one; 0 when it is not in the queue."""
    busy = {e.id for run in running for e in run.entries}
    line = sorted(in_order(queue), key=lambda e: e.id not in busy)
    return next((n for n, e in enumerate(line, 1) if e.id == entry.id), 0)


def due(entry: Entry) -> float:
    """Seconds since 1970 by which entries are ordered; an unknown time of submission counts as the oldest."""
    try:
        at = datetime.fromisoformat(entry.submitted_at)
    except ValueError:
        return HANDICAP[entry.priority]
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() + HANDICAP[entry.priority]


def in_line(rows: list[Row]) -> list[tuple[int, Row]]:
    """Entries with their place: what is tested first, then in the planner's order, by rig."""

    def rank(r: Row) -> tuple[str, bool, float]:
        entry = Entry.model_validate(
            {"item": r.item, "rig": r.rig, "head": "", "priority": r.priority, "submitted_at": from_epoch(r.created)}
        )
        return r.rig, r.state != "testing", due(entry)

    placed: list[tuple[int, Row]] = []
    for row in sorted((r for r in rows if r.kind == "entry"), key=rank):
        place = placed[-1][0] + 1 if placed and placed[-1][1].rig == row.rig else 1
        placed.append((place, row))
    return placed
