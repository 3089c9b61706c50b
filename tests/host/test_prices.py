"""The shipped prices, and those of a town over them."""

from __future__ import annotations

import re
from datetime import date

import pytest

from rgt.host.prices import SHIPPED, prices_in_force, read_prices
from rgt.model.errors import RgtError
from rgt.model.home import Home

OWN = "models.{} = {{ input = 1, output = 2, write = 3, write_hour = 4, read = 5 }}\n"


def test_the_shipped_table_says_when_and_where_it_was_looked_up(home: Home) -> None:
    prices = read_prices(home)
    assert date.fromisoformat(prices.as_of) and prices.source.startswith("https://")
    assert re.search(r"^# What models cost", SHIPPED.read_text())
    for name, price in prices.models.items():
        assert 0 < price.read < price.input < price.write < price.write_hour < price.output, name


def test_prices_of_a_town_go_before_the_shipped_ones(home: Home) -> None:
    home.config.mkdir(parents=True)
    home.prices.write_text('as_of = "2026-12-01"\n' + OWN.format("claude-opus-5-5") + OWN.format("mine"))
    prices = read_prices(home)
    assert [prices.models[name].output for name in ("claude-opus-5-5", "mine", "claude-sonnet-5-5")] == [2, 2, 10]
    assert (prices.as_of, prices.source) == ("2026-12-01", str(home.prices))
    home.prices.write_text("")
    assert read_prices(home).as_of != "2026-12-01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models.mine = { input = 1 }\n", "output"),
        (OWN.format("mine").replace("input = 1", "input = -1"), "prices.toml:1"),
        ("price = 5\n", "prices.toml:1"),
        ('as_of = "yesterday"\n', "prices.toml:1"),
        ("[[[", "prices.toml:1"),
    ],
)
def test_with_a_mistake_in_them_the_shipped_ones_hold(home: Home, text: str, said: str) -> None:
    home.config.mkdir(parents=True)
    home.prices.write_text(text)
    with pytest.raises(RgtError, match=re.escape(said)):
        read_prices(home)
    assert prices_in_force(home).models.keys() >= {"claude-opus-5-5"}
