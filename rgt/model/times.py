"""Times as they travel: ISO 8601 UTC text, whole seconds since the epoch in rows."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(text: str) -> int:
    """Seconds since the epoch of an ISO text; 0 for none."""
    return int(datetime.fromisoformat(text).timestamp()) if text else 0


def from_epoch(seconds: int) -> str:
    """ISO text of whole seconds since the epoch; empty for 0."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else ""


def age(seconds: int) -> str:
    """A length of time for people: `42s`, `7m`, `3h`, `2d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
