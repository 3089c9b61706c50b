"""Budgets: who waits because one is spent, and what lets it go on."""

from __future__ import annotations

import pytest

from rgt.model import messages as m
from rgt.model.budgets import NONE, OWN, BudgetDefaults, BudgetSet, Held
from rgt.model.config import Budget
from rgt.model.errors import RgtError
from rgt.model.spending import Spent
from rgt.model.town import Mayor
from tests.model.receivers import told
from tests.model.test_costs import TODAY, line, mayor
from tests.model.test_work import MESSAGES, SPENT, item


def held(of: Mayor, to: str = "") -> list[tuple[str, str]]:
    """Who was told to wait, or to go on, since the last look."""
    found = [(t.to, Held.model_validate(t.payload).text) for t in of.outbox if t.signal == "hold" and to in t.to]
    assert len(found) == len(told(of, to, "hold"))
    of.outbox.clear()
    return found


def test_a_spent_item_is_told_once_and_goes_on_when_there_is_more() -> None:
    town = mayor("api", usd_per_item=1.0)
    town.spent(Spent(lines=[line(10, 999_999)]))
    assert held(town) == []
    town.spent(Spent(lines=[line(10, 600_000, day="2026-11-26", book="b0"), line(20, 999_999, calls=2)]))
    assert held(town) == [("work/gt-aaaaa", "budget of $1.00 is spent")], "of all its days"
    town.spent(Spent(lines=[line(30, 1_100_000, calls=3)]))
    assert held(town) == []
    town.budget_set(BudgetSet(scope="item", name="gt-aaaaa", usd=5))
    assert held(town) == [("work/gt-aaaaa", "")]
    town.budget_set(BudgetSet(scope="item", name="gt-aaaaa", tokens=30))
    assert held(town) == [("work/gt-aaaaa", "budget of 30 tokens is spent")]
    town.budget_set(BudgetSet(scope="item", name="gt-aaaaa", tokens=NONE, usd=NONE))
    assert held(town) == [("work/gt-aaaaa", "")]
    town.budget_set(BudgetSet(scope="item", name="gt-aaaaa", default=True))
    assert held(town) == [("work/gt-aaaaa", "budget of $1.00 is spent")], "town.toml counts again"
    town.budget_defaults(BudgetDefaults(budget=Budget()))
    assert held(town) == [("work/gt-aaaaa", "")]


def test_a_rig_waits_until_the_day_turns_or_it_is_given_more() -> None:
    town = mayor("api", "web", usd_per_rig=1.0, usd_per_day=3.0)
    assert town.next_wake() == ""
    town.spent(Spent(lines=[line(10, 1_000_000)]))
    assert held(town) == [("rig/api", "the rig's budget of today of $1.00 is spent")]
    assert town.next_wake() == "2026-11-28T00:00:00.000Z"
    town.budget_set(BudgetSet(scope="rig", name="api", usd=9))
    assert held(town) == [("rig/api", "")]
    assert town.next_wake() == ""
    town.spent(Spent(lines=[line(20, 3_000_000, calls=2)]))
    text = "the town's budget of today of $3.00 is spent"
    assert held(town) == [("rig/api", text), ("rig/web", text)]
    town.rig_opened(m.RigName(rig="new"))
    assert held(town) == [("rig/new", text)], "a rig that comes later waits too"
    town.rig_closed(m.RigName(rig="new"))
    town.updated_at = "2026-11-28T00:00:00.001Z"
    town.day_turned()
    assert held(town) == [("rig/api", ""), ("rig/web", "")]
    assert (town.next_wake(), town.row().cost) == ("", 0)


def test_nothing_may_be_spent_where_the_budget_is_nothing() -> None:
    """It holds before the first answer, and the turn of a day changes nothing, once a day."""
    town = mayor("api", tokens_per_day=0)
    assert town.held == {"api": "the town's budget of today of 0 tokens is spent"}
    town.updated_at = "2026-11-28T00:00:00.001Z"
    town.day_turned()
    assert held(town) == []
    assert town.next_wake() == "2026-11-29T00:00:00.000Z"


def test_a_mistake_in_town_toml_keeps_the_budgets_and_is_shown() -> None:
    town = mayor("api", usd_per_day=3.0)
    town.budget_defaults(BudgetDefaults(mistake="town.toml:3: there is no key `budgt`"))
    assert town.budgets.town.usd_per_day == 3.0
    assert town.row().alert == "town.toml:3: there is no key `budgt`"
    town.budget_defaults(BudgetDefaults(budget=Budget(usd_per_day=4.0)))
    assert (town.row().alert, town.budgets.town.usd_per_day) == ("", 4.0)


@pytest.mark.parametrize(
    "change",
    [
        BudgetSet(scope="day", name="api", usd=1),
        BudgetSet(scope="rig", name="nowhere", usd=1),
        BudgetSet(scope="item"),
    ],
)
def test_budgets_that_cannot_be_set(change: BudgetSet) -> None:
    with pytest.raises(RgtError):
        mayor("api").budget_set(change)


@pytest.mark.parametrize("usd", [-0.5, -2, float("inf"), float("nan"), "much"])
def test_a_budget_is_an_amount(usd: object) -> None:
    with pytest.raises(ValueError):
        BudgetSet.model_validate({"scope": "day", "usd": usd})


def test_only_so_many_budgets_are_remembered() -> None:
    town = mayor("api")
    for number in range(OWN + 5):
        town.budget_set(BudgetSet(scope="item", name=f"gt-{number:05}", usd=1))
    assert (len(town.budgets.own), "item gt-00004" in town.budgets.own) == (OWN, False)


def test_budgets_are_listed_with_what_was_spent_of_them() -> None:
    town = mayor("api", usd_per_item=1.0, usd_per_day=3.0)
    town.spent(Spent(lines=[line(10, 2_000_000), line(5, 100_000, item="gt-bbbbb")]))
    town.budget_set(BudgetSet(scope="rig", name="api", tokens=100))
    rows = [(r.scope, r.name, r.usd, r.tokens, r.spent.micro, r.state, r.source) for r in town.budget_rows(TODAY)]
    assert rows == [
        ("day", "", 3.0, None, 2_100_000, "room", "town.toml"),
        ("item", "", 1.0, None, 0, "", "town.toml"),
        ("rig", "api", None, 100, 2_100_000, "room", "set"),
        ("item", "gt-aaaaa", 1.0, None, 2_000_000, "spent", "town.toml"),
    ]


# --- items


@pytest.mark.parametrize("rejected", [False, True])
def test_a_spent_budget_stops_the_work_which_goes_on_by_itself_when_there_is_room(rejected: bool) -> None:
    """Nothing else brings it back, and it goes on as what it was."""
    work = item("in_progress", sent_back=rejected)
    MESSAGES["budget spent"](work)
    assert [(t.to, t.signal) for t in work.outbox] == [("rig/api", "withdrawn")]
    assert (work.state, work.row().alert, work.pid) == ("blocked", SPENT, 0)
    with pytest.raises(RgtError, match="is spent") as refusal:
        MESSAGES["queue"](work)
    assert "rgt budget set item gt-aaaaa" in refusal.value.hint
    MESSAGES["room in its budget"](work)
    wanted = told(work, "rig/api", "wanted")[-1]
    assert isinstance(wanted, m.Wanted)
    assert (work.state, work.row().alert, wanted.attempt, wanted.rejected) == ("queued", "", 2, rejected)


def test_a_spent_budget_stops_no_landing_and_a_rejection_waits() -> None:
    work = item("merging")
    MESSAGES["budget spent"](work)
    assert (work.state, work.outbox) == ("merging", [])
    MESSAGES["rejected"](work)
    assert (work.state, work.reason) == ("blocked", SPENT)
    MESSAGES["room in its budget"](work)
    wanted = told(work, "rig/api", "wanted")[-1]
    assert isinstance(wanted, m.Wanted) and wanted.rejected


def test_an_item_that_waits_for_its_budget_may_be_finished_closed_or_opened_again() -> None:
    for message, state in (("done by its agent", "submitted"), ("close", "closed"), ("reopen", "open")):
        work = item("in_progress")
        MESSAGES["budget spent"](work)
        MESSAGES[message](work)
        MESSAGES["room in its budget"](work)
        assert work.state == state
