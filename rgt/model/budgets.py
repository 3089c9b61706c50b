"""Budgets: how much may be spent for an item, in a rig and in the town, a day."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from rgt.model.base import Model
from rgt.model.config import Budget
from rgt.model.costs import Amount, counted, dollars
from rgt.model.messages import Message

Scope = Literal["item", "rig", "day"]
"""`item`: one work item, whatever it takes; `rig`: one rig and day; `day`: the town and day. Days are those of UTC."""
OWN = 500
"""So many budgets that were set are remembered."""
NONE = -1
"""In the place of a limit: there is none, whatever town.toml says."""


class Limit(Model):
    """A budget. What is None is not limited."""

    usd: float | None = None
    tokens: int | None = None

    def spent(self, a: Amount, whose: str) -> str:
        """That it is spent, in words that stay the same while it is; empty when there is room."""
        if self.usd is not None and a.micro >= self.usd * 1_000_000:
            return f"{whose} of {dollars(self.usd)} is spent"
        if self.tokens is not None and a.tokens >= self.tokens:
            return f"{whose} of {counted(self.tokens)} tokens is spent"
        return ""

    def over(self, other: Limit) -> Limit:
        """This limit where it says something, else the other."""

        usd = other.usd if self.usd is None else self.usd
        tokens = other.tokens if self.tokens is None else self.tokens
        return Limit(usd=None if usd == NONE else usd, tokens=None if tokens == NONE else tokens)


WHOSE: dict[Scope, str] = {"item": "budget", "rig": "the rig's budget of today", "day": "the town's budget of today"}
"""Words for a budget that is spent. Alerts begin with them."""


class BudgetDefaults(Message):
    """What town.toml says of budgets, and what is wrong in the files of the configuration."""

    budget: Budget = Field(default_factory=Budget)
    mistake: str = ""


def _limit(value: float) -> float:
    if value < 0 and value != NONE:
        raise ValueError("a budget is 0 or more, or -1 for none")
    return value


class BudgetChange(Model):
    """Sets a budget; what is not given stays what it was. No name: that of every item, of every rig."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scope: Scope
    name: str = Field(default="", max_length=40)
    usd: Annotated[float, AfterValidator(_limit)] | None = None
    """US dollars; -1 for no limit."""
    tokens: Annotated[int, AfterValidator(_limit)] | None = None
    """-1 for no limit."""
    default: bool = False
    """Forget what was set: town.toml counts again."""


class BudgetSet(Message, BudgetChange):
    """A budget is set."""


class Held(Message):
    """A budget is spent: no more work until there is room. Empty: there is."""

    text: str = ""


class BudgetRow(Model):
    """One budget with what was spent of it."""

    scope: Scope
    name: str = ""
    """Of the item or rig; empty for every other one."""
    usd: float | None = None
    tokens: int | None = None
    spent: Amount = Field(default_factory=Amount)
    state: Literal["", "room", "spent"] = ""
    """Empty where there is nothing to compare with."""
    source: Literal["town.toml", "set"] = "town.toml"


class BudgetList(Model):
    """Budgets that are in force."""

    rows: list[BudgetRow]


class Budgets(Model):
    """Every limit of a town: those of town.toml, and over them what was set since."""

    town: Budget = Field(default_factory=Budget)
    own: dict[str, Limit] = Field(default_factory=dict)
    """`item`, `rig`, `day`, `item gt-3f8k2`, `rig api` → limit"""

    def set(self, c: BudgetSet) -> None:
        """Change one."""
        key = f"{c.scope} {c.name}".strip()
        if c.default:
            self.own.pop(key, None)
            return
        old = self.own.pop(key, Limit())
        self.own[key] = Limit(
            usd=old.usd if c.usd is None else c.usd, tokens=old.tokens if c.tokens is None else c.tokens
        )
        while len(self.own) > OWN:
            del self.own[next(iter(self.own))]

    def limit(self, scope: Scope, name: str = "") -> Limit:
        """The limit that holds."""
        by_town = Limit(usd=getattr(self.town, f"usd_per_{scope}"), tokens=getattr(self.town, f"tokens_per_{scope}"))
        every = self.own.get(scope, Limit()).over(by_town)
        return self.own.get(f"{scope} {name}", Limit()).over(every) if name else every
