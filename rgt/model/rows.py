"""Rows: what lists, the feed and editors show of every entity; and the town's index of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from rgt.model.base import Model

Kind = Literal["work", "polecat", "crew", "rig", "entry", "refinery", "witness", "mayor", "host", "boot"]
TITLE = 40
"""Titles are cut to this many characters in rows; `show` has the whole."""
ALERT = 60
DAY = 86_400_000
"""Milliseconds."""


class Row(Model):
    """One entity as the town lists it. Empty fields mean that the kind has no such thing.

    `alert` says why a person is needed; `rgt needs` lists the rows that have one."""

    kind: Kind
    id: str
    rev: int = 0
    state: str = ""
    title: str = ""
    rig: str = ""
    agent: str = ""
    item: str = ""
    priority: str = ""
    attempt: int = 0
    created: int = 0
    """Milliseconds since the epoch."""
    updated: int = 0
    pid: int = 0
    needs: list[str] = Field(default_factory=list)
    mail: int = 0
    """Messages that an agent has not taken yet."""
    alert: str = ""
    gone: bool = False
    """The entity has ended and its row leaves the index."""
    cost: int = 0
    """Thousandths of a US dollar: of an agent for what it is at, of the mayor for the whole town on the day of
    `updated`."""
    tokens: int = 0
    """Tokens, likewise; also those whose price nobody knows."""
    fixes: str = ""
    """The item that a work item is to put right."""

    @property
    def key(self) -> str:
        """Key of the row in an index."""
        return f"{self.kind}:{self.id}"

    def pack(self) -> list[Any]:
        """The positional form that travels and is stored: at most 150 bytes in the ordinary case.

        `updated` is there as the time since `created`."""
        values = [getattr(self, name) for name in FIELDS]
        values[FIELDS.index("title")] = cut(self.title, TITLE)
        values[FIELDS.index("alert")] = cut(self.alert, ALERT)
        values[FIELDS.index("updated")] = self.updated - self.created
        while len(values) > REV + 1 and not values[-1]:
            values.pop()
        return [v or 0 for v in values]

    @classmethod
    def unpack(cls, values: list[Any]) -> Row:
        """The inverse of `pack`; fields that an older version did not write are empty."""
        pairs = zip(FIELDS, values, strict=False)
        row = cls.model_validate({k: v for k, v in pairs if v != 0 or k in NUMBERS})
        row.updated += row.created
        return row


FIELDS = tuple(Row.model_fields)
REV = FIELDS.index("rev")
"""Where a packed row has its revision, which is always there."""
GONE = FIELDS.index("gone")
NUMBERS = ("rev", "attempt", "created", "updated", "pid", "mail", "cost", "tokens")


def only_spent(before: Row | None, after: Row) -> bool:
    """Whether nothing has changed but what was spent: no event to tell of."""
    quiet = {"rev": 0, "updated": 0, "cost": 0, "tokens": 0}
    return before is not None and before.model_copy(update=quiet) == after.model_copy(update=quiet)


def today(rows: Iterable[Row], now: int) -> tuple[int, int]:
    """Thousandths of a dollar and tokens that the town has used on the day (UTC) of `now`, in milliseconds.

    Nobody wakes when a day turns, so the row of a mayor that has heard nothing since is of the day before."""
    mayor = next((r for r in rows if r.kind == "mayor"), None)
    return (mayor.cost, mayor.tokens) if mayor and mayor.updated // DAY == now // DAY else (0, 0)


def cut(text: str, width: int) -> str:
    """`text` on one line, at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def key(packed: list[Any]) -> str:
    """Key of a packed row in an index: kind and id."""
    return f"{packed[0]}:{packed[1]}"


def fold(index: dict[str, list[Any]], packed: list[Any]) -> bool:
    """Put a packed row into an index; False when the index has it, or a newer one. The one reducer of all.

    Of two different rows with one revision the later counts: the first was told by a task that a crash undid."""
    k = key(packed)
    old = index.get(k)
    if old is not None and (old[REV] > packed[REV] or old == packed):
        return False
    if len(packed) > GONE and packed[GONE]:
        index.pop(k, None)
    else:
        index[k] = packed
    return True
