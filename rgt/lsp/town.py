"""The town as this server knows it: a live copy of its rows, from which every request is answered at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rgt.lsp.listening import tell
from rgt.model.needs import needs
from rgt.model.operations import Need
from rgt.model.planner import in_line
from rgt.model.rows import Row, only_spent

AGENTS = ("mayor", "crew", "polecat", "witness", "refinery")
"""Kinds of rows that are agents."""
OVER = ("merged", "closed")
"""States of items on which nobody works any more."""


@dataclass(frozen=True)
class Health:
    """How the connection to the town is: `health` is ok, warning or error, `message` one line for people.

    `town` is the town in one word: connecting (the first try is still under way), none, stopped, asleep, away (it comes
    back by itself) or up."""

    health: str
    message: str
    town: str


@dataclass(frozen=True)
class Seen:
    """What is looked up again and again, of one version."""

    version: int = -1
    agents: dict[str, Row] = field(default_factory=dict)
    line: list[tuple[int, Row]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    fixes: dict[str, list[Row]] = field(default_factory=dict)


class Town:
    """Rows of a town, with a version that grows at every change, and listeners."""

    def __init__(self) -> None:
        self.version = 0
        self.health = Health("warning", "connecting", "connecting")
        self.known = False
        """Whether there was ever a whole picture. Without it no absence means anything."""
        self._rows: dict[str, Row] = {}
        self._index = Seen()
        self._texts: tuple[int, list[tuple[str, Row]]] = (-1, [])
        self._on_change: list[Callable[[list[Row]], None]] = []
        self._on_health: list[Callable[[Health], None]] = []

    # --- looking

    def rows(self, *kinds: str) -> list[Row]:
        """All rows, or those of some kinds."""
        return [r for r in self._rows.values() if not kinds or r.kind in kinds]

    def item(self, id: str) -> Row | None:
        """A work item."""
        return self._rows.get(f"work:{id}")

    def rig(self, name: str) -> Row | None:
        """A rig."""
        return self._rows.get(f"rig:{name}")

    def agent(self, address: str) -> Row | None:
        """An agent by its address, or by a name that only one has."""
        for kind in AGENTS:
            if (row := self._rows.get(f"{kind}:{address}")) is not None:
                return row
        named = [r for r in self.rows("crew", "polecat") if r.id.rpartition("/")[2] == address]
        return named[0] if len(named) == 1 else None

    def working_on(self, id: str) -> Row | None:
        """The agent that has an item on its hook."""
        return self._seen().agents.get(id)

    def queue(self, rig: str = "") -> list[tuple[int, Row]]:
        """Entries of the merge queues with their places, in the order in which they are tested."""
        return [(place, r) for place, r in self._seen().line if not rig or r.rig == rig]

    def place(self, id: str) -> int:
        """Place of an item in the queue of its rig, from 1; 0 for none."""
        return self._seen().places.get(id, 0)

    def fixes(self, id: str) -> list[Row]:
        """The items that are to put this one right."""
        return self._seen().fixes.get(id, [])

    def texts(self) -> list[tuple[str, Row]]:
        """Rows with what they are found by in searches, in lower case: open work and agents first, newest first."""
        if self._texts[0] != self.version:
            rows = sorted(self._rows.values(), key=lambda r: (r.kind == "work" and r.state in OVER, -r.updated))
            self._texts = (self.version, [(f"{r.id} {r.title} {r.state}".lower(), r) for r in rows])
        return self._texts[1]

    def needs(self) -> list[Need]:
        """What waits for a person."""
        return needs(self.rows())

    def counts(self) -> dict[str, int]:
        """How many agents, open items, entries and needs there are, and how many items in each state."""
        work = Counter(r.state for r in self.rows("work"))
        return {
            "agents": len(self.rows("polecat", "crew")),
            "open": sum(n for state, n in work.items() if state not in OVER),
            "queue": len(self.rows("entry")),
            "needs": sum(bool(r.alert) for r in self._rows.values()),
            "rigs": len(self.rows("rig")),
            **{f"work.{state}": n for state, n in sorted(work.items())},
        }

    def _seen(self) -> Seen:
        if self._index.version != self.version:
            line = in_line(self.rows("entry"))
            agents = {r.item: r for r in self.rows("polecat", "crew") if r.item}
            fixes = defaultdict(list)
            for row in self.rows("work"):
                if row.fixes:
                    fixes[row.fixes].append(row)
            self._index = Seen(self.version, agents, line, {r.item: place for place, r in line}, fixes)
        return self._index

    # --- changing

    def take(self, rows: Iterable[Row], whole: bool = False) -> None:
        """Take in changes, or the whole town. What an agent has spent is no news by itself."""
        changed = []
        before = self._rows
        if whole:
            self._rows = {}
        for row in rows:
            old = before.get(row.key)
            if not row.gone:
                self._rows[row.key] = row
            elif not whole:
                self._rows.pop(row.key, None)
            if row != old and not only_spent(old, row):
                changed.append(row)
        if whole:
            changed += [r.model_copy(update={"gone": True}) for key, r in before.items() if key not in self._rows]
            self.known = True
        if changed:
            self.version += 1
            tell(self._on_change, changed)

    def feels(self, health: Health) -> None:
        """Take in how the connection is."""
        if health != self.health:
            self.health = health
            tell(self._on_health, health)

    def on_change(self, listener: Callable[[list[Row]], None]) -> None:
        """Have the rows of every change; what is gone is marked so."""
        self._on_change.append(listener)

    def on_health(self, listener: Callable[[Health], None]) -> None:
        """Have every change of the connection."""
        self._on_health.append(listener)
