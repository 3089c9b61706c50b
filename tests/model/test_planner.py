"""The planner: one run at a time, a fair order, nobody starves."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from rgt.model.planner import HANDICAP, SETTLES, Run, due, in_order, place, plan
from rgt.model.queue import Entry, Priority, Verdict, VerdictKind

PRIORITIES: list[Priority] = ["p0", "p1", "p2", "p3"]
UNSETTLED: list[VerdictKind] = ["moved", "infra_error", "paused"]


def entry(n: int, priority: Priority = "p2", at: float | None = 0.0) -> Entry:
    when = "" if at is None else datetime.fromtimestamp(at, UTC).isoformat()
    return Entry(item=f"gt-{n:05d}", rig="api", head=f"{n:040x}", priority=priority, submitted_at=when)


def verdict(e: Entry, kind: VerdictKind) -> Verdict:
    return Verdict(kind=kind, item=e.item, head=e.head)


@st.composite
def queues(draw: st.DrawFn) -> list[Entry]:
    """Up to 20 entries; times within two hours, not always in the order of arrival, some unknown."""
    rows = draw(st.lists(st.tuples(st.sampled_from(PRIORITIES), st.none() | st.integers(0, 7200)), max_size=20))
    return [entry(n, priority, at) for n, (priority, at) in enumerate(rows)]


def test_nothing_to_do() -> None:
    assert plan([], []) == []
    assert plan([entry(1)], [Run(slot="slot-0", entries=[entry(1)])], slots=4) == []
    assert plan([entry(1)], [], slots=0) == []


def test_priority_first_then_first_come() -> None:
    queue = [entry(1, "p2"), entry(2, "p1"), entry(3, "p0"), entry(4, "p0"), entry(5, "p3")]
    assert [e.item for e in in_order(queue)] == ["gt-00003", "gt-00004", "gt-00002", "gt-00001", "gt-00005"]
    assert plan(queue, [], slots=4) == [Run(slot="slot-0", entries=[queue[2]])]


def test_times_of_submission_are_compared_as_times() -> None:
    same = [
        Entry(item="gt-aaaaa", rig="api", head="a", submitted_at=t) for t in ("1970-01-01T02:00:00+02:00", "1970-01-01")
    ]
    assert [due(e) for e in same] == [HANDICAP["p2"]] * 2
    assert due(Entry(item="gt-aaaaa", rig="api", head="a", submitted_at="yesterday")) == HANDICAP["p2"]


def test_p3_lands_under_constant_p0() -> None:
    """B29: with a new p0 every minute and a run of a minute, a p3 starts after its handicap."""
    queue = [entry(0, "p3", 0)]
    for minute in range(60):
        queue.append(entry(minute + 1, "p0", 60 * minute))
        [run] = plan(queue, [])
        queue.remove(run.entries[0])
        if run.entries[0].priority == "p3":
            assert minute * 60 == HANDICAP["p3"]
            return
    raise AssertionError("the p3 never ran")


def test_place_counts_what_runs_first() -> None:
    queue = [entry(1, "p2"), entry(2, "p0"), entry(3, "p3")]
    assert [place(queue, e) for e in queue] == [2, 1, 3]
    assert [place(queue, e, [Run(slot="slot-0", entries=[queue[2]])]) for e in queue] == [3, 2, 1]
    assert place(queue, entry(9)) == 0


@given(queues(), st.integers(1, 4))
def test_the_same_question_has_the_same_answer(queue: list[Entry], slots: int) -> None:
    before = [e.model_copy() for e in queue]
    assert plan(queue, [], slots=slots) == plan(list(queue), [], slots=slots)
    assert queue == before


@given(queues())
def test_places_are_the_order_in_which_entries_run(queue: list[Entry]) -> None:
    line = sorted(queue, key=lambda e: place(queue, e))
    ran: list[Verdict] = []
    for expected in line:
        [run] = plan(queue, [], ran)
        assert run.entries == [expected]
        ran.append(verdict(expected, "merged"))
    assert plan(queue, [], ran) == []


@given(queues(), st.data())
def test_every_entry_runs_until_it_is_settled_and_never_after(queue: list[Entry], data: st.DataObject) -> None:
    """B29: whatever the verdicts are, all entries settle as long as each attempt has some chance to."""
    verdicts: list[Verdict] = []
    kinds = st.sampled_from([*sorted(SETTLES), *UNSETTLED])
    while runs := plan(queue, [], verdicts):
        assert len(runs) == 1 and len(runs[0].entries) == 1
        [e] = runs[0].entries
        assert not [v for v in verdicts if v.item == e.item and v.kind in SETTLES]
        tries = sum(v.item == e.item for v in verdicts)
        verdicts.append(verdict(e, data.draw(kinds) if tries < 3 else "failed"))
    settled = [v.item for v in verdicts if v.kind in SETTLES]
    assert sorted(settled) == sorted(e.item for e in queue)


@given(queues(), st.sampled_from(PRIORITIES), st.integers(0, 7200))
def test_nobody_submitted_later_than_due_overtakes(queue: list[Entry], priority: Priority, after: int) -> None:
    """B29: the number of those that can go before an entry is fixed once its handicap has passed."""
    for e in queue:
        late = entry(99, priority, due(e) + after + 1)
        assert place([*queue, late], e) == place(queue, e)
