"""What was spent: sums that no order of messages can change, prices, and budgets that hold."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgt.model import messages as m
from rgt.model.budgets import BudgetDefaults
from rgt.model.config import Budget
from rgt.model.costs import Amount, Price, Prices, Rates, Usage, brief, counted, dollars, later, money, total
from rgt.model.rows import DAY, today
from rgt.model.spending import DAYS, ITEMS, LINES, By, CostFilter, Line, Spending, Spent
from rgt.model.times import epoch
from rgt.model.town import Mayor

TODAY = "2026-11-27"
KEYS: tuple[By, ...] = ("item", "agent", "rig", "role", "model", "day")


def amount(tokens: int, micro: int = 0, calls: int = 1) -> list[int]:
    return Amount(calls=calls, output=tokens, micro=micro).pack()


def line(tokens: int, micro: int = 0, calls: int = 1, **more: str) -> Line:
    about = {"book": "b1", "agent": "polecat/api/nux", "item": "gt-aaaaa", "day": TODAY, "model": "m", **more}
    return Line.model_validate({**about, "amount": amount(tokens, micro, calls)})


def mayor(*rigs: str, **budget: float) -> Mayor:
    """A mayor on a day, with rigs and the budgets of town.toml."""
    found = Mayor(updated_at=f"{TODAY}T12:00:00.000Z")
    for rig in rigs:
        found.rig_opened(m.RigName(rig=rig))
    found.budget_defaults(BudgetDefaults(budget=Budget.model_validate(budget)))
    found.outbox.clear()
    return found


# --- sums

SPENDING = st.lists(
    st.tuples(
        st.sampled_from(["polecat/api/nux", "polecat/web/nux", "agent/api/joe"]),
        st.sampled_from(["gt-aaaaa", "gt-bbbbb", ""]),
        st.sampled_from(["2026-11-25", "2026-11-26", TODAY]),
        st.sampled_from(["claude-opus-5-5", "unknown model"]),
        st.integers(1, 10_000),
        st.integers(0, 1_000_000),
    ),
    max_size=30,
)


@given(SPENDING, st.randoms())
def test_totals_told_in_any_order_and_again_and_again_give_the_right_sums(
    answers: list[tuple[str, str, str, str, int, int]], chance: random.Random
) -> None:
    """Each agent's book tells growing totals; they are repeated, overtake each other and come late."""
    running: dict[tuple[str, str, str, str], list[int]] = {}
    messages: list[Spent] = []
    right: dict[By, dict[str, int]] = {by: defaultdict(int) for by in KEYS}
    tokens = 0
    for agent, item, day, model, output, micro in answers:
        key = (agent, item, day, model)
        one = amount(output, micro)
        running[key] = total([running.get(key, amount(0, 0, 0)), one]).pack()
        its = Line(book=agent[-3:], agent=agent, item=item, day=day, model=model, amount=running[key])
        messages.append(Spent(lines=[its]))
        kind, rig, name = agent.split("/")
        role = "crew" if kind == "agent" else kind
        for by, group in zip(KEYS, (item, f"{rig}/{name}", rig, role, model, day), strict=True):
            right[by][group] += micro
        tokens += output
    told_often = messages + chance.choices(messages, k=10) if messages else []
    chance.shuffle(told_often)
    ledger = mayor("api")
    for message in told_often:
        ledger.spent(message)
    for by in KEYS:
        costs = ledger.costs(CostFilter(by=by))
        assert {r.key: r.amount.micro for r in costs.rows} == right[by]
        assert (costs.total.tokens, costs.total.micro) == (tokens, sum(right[by].values()))
    assert ledger.row().cost == right["day"][TODAY] // 1000


@given(st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=5), st.randoms())
def test_of_two_totals_the_later_one_counts_whatever_comes_first(
    totals: list[list[int]], chance: random.Random
) -> None:
    found = set()
    for _ in range(4):
        chance.shuffle(totals)
        value = totals[0]
        for other in totals[1:] + totals:
            value = later(value, other)
        found.add(tuple(value))
    assert len(found) == 1


def test_a_long_ledger_is_folded_and_stays_of_one_size() -> None:
    """What is folded keeps its sums by day, rig, role and model; a total of such a day that comes late adds nothing."""
    ledger, first, sent = Spending(), date.fromisoformat(TODAY), 0
    old = line(1, 1, day=TODAY, item="gt-00000")
    for number in range(DAYS + 20):
        day = (first + timedelta(days=number)).isoformat()
        for item in range(5):
            ledger.take(line(10, 10, day=day, item=f"gt-{number:03}{item}a", agent=f"polecat/api/p{item}"), day)
            sent += 10
    assert len(ledger.lines) <= 160
    assert len({k[:10] for k in ledger.folded}) <= DAYS
    assert len(ledger.items) <= ITEMS
    kept = ledger.sums("rig")["api"]
    assert kept[5] == total(ledger.sums("day").values()).micro == total(ledger.sums("item").values()).micro
    assert sent - 30 * 50 < kept[5] <= sent
    assert not ledger.take(old, day)
    assert ledger.sums("rig")["api"] == kept


def test_many_lines_of_few_days_are_folded_earlier_but_never_those_of_yesterday() -> None:
    ledger = Spending()
    for day in ("2026-11-20", "2026-11-26", TODAY):
        for number in range(LINES // 2):
            ledger.take(line(1, 1, day=day, item=f"gt-{number:05}"), day)
    assert {k[:10] for k in ledger.lines} == {"2026-11-26", TODAY}
    assert ledger.of_items(["gt-00001"])["gt-00001"][5] == 3, "an item's sum has all of its days"
    assert total(ledger.sums("day").values()).micro == 3 * (LINES // 2)


# --- prices

TABLE = Prices.model_validate(
    {
        "models": {
            "claude-opus-5-5": {"input": 4, "output": 20, "write": 5, "write_hour": 8, "read": 0.2},
            "small": {"input": 1, "output": 2, "write": 0, "write_hour": 0, "read": 0, "above": 100}
            | {"long": {"input": 10, "output": 20, "write": 0, "write_hour": 0, "read": 0}},
        }
    }
)


@pytest.mark.parametrize(
    ("model", "usage", "micro"),
    [
        ("claude-opus-5-5", Usage(1_000_000), 4_000_000),
        ("claude-opus-5-5", Usage(1, 1, 3, 1, 10), 4 + 20 + 2 * 5 + 8 + 2),
        ("claude-opus-5-5", Usage(write=1, write_hour=5), 8),
        ("claude-opus-5-5-20260901", Usage(1), 4),
        ("claude-opus-5-5[1m]", Usage(1), 4),
        ("anthropic/claude-opus-5-5", Usage(1), 4),
        ("claude-opus-5", Usage(1), None),
        ("claude-opus-5-6", Usage(1), None),
        ("small", Usage(100, 1), 102),
        ("small", Usage(101, 1), 1030),
        ("", Usage(1), None),
    ],
)
def test_prices(model: str, usage: Usage, micro: int | None) -> None:
    price = TABLE.price(model)
    found = Amount.of(usage, price)
    assert (found.micro, found.unpriced) == ((0, usage.tokens) if micro is None else (micro, 0))
    assert Amount.unpack(found.pack()) == found


def test_a_price_for_long_prompts_needs_both_halves() -> None:
    rates = {"input": 1.0, "output": 1.0, "write": 1.0, "write_hour": 1.0, "read": 1.0}
    with pytest.raises(ValueError, match="need each other"):
        Price.model_validate({**rates, "above": 5})
    assert Rates.model_validate(rates).micro(Usage(1, 1, 1, 0, 1)) == 4


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (dollars(0), "$0.00"),
        (dollars(0.0041), "$0.004"),
        (dollars(0.9996), "$1.00"),
        (dollars(12.3), "$12.30"),
        (counted(950), "950"),
        (counted(12_345), "12.3k"),
        (counted(4_500_000), "4.5M"),
        (brief(0, 0), ""),
        (brief(0, 5000), "5.0k tok"),
        (brief(1500, 5000), "$1.50"),
        (money(0, 0), "nothing"),
        (money(0.02, 1000), "$0.020 (1.0k tokens)"),
        (money(0.02, 6000, 5000), "$0.020 (6.0k tokens, 5.0k of them of unknown price)"),
        (money(0, 5000, 5000), "5.0k tokens of unknown price"),
    ],
)
def test_amounts_in_words(shown: str, text: str) -> None:
    assert shown == text


def test_the_sum_of_today_is_that_of_no_other_day() -> None:
    """Nobody wakes the mayor at midnight."""
    town = mayor("api")
    town.spent(Spent(lines=[line(10, 2_000_000)]))
    now = epoch(town.updated_at)
    assert today([town.row()], now) == (2000, 10)
    assert today([town.row()], now + DAY) == (0, 0)
    assert today([], now) == (0, 0)


def test_a_copy_of_the_ledger_is_one() -> None:
    """Commands are tried on copies."""
    town = mayor("api")
    town.spent(Spent(lines=[line(10, 1)]))
    copy = town.model_copy(deep=True)
    copy.spent(Spent(lines=[line(20, 2, calls=2)]))
    assert (total(town.spending.lines.values()).micro, total(copy.spending.lines.values()).micro) == (1, 2)
