"""The ledger of a town: who has used how much, for which item, on which day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field

from rgt.model.base import Model
from rgt.model.costs import NOTHING, Amount, later, plus
from rgt.model.messages import Message

By = Literal["item", "agent", "rig", "role", "model", "day"]
EXACT_DAYS = 30
"""Days whose lines are kept one by one; older ones are folded into sums of a day, rig, role and model."""
LINES = 1500
"""So many lines at most; days before yesterday are folded earlier when there are more."""
DAYS = 400
"""Days of which anything is kept."""
ITEMS = 1000
"""Of so many items the sum of folded days is kept."""
EARLIER = "earlier"
"""Item and agent of what was folded."""


class Line(Model):
    """The total of what an agent has used of a model for an item on a day. Totals, not increments: telling it again,
    or an older one after it, changes nothing."""

    book: str
    """Where it was read: the account book of the agent, which begins anew when its files are gone."""
    agent: str
    """Workflow id."""
    item: str = ""
    day: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    """UTC."""
    model: str
    amount: list[int]
    """A packed `Amount`."""

    @property
    def key(self) -> str:
        """What the total is of."""
        return " ".join((self.day, self.agent, self.item or "-", self.book, self.model))


class Spent(Message):
    """What agents have used, as far as it has changed."""

    lines: list[Line]


class Used(Message):
    """What an agent itself has used for what it is at now, in all."""

    book: str
    amount: list[int]


class CostFilter(Model):
    """Which sums: by what, since which day, of which item alone."""

    model_config = ConfigDict(extra="forbid")

    by: By = "day"
    days: int = Field(default=7, ge=1, le=DAYS)
    """So many days, today with them."""
    since: str = ""
    """The first day; made from `days`."""
    item: str = ""


class CostRow(Model):
    """One sum."""

    key: str
    """What it is of; empty for work without an item."""
    amount: Amount


class Costs(Model):
    """Sums, and that of all of them."""

    by: By
    since: str
    rows: list[CostRow]
    total: Amount


class Spending(Model):
    """The ledger. Lines are exact for a month, then folded, so that it does not grow without end."""

    lines: dict[str, list[int]] = Field(default_factory=dict)
    """`day agent item book model` → packed amount"""
    folded: dict[str, list[int]] = Field(default_factory=dict)
    """`day rig/role model` → packed amount"""
    items: dict[str, list[int]] = Field(default_factory=dict)
    """item → what of it is in `folded`"""
    closed: str = ""
    """Nothing is added to days before this one."""

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Spending:
        """A copy, quick for a long ledger: amounts are never changed in place."""
        return Spending.model_construct(
            lines=dict(self.lines), folded=dict(self.folded), items=dict(self.items), closed=self.closed
        )

    def take(self, line: Line, today: str) -> bool:
        """Take in a total; False when it is no news."""
        if line.day < self.closed:
            return False
        old = self.lines.get(line.key, NOTHING)
        new = later(old, line.amount)
        if new == old:
            return False
        self.lines[line.key] = new
        self._fold(today)
        return True

    def sums(self, by: By, since: str = "", item: str = "") -> dict[str, list[int]]:
        """Packed amounts by item, agent, rig, role, model or day."""
        found: dict[str, list[int]] = {}
        for key, amount in self.lines.items():
            day, agent, its, _, model = key.split(" ", 4)
            if day < since or (item and its != item):
                continue
            group = GROUPS[by](day, agent, "" if its == "-" else its, model)
            found[group] = plus(found.get(group, NOTHING), amount)
        if item:
            return found
        for key, amount in self.folded.items():
            day, where, model = key.split(" ", 2)
            if day >= since:
                rig, _, role = where.partition("/")
                group = {"rig": rig, "role": role, "model": model, "day": day}.get(by, EARLIER)
                found[group] = plus(found.get(group, NOTHING), amount)
        return found

    def of_items(self, items: Iterable[str]) -> dict[str, list[int]]:
        """Everything that was ever used for these items."""
        found = {item: self.items.get(item, NOTHING) for item in items}
        for key, amount in self.lines.items():
            its = key.split(" ", 3)[2]
            if its in found:
                found[its] = plus(found[its], amount)
        return found

    def _fold(self, today: str) -> None:
        last = date.fromisoformat(today) - timedelta(days=2)
        oldest = (date.fromisoformat(today) - timedelta(days=EXACT_DAYS)).isoformat()
        while self.lines:
            first = min(key[:10] for key in self.lines) if len(self.lines) > LINES else self._first_before(oldest)
            if not first or first > last.isoformat():
                break
            self._fold_day(first)
        dropped = (date.fromisoformat(today) - timedelta(days=DAYS)).isoformat()
        for key in [k for k in self.folded if k[:10] < dropped]:
            del self.folded[key]
        while len(self.items) > ITEMS:
            del self.items[next(iter(self.items))]

    def _first_before(self, oldest: str) -> str:
        """The first day that is too old to be exact; lines mostly come in order of days."""
        first = next(iter(self.lines))[:10]
        return first if first < oldest else ""

    def _fold_day(self, day: str) -> None:
        for key in [k for k in self.lines if k[:10] <= day]:
            its_day, agent, item, _, model = key.split(" ", 4)
            amount = self.lines.pop(key)
            sum_key = f"{its_day} {rig_of(agent)}/{role_of(agent)} {model}"
            self.folded[sum_key] = plus(self.folded.get(sum_key, NOTHING), amount)
            if item != "-":
                self.items[item] = plus(self.items.pop(item, NOTHING), amount)
        self.closed = (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def rig_of(agent: str) -> str:
    """The rig of an agent's workflow; empty for those of the town."""
    parts = agent.split("/")
    return parts[1] if len(parts) == 3 else ""


def role_of(agent: str) -> str:
    """The role of an agent's workflow."""
    kind = agent.partition("/")[0]
    return "crew" if kind == "agent" else kind


def address_of(agent: str) -> str:
    """The address of an agent's workflow."""
    return agent.partition("/")[2] or agent


GROUPS: dict[By, Callable[[str, str, str, str], str]] = {
    "item": lambda day, agent, item, model: item,
    "agent": lambda day, agent, item, model: address_of(agent),
    "rig": lambda day, agent, item, model: rig_of(agent),
    "role": lambda day, agent, item, model: role_of(agent),
    "model": lambda day, agent, item, model: model,
    "day": lambda day, agent, item, model: day,
}
"""What sums are grouped by."""
