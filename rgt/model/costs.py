"""What models cost: tokens of one answer, prices, and amounts that add up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from rgt.model.base import Model
from rgt.model.config import Section


class Usage(NamedTuple):
    """Tokens of one answer of a model."""

    input: int = 0
    """What it was given and was in no cache."""
    output: int = 0
    write: int = 0
    """What went into a cache, for an hour too."""
    write_hour: int = 0
    """That part of it which is kept for an hour."""
    read: int = 0
    """What came out of a cache."""

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.output + self.write + self.read

    @property
    def prompt(self) -> int:
        """Those that it was given."""
        return self.input + self.write + self.read


class Rates(Section):
    """US dollars for a million tokens of each kind."""

    input: float = Field(ge=0)
    """What a model is given and is in no cache."""
    output: float = Field(ge=0)
    """What it answers."""
    write: float = Field(ge=0)
    """What goes into a cache for five minutes."""
    write_hour: float = Field(ge=0)
    """What goes into a cache for an hour."""
    read: float = Field(ge=0)
    """What comes out of a cache."""

    def micro(self, u: Usage) -> int:
        """Millionths of a dollar for one answer."""
        hour = min(u.write_hour, u.write)
        cached = (u.write - hour) * self.write + hour * self.write_hour + u.read * self.read
        return round(u.input * self.input + u.output * self.output + cached)


class Price(Rates):
    """The price of one model."""

    above: int = Field(default=0, ge=0)
    """Tokens of a prompt above which `long` holds for the whole answer; 0 for one price."""
    long: Rates | None = None
    """The price of answers to longer prompts."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.above) != (self.long is not None):
            raise PydanticCustomError("long", "`above` and `long` need each other", {"at": ["above"]})
        return self

    def of(self, u: Usage) -> int:
        """Millionths of a dollar for one answer."""
        return self.long.micro(u) if self.long is not None and u.prompt > self.above else self.micro(u)


class Prices(Section):
    """A table of prices: the one that comes with rgt, or `prices.toml` of a town, whose models go before it."""

    as_of: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    """The day on which somebody has looked the prices up."""
    source: str = ""
    """Where."""
    models: dict[str, Price] = Field(default_factory=dict)
    """Prices by the name of the model, without the date that may be at its end."""

    def price(self, model: str) -> Price | None:
        """The price of a model; None when nobody knows. A newer model is not taken for an older one."""
        return self.models.get(model) or self.models.get(DATED.sub("", model.rpartition("/")[2]))


DATED = re.compile(r"(\[1m\])?$|(-\d{8}|-latest|@\w+)(\[1m\])?$")
"""What may come behind the name of a model without making another one of it."""


class Amount(Model):
    """What was used: answers, tokens and money. Amounts add up exactly."""

    calls: int = 0
    """Answers of models."""
    input: int = 0
    output: int = 0
    write: int = 0
    read: int = 0
    micro: int = 0
    """Millionths of a US dollar, of those answers whose price is known."""
    unpriced: int = 0
    """Tokens whose price nobody knows; they are not in `micro`."""

    @classmethod
    def of(cls, u: Usage, price: Price | None) -> Amount:
        """One answer."""
        known = {"unpriced": u.tokens} if price is None else {"micro": price.of(u)}
        return cls(calls=1, input=u.input, output=u.output, write=u.write, read=u.read, **known)

    @property
    def tokens(self) -> int:
        """Tokens of all kinds."""
        return self.input + self.output + self.write + self.read

    @property
    def usd(self) -> float:
        """US dollars."""
        return self.micro / 1_000_000

    def pack(self) -> list[int]:
        """The form in which it is stored."""
        return [self.calls, self.input, self.output, self.write, self.read, self.micro, self.unpriced]

    @classmethod
    def unpack(cls, values: list[int]) -> Amount:
        """The inverse of `pack`."""
        return cls.model_validate(dict(zip(cls.model_fields, values, strict=True)))

    def short(self) -> dict[str, float | int]:
        """As rows of other things show it (`docs/json.md`)."""
        return {"usd": self.usd, "tokens": self.tokens, "unpriced": self.unpriced}


NOTHING = [0] * len(Amount.model_fields)
"""A packed amount of nothing."""


def plus(a: list[int], b: list[int]) -> list[int]:
    """The sum of two packed amounts."""
    return [x + y for x, y in zip(a, b, strict=True)]


def minus(a: list[int], b: list[int]) -> list[int]:
    """The difference of two packed amounts."""
    return [x - y for x, y in zip(a, b, strict=True)]


def total(amounts: Iterable[list[int]]) -> Amount:
    """The sum of packed amounts."""
    found = NOTHING
    for amount in amounts:
        found = plus(found, amount)
    return Amount.unpack(found)


def later(a: list[int], b: list[int]) -> list[int]:
    """Of two totals of the same thing the one that was read later: totals only grow.

    It makes no difference in which order they come, nor how often."""
    return max(a, b, key=lambda v: (v[0], sum(v[1:5]), -v[6], v))


def dollars(usd: float) -> str:
    """Money for people: `$12.30`, small amounts with the digits that say something."""
    return f"${usd:.2f}" if usd >= 0.995 or not usd else f"${usd:.3f}"


def counted(tokens: int) -> str:
    """Tokens for people: `950`, `12.3k`, `4.5M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if tokens >= size:
            return f"{tokens / size:.1f}{unit}"
    return str(tokens)


def brief(mills: int, tokens: int) -> str:
    """What a row says that was spent, as short as can be: money, or tokens when no price is known."""
    return dollars(mills / 1000) if mills else f"{counted(tokens)} tok" if tokens else ""


def money(usd: float, tokens: int, unpriced: int = 0) -> str:
    """What was spent in a few words; what has no price is said."""
    if unpriced == tokens:
        return f"{counted(tokens)} tokens of unknown price" if tokens else "nothing"
    unknown = f", {counted(unpriced)} of them of unknown price" if unpriced else ""
    return f"{dollars(usd)} ({counted(tokens)} tokens{unknown})"
