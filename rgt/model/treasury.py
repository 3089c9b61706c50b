"""The mayor's treasury: what agents have spent, and who must wait because a budget is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from pydantic import Field

from rgt.model import messages as m
from rgt.model.budgets import WHOSE, BudgetDefaults, BudgetRow, Budgets, BudgetSet, Held, Scope
from rgt.model.costs import NOTHING, Amount, total
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.spending import CostFilter, CostRow, Costs, Spending, Spent

OVER = 200
"""Of so many items it is remembered that their budget is spent."""


class Treasury(Entity):
    """The part of the mayor that counts."""

    spending: Spending = Field(default_factory=Spending)
    budgets: Budgets = Field(default_factory=Budgets)
    rigs: list[str] = Field(default_factory=list)
    """Rigs that are told when they must wait."""
    held: dict[str, str] = Field(default_factory=dict)
    """rig → why it takes no new work today"""
    over: dict[str, str] = Field(default_factory=dict)
    """item → why nobody works on it"""

    @property
    def today(self) -> str:
        """The present day of the town, in UTC."""
        return self.updated_at[:10]

    def spent_today(self) -> Amount:
        """What the town has spent today."""
        return total(self.spending.sums("day", self.today).values())

    def next_wake(self) -> str:
        """The beginning of the next day, when somebody waits for it."""
        if not self.held:
            return ""
        return f"{date.fromisoformat(self.today) + timedelta(days=1)}T00:00:00.000Z"

    # --- what is heard

    def spent(self, c: Spent) -> None:
        """Agents have used something."""
        news = [line for line in c.lines if self.spending.take(line, self.today)]
        if news:
            self._weigh({line.item for line in news if line.item})
            self.changed()

    def budget_defaults(self, c: BudgetDefaults) -> None:
        """town.toml was read; with a mistake in it what it said before stays in force."""
        if not c.mistake and c.budget != self.budgets.town:
            self.budgets.town = c.budget
            self._weigh(self._known_items())

    def budget_set(self, c: BudgetSet) -> dict[str, Any]:
        """A person sets a budget."""
        if c.name and c.scope == "day":
            raise RgtError("usage", "the town has one budget for a day", "`rgt budget set day --usd USD`")
        if c.scope == "rig" and c.name and c.name not in self.rigs:
            raise RgtError("not_found", f"there is no rig {c.name[:40]!r}", "see `rgt rig list`")
        if c.usd is None and c.tokens is None and not c.default:
            raise RgtError("usage", "say how much: --usd, --tokens, or both", "see `rgt budget set --help`")
        self.budgets.set(c)
        self._weigh(self._known_items() if not c.name else {c.name} if c.scope == "item" else set())
        self.changed()
        return {"budget": self.row_of(c.scope, c.name).model_dump(mode="json")}

    def rig_opened(self, c: m.RigName) -> None:
        """A rig takes work from now on; it must know whether it may."""
        if c.rig not in self.rigs:
            self.rigs.append(c.rig)
        self.held.pop(c.rig, None)
        self._weigh(set())

    def rig_closed(self, c: m.RigName) -> None:
        """A rig has left the town."""
        self.rigs = [r for r in self.rigs if r != c.rig]
        self.held.pop(c.rig, None)
        self.budgets.own.pop(f"rig {c.rig}", None)

    def day_turned(self) -> None:
        """Another day: what waited for it may go on."""
        self._weigh(set())
        self.changed()

    # --- what is asked

    def costs(self, c: CostFilter) -> Costs:
        """Sums by item, agent, rig, role, model or day, the dearest first, days in their order."""
        sums = self.spending.of_items([c.item]) if c.item else self.spending.sums(c.by, c.since)
        rows = [CostRow(key=key, amount=Amount.unpack(amount)) for key, amount in sums.items()]
        if c.by == "day" and not c.item:
            rows.sort(key=lambda r: r.key)
        else:
            rows.sort(key=lambda r: (-r.amount.micro, -r.amount.tokens, r.key))
        return Costs(by=c.by, since=c.since, rows=rows, total=total(sums.values()))

    def budget_rows(self, today: str) -> list[BudgetRow]:
        """Every budget that is in force, that of the day first."""
        names = [key.partition(" ")[::2] for key in self.budgets.own]
        items = [name for scope, name in names if scope == "item" and name]
        asked: list[tuple[Scope, str]] = [("day", ""), ("rig", ""), ("item", "")]
        asked += [("rig", rig) for rig in self.rigs]
        asked += [("item", item) for item in sorted({*items, *self.over})]
        rows = [self.row_of(scope, name, today) for scope, name in asked]
        return [r for r in rows if r.usd is not None or r.tokens is not None or r.source == "set"]

    def row_of(self, scope: Scope, name: str, today: str = "") -> BudgetRow:
        """One budget with what was spent of it."""
        limit = self.budgets.limit(scope, name)
        key = f"{scope} {name}".strip()
        row = BudgetRow(scope=scope, name=name, usd=limit.usd, tokens=limit.tokens)
        row.source = "set" if key in self.budgets.own or (name and scope in self.budgets.own) else "town.toml"
        if scope == "day" or name:
            row.spent = self._amount(scope, name, today or self.today)
            row.state = "spent" if limit.spent(row.spent, "") else "room"
        return row

    # --- what follows

    def _amount(self, scope: Scope, name: str, day: str) -> Amount:
        if scope == "item":
            return Amount.unpack(self.spending.of_items([name])[name])
        sums = self.spending.sums("rig", day)
        return total(sums.values()) if scope == "day" else Amount.unpack(sums.get(name, NOTHING))

    def _known_items(self) -> set[str]:
        found = {key.split(" ", 3)[2] for key in self.spending.lines} | set(self.over)
        return found - {"-"}

    def _weigh(self, items: Iterable[str]) -> None:
        """Hold what is over its budget, let go what is not any more; only changes are told."""
        sums = self.spending.sums("rig", self.today)
        town = self.budgets.limit("day").spent(total(sums.values()), WHOSE["day"])
        for rig in self.rigs:
            its = Amount.unpack(sums.get(rig, NOTHING))
            self._tell(f"rig/{rig}", self.held, rig, town or self.budgets.limit("rig", rig).spent(its, WHOSE["rig"]))
        for item, amount in sorted(self.spending.of_items(items).items()):
            text = self.budgets.limit("item", item).spent(Amount.unpack(amount), WHOSE["item"])
            self._tell(f"work/{item}", self.over, item, text)
        while len(self.over) > OVER:
            del self.over[next(iter(self.over))]

    def _tell(self, to: str, known: dict[str, str], name: str, text: str) -> None:
        if known.get(name, "") == text:
            return
        known[name] = text
        if not text:
            del known[name]
        self.tell(to, "hold", Held(text=text))
