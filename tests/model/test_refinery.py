"""The merge queue of one rig as a state: what waits, what a verdict does to it."""

from __future__ import annotations

import pytest

from rgt.model import messages as m
from rgt.model.errors import RgtError
from rgt.model.queue import Entry, Verdict
from rgt.model.refinery import INFRA_PAUSES, VERDICTS, Refinery
from tests.model.receivers import told

ENDS = ("merged", "failed", "conflict", "refused", "lost")


def entry(item: str = "gt-aaaaa", head: str = "a" * 40) -> Entry:
    return Entry(item=item, rig="api", head=head, branch="polecat/nux/gt-aaaaa", title="one")


def queue(*entries: Entry) -> Refinery:
    """A refinery with a slot and these entries."""
    refinery = Refinery(config=m.RefineryStart(rig="api", host="here"))
    refinery.granted(m.Slot(total=1))
    for e in entries:
        refinery.submitted(m.Submitted(entry=e))
    return refinery


def heads(refinery: Refinery) -> list[str]:
    return [q.entry.head[0] for q in refinery.queue]


def verdict(kind: str, **more: str) -> Verdict:
    return Verdict.model_validate({"kind": kind, "message": "why", **more})


def test_it_asks_for_its_slot_once() -> None:
    refinery = Refinery(config=m.RefineryStart(rig="api", host="here"))
    refinery.start()
    refinery.start()
    assert [(t.to, t.signal) for t in refinery.outbox] == [("host/here", "slot_wanted")]


@pytest.mark.parametrize(("what", "ready"), [("", True), ("slots", False), ("paused", False), ("asleep", False)])
def test_a_run_needs_an_entry_a_slot_and_nobody_who_said_wait(what: str, ready: bool) -> None:
    refinery = queue(entry())
    {
        "": lambda: None,
        "slots": lambda: refinery.granted(m.Slot(total=0)),
        "paused": lambda: refinery.pause(m.Close()),
        "asleep": lambda: refinery.down(m.Empty()),
    }[what]()
    assert refinery.ready is ready
    assert not queue().ready


def test_B09_the_same_head_again_is_one_entry() -> None:
    assert heads(queue(entry(), entry(), entry())) == ["a"]


def test_a_newer_head_takes_the_place_of_the_older_one() -> None:
    refinery = queue(entry(), entry(head="b" * 40), entry("gt-bbbbb", "c" * 40))
    assert heads(refinery) == ["b", "c"]


def test_what_is_being_tested_may_still_land_but_is_not_tested_again() -> None:
    older, newer = entry(), entry(head="b" * 40)
    refinery = queue(older)
    refinery.testing(older)
    refinery.submitted(m.Submitted(entry=newer))
    assert heads(refinery) == ["a", "b"]
    refinery.settle(older, verdict("moved"))
    assert heads(refinery) == ["b"]
    assert not told(refinery, "work/", "parked")


def test_an_entry_that_was_taken_out_and_put_back_is_tested_again() -> None:
    refinery = queue(entry())
    refinery.testing(entry())
    refinery.withdrawn(m.Withdrawn(item="gt-aaaaa"))
    refinery.submitted(m.Submitted(entry=entry()))
    refinery.settle(entry(), verdict("moved"))
    assert heads(refinery) == ["a"]


@pytest.mark.parametrize("kind", ENDS)
def test_an_end_is_told_to_the_item_and_leaves_the_queue(kind: str) -> None:
    refinery = queue(entry(), entry("gt-bbbbb", "b" * 40))
    refinery.testing(entry())
    assert refinery.settle(entry(), verdict(kind, target_head="d" * 40)) == 0
    assert (heads(refinery), refinery.recorded, refinery.paused) == (["b"], "d" * 40, "")
    [_, end] = told(refinery, "work/gt-aaaaa")
    ends: dict[str, type[m.Message]] = {"merged": m.Merged, "lost": m.Parked}
    assert type(end) is ends.get(kind, m.Rejected)


def test_what_landed_with_a_fix_is_told_with_it() -> None:
    refinery = queue(entry())
    refinery.settle(entry(), verdict("merged").model_copy(update={"carries": ["c" * 40]}))
    [merged] = told(refinery, "work/gt-aaaaa", "merged")
    assert isinstance(merged, m.Merged)
    assert merged.carries == ["c" * 40]


def test_a_target_that_moved_is_no_fault_of_anybody() -> None:
    refinery = queue(entry())
    refinery.testing(entry())
    assert refinery.settle(entry(), verdict("moved")) == 0
    assert (refinery.queue[0].state, refinery.paused, refinery.ready) == ("queued", "", True)


def test_B25_a_gate_without_an_answer_is_tried_again_then_the_queue_waits_for_a_person() -> None:
    refinery = queue(entry())
    pauses = []
    for _ in range(len(INFRA_PAUSES) + 1):
        refinery.testing(entry())
        pauses.append(refinery.settle(entry(), verdict("infra_error")))
    assert pauses == [*INFRA_PAUSES, 0.0]
    assert (heads(refinery), refinery.paused, refinery.ready) == (["a"], "why", False)
    assert len(told(refinery, "work/", "parked")) == 1
    assert refinery.row().alert == "why"
    assert [r.state for r in refinery.entry_rows()] == ["parked"]
    refinery.resume(m.Empty())
    assert (refinery.ready, refinery.queue[0].tries) == (True, 0)


def test_retry_of_a_parked_entry_wakes_the_queue() -> None:
    refinery = queue(entry())
    refinery.pause(m.Close(reason="look"))
    refinery.submitted(m.Submitted(entry=entry()))
    assert (refinery.paused, heads(refinery)) == ("", ["a"])


def test_a_queue_that_is_not_paused_cannot_be_resumed() -> None:
    with pytest.raises(RgtError, match="not paused"):
        queue().resume(m.Empty())


def test_only_the_newest_verdicts_are_kept() -> None:
    refinery = queue()
    for n in range(VERDICTS + 10):
        refinery.settle(entry(), verdict("merged", sha=str(n)))
    assert [v.sha for v in refinery.verdicts] == [str(n) for n in range(10, VERDICTS + 10)]
