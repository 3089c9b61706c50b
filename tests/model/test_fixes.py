"""Items that put right what the queue has sent back: what becomes of that one when they have landed."""

from __future__ import annotations

import pytest

from rgt.model import messages as m
from rgt.model.work import MAX_DEATHS, Work
from tests.model.receivers import told
from tests.model.test_work import HEAD, MESSAGES, NEWER, item, verdict


def sent_back(**fields: object) -> Work:
    """An item that the queue has sent back for the last time."""
    work = item("merging", **fields)
    MESSAGES["rejected for good"](work)
    work.outbox.clear()
    return work


@pytest.mark.parametrize(("landed", "state"), [("its fix landed", "closed"), ("its fix landed alone", "submitted")])
def test_what_was_sent_back_is_closed_or_tried_again_when_its_fix_has_landed(landed: str, state: str) -> None:
    work = sent_back()
    MESSAGES[landed](work)
    assert work.state == state
    assert not work.row().alert
    if state == "closed":
        assert work.reason == f"landed with gt-fixes as {'c' * 10}"
    else:
        [again] = told(work, "refinery/api", "submitted")
        assert isinstance(again, m.Submitted)
        assert again.entry.head == HEAD
    before = work.model_copy(deep=True)
    MESSAGES[landed](work)
    assert work == before, "a repeat changes nothing"


def test_a_conflict_is_fixed_as_a_failure_is_and_what_brings_nothing_is_not() -> None:
    for kind, unanswered in (("conflict", True), ("refused", False)):
        work = item("merging")
        work.rejected(m.Rejected(head=HEAD, verdict=verdict(kind), max_attempts=1))
        assert (work.state, work.unanswered) == ("blocked", unanswered)


@pytest.mark.parametrize(
    "done", [("close", "reopen"), ("reopen",), ("queue",), ("queue with a need",), ("retry", "drop"), ("close",)]
)
@pytest.mark.parametrize("landed", ["its fix landed", "its fix landed alone"])
def test_whatever_was_done_since_it_was_sent_back_counts(done: tuple[str, ...], landed: str) -> None:
    work = sent_back()
    for message in done:
        MESSAGES[message](work)
    before = work.model_copy(deep=True)
    MESSAGES[landed](work)
    assert work == before


def test_an_author_who_lost_it_while_mending_has_not_answered() -> None:
    work = item("merging")
    MESSAGES["rejected"](work)
    work.lost(m.Lost(attempt=work.attempt, reason="it died", deaths=MAX_DEATHS))
    MESSAGES["its fix landed"](work)
    assert work.state == "closed"


def test_a_landing_in_another_rig_says_nothing() -> None:
    work = sent_back()
    work.fixed(m.Fixed(item="gt-fixes", rig="web", sha="c" * 40, carries=[HEAD]))
    assert work.state == "blocked"


def test_a_fix_tells_what_it_was_for_once_it_has_landed() -> None:
    """What of that landed with an older head of the fix counts too."""
    work = item("merging", fixes="gt-wrong")
    MESSAGES["done by a person"](work)
    entries = [s.entry.fixes for s in told(work, "refinery/api", "submitted") if isinstance(s, m.Submitted)]
    assert entries == ["gt-wrong"]
    work.merged(m.Merged(head=HEAD, sha="1" * 40, carries=["2" * 40]))
    assert not told(work, "work/gt-wrong")
    for _ in range(2):
        work.merged(m.Merged(head=NEWER, sha="3" * 40, carries=["2" * 40, "4" * 40]))
    [fixed] = told(work, "work/gt-wrong", "fixed")
    assert isinstance(fixed, m.Fixed)
    assert (fixed.item, fixed.rig, fixed.sha, fixed.carries) == ("gt-aaaaa", "api", "3" * 40, ["2" * 40, "4" * 40])


def test_an_item_from_before_there_were_fixes_loads_and_is_left_alone() -> None:
    old = sent_back().model_dump(exclude={"fixes", "unanswered", "carries"})
    work = Work.model_validate(old)
    MESSAGES["its fix landed"](work)
    assert (work.state, work.row().fixes) == ("blocked", "")
