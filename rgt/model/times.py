"""Times as they travel: ISO 8601 UTC text, milliseconds since the epoch in rows."""

from __future__ import annotations

import functools
from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(text: str) -> int:
    """Milliseconds since the epoch of an ISO text; 0 for none."""
    return round(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


@functools.lru_cache(maxsize=16_384)
def from_epoch(milliseconds: int) -> str:
    """ISO text of milliseconds since the epoch; empty for 0."""
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else ""


def age(seconds: int) -> str:
    """A length of time for people: `42s`, `7m`, `3h`, `2d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
