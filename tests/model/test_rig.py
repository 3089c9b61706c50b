"""A rig: who starts next, under which name, in how many places; parking, sleeping, giving worktrees back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.model import messages as m
from rgt.model.budgets import Held
from rgt.model.config import RigConfig
from rgt.model.errors import RgtError
from rgt.model.needs import needs
from rgt.model.rig import NAMES, Admission, Rig, Waiting, admit, free_name
from tests.model.receivers import opened, told


def rig(room: int = 4, **fields: Any) -> Rig:
    """An open rig with some places."""
    config = RigConfig.model_validate({"source": {"path": "/repo"}, "no_gates": True, "max_polecats": 4})
    made = Rig(name="api", host="here", config=config, state="open", room=room)
    return made.model_copy(update=fields)


def want(where: Rig, item: str, attempt: int = 1, **more: Any) -> None:
    where.wanted(m.Wanted(item=item, attempt=attempt, **more))


def dispatch(where: Rig) -> dict[str, str]:
    """Start whoever may start, as the workflow does; item → name."""
    starts = admit(where.admission()) if where.may_admit else []
    return {s.item: s.name for s in starts if where.started(s.name, s.item)}


def end(where: Rig, item: str, name: str, attempt: int = 1, **more: Any) -> None:
    where.ended(m.Ended(name=name, item=item, attempt=attempt, outcome="", **more))


# --- who starts


@pytest.mark.parametrize(
    ("places", "expected"),
    [(0, []), (-1, []), (1, ["urgent"]), (2, ["urgent", "older"]), (9, ["urgent", "older", "newer"])],
)
def test_B65_priority_first_then_the_longest_waiting(places: int, expected: list[str]) -> None:
    waiting = [
        Waiting(item="newer", attempt=1, since="2026-01-03"),
        Waiting(item="older", attempt=1, since="2026-01-01"),
        Waiting(item="urgent", attempt=1, priority="p0", since="2026-01-04"),
    ]
    assert [s.item for s in admit(Admission(waiting=waiting, places=places))] == expected


def test_B65_with_a_spent_budget_new_work_waits_and_starts_by_itself() -> None:
    api = rig()
    want(api, "gt-a")
    api.hold(Held(text="the rig's budget of today of $1.00 is spent"))
    assert (dispatch(api), api.started("nux", "gt-a"), api.row().alert) == ({}, None, api.held)
    [need] = needs([api.row()])
    assert need.command == "rgt budget set rig api --usd USD"
    api.hold(Held())
    assert (dispatch(api), api.row().alert) == ({"gt-a": "nux"}, "")
    api.hold(Held(text="the town's budget of today of 5.0k tokens is spent"))
    assert api.row().alert == "", "nobody waits for it"
    want(api, "gt-b")
    assert needs([api.row()])[0].command == "rgt budget set day --tokens N"


def test_an_item_keeps_its_name_and_others_get_free_ones() -> None:
    waiting = [Waiting(item=f"gt-{n}", attempt=1, since=str(n)) for n in range(3)]
    starts = admit(Admission(waiting=waiting, places=3, names={"gt-1": "slit"}, taken=["nux", "slit"]))
    assert [(s.item, s.name) for s in starts] == [("gt-0", "furiosa"), ("gt-1", "slit"), ("gt-2", "toast")]


def test_names_never_run_out() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert free_name({*NAMES, "p1"}) == "p2"


def test_B13_a_wish_that_comes_twice_is_one_polecat() -> None:
    api = rig()
    want(api, "gt-a")
    want(api, "gt-a")
    assert dispatch(api) == {"gt-a": "nux"}
    want(api, "gt-a")
    assert (api.queue, dispatch(api)) == ([], {})


def test_the_next_attempt_waits_for_the_end_of_the_one_before() -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    want(api, "gt-a", 2, deaths=2, rejected=True)
    assert dispatch(api) == {}
    end(api, "gt-a", "nux", attempt=7)
    assert dispatch(api) == {}, "that was another attempt's end"
    end(api, "gt-a", "nux")
    [start] = admit(api.admission())
    begin = api.started(start.name, start.item)
    assert begin is not None
    assert (begin.name, begin.attempt, begin.deaths, begin.rejected) == ("nux", 2, 2, True)
    assert begin.branch == "polecat/nux/gt-a"


def test_what_was_withdrawn_meanwhile_does_not_start() -> None:
    api = rig()
    want(api, "gt-a")
    [start] = admit(api.admission())
    api.withdrawn(m.Withdrawn(item="gt-a"))
    assert api.started(start.name, start.item) is None


# --- places


@pytest.mark.parametrize(("limit", "steps"), [(4, [4]), (20, [8, 16, 20])])
def test_more_places_than_needed_are_asked_for_in_steps_up_to_the_limit(limit: int, steps: list[int]) -> None:
    api = rig(room=0)
    api.config.max_polecats = limit
    api.ask()
    for n in range(limit + 2):
        want(api, f"gt-{n}")
    asked = [w.total for w in told(api, "host/here", "room_wanted") if isinstance(w, m.RoomWanted)]
    assert asked == steps


@pytest.mark.parametrize(("room", "started"), [(0, 0), (3, 3), (9, 4)])
def test_B65_no_more_start_than_host_and_rig_allow(room: int, started: int) -> None:
    api = rig(room)
    for n in range(6):
        want(api, f"gt-{n}")
    assert len(dispatch(api)) == started
    assert dispatch(api) == {}


# --- ends


@pytest.mark.parametrize("released", [True, False])
def test_who_works_on_what_was_withdrawn_is_stopped_once(released: bool) -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    for _ in range(2):
        api.withdrawn(m.Withdrawn(item="gt-a", released=released))
    [stop] = told(api, "polecat/api/nux")
    assert isinstance(stop, m.Stop)
    assert (stop.item, stop.attempt, stop.released) == ("gt-a", 1, released)


def test_a_worktree_is_given_back_after_its_polecat_ended_and_not_before() -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    api.withdrawn(m.Withdrawn(item="gt-a", released=True))
    assert api.releasable() == []
    end(api, "gt-a", "nux")
    assert api.releasable() == [("gt-a", "nux")]
    api.released("gt-a")
    assert (api.names, api.releasable()) == ({}, [])


def test_a_worktree_that_is_wanted_again_is_not_given_back() -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    api.withdrawn(m.Withdrawn(item="gt-a", released=True))
    want(api, "gt-a", 2)
    end(api, "gt-a", "nux")
    assert (api.releasable(), dispatch(api)) == ([], {"gt-a": "nux"})


def test_B10_a_worktree_that_could_not_be_saved_stays_and_is_told() -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    end(api, "gt-a", "nux")
    api.withdrawn(m.Withdrawn(item="gt-a", released=True))
    api.keep_worktree("gt-a", "no space left")
    assert (api.names, api.releasable()) == ({"gt-a": "nux"}, [])
    assert "no space left" in api.faults[0]


@pytest.mark.parametrize(("unused", "names"), [(True, {}), (False, {"gt-a": "nux"})])
def test_B11_the_name_of_one_that_never_began_is_free(unused: bool, names: dict[str, str]) -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    end(api, "gt-a", "nux", unused=unused)
    assert (api.names, api.live) == (names, {})


# --- parking and sleeping


@pytest.mark.parametrize(("command", "state", "back"), [("park", "parked", "unpark"), ("dock", "docked", "undock")])
def test_B64_nothing_starts_in_a_parked_rig_and_what_runs_goes_on(command: str, state: str, back: str) -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    want(api, "gt-b")
    api.outbox.clear()
    getattr(api, command)(m.Empty())
    getattr(api, command)(m.Empty())
    assert (api.state, dispatch(api), api.outbox, list(api.live)) == (state, {}, [], ["nux"])
    getattr(api, back)(m.Empty())
    assert dispatch(api) == {"gt-b": "furiosa"}


@pytest.mark.parametrize("before", ["open", "parked", "docked"])
def test_sleep_and_waking_leave_a_rig_as_it_was(before: Any) -> None:
    api = rig(state=before)
    api.live = {}
    api.down(m.Empty())
    assert (api.state, [t.to for t in api.outbox]) == ("down", ["refinery/api", "witness/api"])
    for command in (api.park, api.unpark, api.dock, api.undock):
        with pytest.raises(RgtError, match="is down"):
            command(m.Empty())
    api.up(m.Empty())
    assert api.state == before
    assert [t.signal for t in api.outbox] == ["down", "down", "up", "up"]


def test_sleep_is_told_to_the_polecats() -> None:
    api = rig()
    want(api, "gt-a")
    dispatch(api)
    api.outbox.clear()
    api.down(m.Empty())
    assert [t.to for t in api.outbox] == ["polecat/api/nux", "refinery/api", "witness/api"]


@pytest.mark.parametrize("busy", ["live", "queue", "crew"])
def test_a_rig_that_is_in_use_is_not_removed(busy: str) -> None:
    api = rig()
    if busy == "crew":
        api.join(m.Assigned(item="max", attempt=0))
    else:
        want(api, "gt-a")
        if busy == "live":
            dispatch(api)
    with pytest.raises(RgtError, match="still has"):
        api.remove(m.Empty())
    assert api.state == "open"


def test_polecats_and_crew_share_one_namespace() -> None:
    api = rig()
    api.join(m.Assigned(item="nux", attempt=0))
    want(api, "gt-a")
    assert dispatch(api) == {"gt-a": "furiosa"}
    with pytest.raises(RgtError, match="exists"):
        api.join(m.Assigned(item="furiosa", attempt=0))
    api.leave(m.Assigned(item="nux", attempt=0))
    assert api.crew == []


# --- any order


ITEMS = st.sampled_from(["gt-a", "gt-b", "gt-c"])
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["want", "withdraw", "release", "end", "fail"]), ITEMS),
    st.tuples(st.sampled_from(["park", "unpark", "down", "up", "dispatch", "recycle"]), st.just("")),
    st.tuples(st.just("room"), st.integers(0, 3)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=50))
def test_B11_no_order_of_events_gives_one_name_or_item_twice(events: list[tuple[str, Any]]) -> None:
    api = rig(room=2)
    attempts: dict[str, int] = {}
    for what, about in events:
        before = set(api.live)
        running = {p.item: (name, p.attempt) for name, p in api.live.items()}
        if what == "want":
            attempts[about] = attempts.get(about, 0) + 1
            want(api, about, attempts[about])
        elif what in ("withdraw", "release"):
            api.withdrawn(m.Withdrawn(item=about, released=what == "release"))
        elif what in ("end", "fail") and about in running:
            name, attempt = running[about]
            end(api, about, name, attempt, unused=what == "fail")
        elif what == "room":
            api.granted(m.Room(total=about))
        elif what == "dispatch":
            places = min(api.room, 4) - len(before)
            state = api.state
            new = dispatch(api)
            assert not new or state == "open"
            assert len(new) <= max(places, 0)
            assert not before & set(new.values())
        elif what == "recycle":
            for item, name in api.releasable():
                assert name not in api.live
                api.released(item)
        elif what in ("park", "unpark", "down", "up"):
            try:
                getattr(api, what)(m.Empty())
            except RgtError as e:
                assert e.code == "refused"
        assert len(set(api.names.values())) == len(api.names), "one name, one worktree"
        assert len({p.item for p in api.live.values()}) == len(api.live), "one item, one polecat"
        assert all(api.names.get(p.item) == name for name, p in api.live.items())
        assert len({w.item for w in api.queue}) == len(api.queue)
    assert all(opened(t) for t in api.outbox)
