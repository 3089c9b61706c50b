"""Polecats, crew and the witness: what is wrong with an agent, when another process may go on, what is recorded."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from rgt.model import messages as m
from rgt.model.agents import Crew, Diagnosis, Polecat, Witness, diagnose
from rgt.model.errors import RgtError
from rgt.model.work import MAX_DEATHS, State
from tests.model.receivers import told

OVER = ("submitted", "merging", "merged", "closed", "failed")


@pytest.mark.parametrize(
    ("session", "process", "state", "verdict"),
    [
        (False, False, "in_progress", "session_gone"),
        (True, False, "in_progress", "agent_exited"),
        (True, True, "closed", "orphan"),
        (True, True, "merged", "orphan"),
        (True, True, "submitted", "fine"),
        (True, True, "in_progress", "fine"),
        (True, False, "submitted", "finished"),
        (False, False, "merged", "finished"),
    ],
)
def test_B04_different_faults_have_different_verdicts(
    session: bool, process: bool, state: str, verdict: Diagnosis
) -> None:
    assert diagnose(session, process, state) == verdict


def test_B06_what_cannot_be_read_is_unknown() -> None:
    facts: list[Any] = [True, False, None]
    for session, process, state in product(facts, facts, [*get_args(State), None]):
        verdict = diagnose(session, process, state)
        assert (verdict == "unknown") == (None in (session, process, state))


def test_B03_who_is_gone_after_done_is_not_missed() -> None:
    for state, session in product(OVER, (True, False)):
        assert diagnose(session, False, state) == "finished"


def polecat(deaths: int = 0) -> Polecat:
    """A polecat at work."""
    start = m.PolecatStart(rig="api", name="nux", item="gt-aaaaa", attempt=1, host="here", deaths=deaths)
    made = Polecat(start=start, nonce="nonce-of-1", phase="working", pid=5, updated_at="2026-01-31T12:00:00.000Z")
    made.outbox.clear()
    return made


def event(kind: Any = "dead", nonce: str = "nonce-of-1", generation: int = 1, **more: Any) -> m.SessionEvent:
    return m.SessionEvent(kind=kind, nonce=nonce, generation=generation, **more)


@pytest.mark.parametrize(
    ("kind", "more", "diagnosis", "status"),
    [
        ("dead", {"signal": 9}, "agent_exited", "signal 9"),
        ("dead", {"status": 3}, "agent_exited", "exit 3"),
        ("gone", {}, "session_gone", "gone"),
    ],
)
def test_B04_a_death_says_how_it_happened(kind: str, more: dict[str, Any], diagnosis: str, status: str) -> None:
    agent = polecat()
    agent.session_event(event(kind, **more))
    assert (agent.dead, agent.diagnosis, agent.status) == (True, diagnosis, status)


@pytest.mark.parametrize("old", [event(nonce="nonce-of-0"), event(generation=2), event("alive")])
def test_B05_news_of_another_process_are_not_its_own(old: m.SessionEvent) -> None:
    agent = polecat()
    before = agent.model_copy(deep=True)
    agent.session_event(old)
    assert agent == before


@pytest.mark.parametrize(
    ("pid", "host", "phase", "dead"),
    [
        (5, "here", "working", True),
        (6, "here", "working", False),
        (5, "there", "working", False),
        (5, "here", "starting", False),
    ],
)
def test_a_new_watcher_may_miss_only_the_process_that_ran_there(pid: int, host: str, phase: Any, dead: bool) -> None:
    agent = polecat()
    agent.phase = phase
    agent.session_event(m.SessionEvent(kind="missing", pid=pid, host=host))
    assert (agent.dead, agent.diagnosis) == (dead, "session_gone" if dead else "fine")


def test_B03_a_death_after_done_is_no_fault() -> None:
    agent = polecat()
    agent.finished(m.Finished(item="gt-aaaaa", attempt=1))
    agent.session_event(event())
    assert agent.diagnosis == "finished"


@pytest.mark.parametrize(
    ("earlier", "goes_on"),
    [(0, [True, False]), (1, [True, False]), (2, [False]), (MAX_DEATHS, [False])],
)
def test_B12_the_first_death_of_an_attempt_is_made_good_unless_it_is_the_third(
    earlier: int, goes_on: list[bool]
) -> None:
    agent = polecat(earlier)
    assert [agent.died() for _ in goes_on] == goes_on
    assert (agent.pid, agent.deaths) == (0, len(goes_on))


@pytest.mark.parametrize(
    ("phase", "released", "diagnosis"),
    [("working", True, "orphan"), ("working", False, "fine"), ("starting", True, "fine"), ("finishing", True, "fine")],
)
def test_B04_who_works_on_a_closed_item_is_an_orphan(phase: Any, released: bool, diagnosis: str) -> None:
    agent = polecat()
    agent.phase, agent.done = phase, phase == "finishing"
    agent.stop(m.Stop(item="gt-aaaaa", attempt=1, released=released))
    assert (agent.stopped, agent.diagnosis) == (True, diagnosis)


def test_messages_for_another_item_or_attempt_are_not_taken() -> None:
    agent = polecat()
    agent.finished(m.Finished(item="gt-aaaaa", attempt=2))
    agent.finished(m.Finished(item="gt-zzzzz", attempt=1))
    agent.stop(m.Stop(item="gt-zzzzz", attempt=1))
    assert (agent.done, agent.stopped) == (False, False)


def test_only_a_polecat_at_work_can_be_killed_or_started_again() -> None:
    agent = polecat()
    agent.phase = "parking"
    for command in (agent.kill, agent.again):
        with pytest.raises(RgtError, match="is parking"):
            command(m.Empty())


@pytest.mark.parametrize(("said", "shown"), [("busy", "working"), ("idle", "idle"), ("waiting", "waiting")])
def test_a_row_shows_what_the_agent_says_it_does(said: Any, shown: str) -> None:
    agent = polecat()
    agent.agent_event(m.AgentEvent(kind=said, generation=1))
    assert agent.row().state == shown
    agent.agent_event(m.AgentEvent(kind="busy", generation=7))
    assert agent.row().state == shown, "another generation's hooks are not its own"


def test_the_witness_records_each_fault_once() -> None:
    """It hears of an agent with every phase; what it was told before is no news, a second death is."""
    witness, agent = Witness(rig="api"), polecat()
    for death in (1, 2):
        agent.session_event(event(generation=agent.generation))
        agent.to("parking" if death == 2 else "starting")
        agent.to("parked" if death == 2 else "working")
    for now in told(agent, "witness/api"):
        assert isinstance(now, m.AgentNow)
        witness.agent_now(now)
    assert witness.verdicts == ["api/nux on gt-aaaaa: agent_exited"] * 2
    assert witness.agents == {}


def crew(**fields: Any) -> Crew:
    return Crew(rig="api", name="max", host="here", state="running", **fields)


def test_a_crew_member_has_one_item_at_a_time() -> None:
    member = crew(pid=7)
    member.assigned(m.Assigned(item="gt-aaaaa", attempt=1, title="one"))
    assert [t.signal for t in member.outbox] == ["taken", "working"]
    member.assigned(m.Assigned(item="gt-bbbbb", attempt=1))
    [refused] = told(member, "work/gt-bbbbb", "lost")
    assert isinstance(refused, m.Lost)
    assert refused.deaths == 0, "that nobody is free is not a death"
    with pytest.raises(RgtError, match="works on gt-aaaaa"):
        member.remove(m.Empty())


@pytest.mark.parametrize("how", ["finished", "withdrawn"])
def test_the_hook_is_free_when_the_item_is_over(how: str) -> None:
    member = crew(item="gt-aaaaa", attempt=1)
    if how == "finished":
        member.finished(m.Finished(item="gt-aaaaa", attempt=1))
    else:
        member.withdrawn(m.Withdrawn(item="gt-aaaaa"))
    assert (member.item, member.row().item) == ("", "")
