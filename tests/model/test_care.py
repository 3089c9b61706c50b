"""B48: what an agent that does not work waits for, and what is done about it when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rgt.model import messages as m
from rgt.model.agents import Crew, Polecat
from rgt.model.care import TRIES, Care, limit_end
from rgt.model.needs import needs
from rgt.model.rows import Row
from rgt.model.times import iso

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = iso(NOW)


def after(seconds: float) -> str:
    """The time so long after now."""
    return iso(NOW + timedelta(seconds=seconds))


def said(kind: Any, why: str = "", until: str = "") -> m.AgentEvent:
    return m.AgentEvent(kind=kind, generation=1, why=why, until=until)


@pytest.mark.parametrize(
    ("event", "word", "wake", "alert"),
    [
        (said("busy"), "", "", ""),
        (said("stop"), "idle", "", ""),
        (said("waiting", "rm -rf build"), "waiting", after(60), ""),
        (said("stuck", "silent for 15 min"), "stuck", AT, "stuck: silent for 15 min"),
        (said("failed", "rate_limit"), "limited", after(300), ""),
        (said("failed", "rate_limit", after(7000)), "limited", after(7000), ""),
        (said("failed", "rate_limit", after(-5)), "limited", after(300), ""),
        (said("failed", "rate_limit", "soon"), "limited", after(300), ""),
        (said("failed", "server_error"), "failed", after(30), ""),
        (said("failed", "authentication_failed"), "failed", "", "cannot go on: authentication_failed"),
        (said("failed", "billing_error"), "failed", "", "cannot go on: billing_error"),
    ],
)
def test_B48_each_state_has_one_deadline(event: m.AgentEvent, word: str, wake: str, alert: str) -> None:
    care = Care()
    assert (care.heard(event, AT), care.wake, care.alert) == (word, wake, alert)


@pytest.mark.parametrize(
    ("event", "text", "wake", "alert"),
    [
        (said("waiting", "x"), "", "", "waits for a person: x"),
        (said("stuck", "silent for 15 min"), "Nothing was heard", "", "stuck: silent for 15 min"),
        (said("failed", "rate_limit"), "The rate limit should be over", "", ""),
        (said("failed", "overloaded"), "Your last turn was cut off (overloaded)", "", ""),
    ],
)
def test_B48_each_deadline_has_one_action(event: m.AgentEvent, text: str, wake: str, alert: str) -> None:
    care = Care()
    word = care.heard(event, AT)
    told = care.due(word, AT)
    assert told.startswith(text) and bool(told) == bool(text)
    assert (care.wake, care.alert) == (wake, alert)


def test_B48_who_is_rung_in_vain_is_rung_less_and_less_and_then_told() -> None:
    """A limit that comes at once again counts on; a turn that ends well begins anew."""
    care, waits = Care(), []
    for _ in range(TRIES):
        word = care.heard(said("failed", "rate_limit"), AT)
        waits.append((datetime.fromisoformat(care.wake) - NOW).total_seconds() / 60)
        assert care.alert == ""
        care.due(word, AT)
        care.heard(said("busy"), AT)
    care.heard(said("failed", "rate_limit"), AT)
    assert waits == [5, 10, 20, 40, 60, 60]
    assert care.alert == "cannot go on: rate_limit again and again"
    care.heard(said("stop"), AT)
    care.heard(said("failed", "rate_limit"), AT)
    assert (care.wake, care.alert) == (after(300), "")


@pytest.mark.parametrize(
    ("data", "end"),
    [
        ({}, ""),
        ({"until": 1772370000}, "2026-03-01T13:00:00.000Z"),
        ({"until": "2026-03-01T14:00:00+01:00"}, "2026-03-01T13:00:00.000Z"),
        ({"until": "tomorrow"}, ""),
        ({"until": 1e30}, ""),
        ({"error_details": "Claude AI usage limit reached|1772370000"}, "2026-03-01T13:00:00.000Z"),
        ({"message": "You've hit your limit · resets 3pm (Europe/Berlin)"}, "2026-03-01T14:00:00.000Z"),
        ({"message": "limit, resets at 1:30am (UTC)"}, "2026-03-02T01:30:00.000Z"),
        ({"message": "resets 25pm (UTC)"}, ""),
        ({"message": "resets 3pm (Nowhere/Land)"}, ""),
        ({"message": 5, "error_details": ["x"]}, ""),
    ],
)
def test_the_end_of_a_limit_is_read_from_what_runtimes_say(data: dict[str, Any], end: str) -> None:
    assert limit_end(data, NOW) == end


def polecat() -> Polecat:
    """A polecat at work."""
    start = m.PolecatStart(rig="api", name="nux", item="gt-aaaaa", attempt=1, host="here")
    return Polecat(start=start, nonce="nonce-of-1", phase="working", pid=5, created_at=AT, updated_at=AT)


def crew() -> Crew:
    return Crew(rig="api", name="max", host="here", state="running", generation=1, created_at=AT, updated_at=AT)


@pytest.mark.parametrize("agent", [polecat(), crew()])
def test_B48_a_fault_is_one_row_until_the_next_event(agent: Polecat | Crew) -> None:
    agent.agent_event(said("waiting", "may I?"))
    assert (agent.row().state, needs([agent.row()]), agent.next_wake()) == ("waiting", [], after(60))
    agent.due()
    assert agent.mail_count == 0
    [need] = needs([agent.row()])
    assert (need.what, need.command) == ("waits for a person: may I?", f"rgt attach {agent.address}")
    rev = agent.rev
    agent.agent_event(said("busy"))
    assert (needs([agent.row()]), agent.next_wake(), agent.rev) == ([], "", rev + 1)
    agent.agent_event(said("busy"))
    assert agent.rev == rev + 1, "nothing new"
    agent.agent_event(said("failed", "billing_error"))
    [need] = needs([agent.row()])
    assert need.command == f"rgt agents restart {agent.address}"
    agent.renewed()
    assert (agent.doing, needs([agent.row()])) == ("", [])


def told(agent: Polecat | Crew, receipt: str, printing: Sequence[str] = ()) -> str:
    """What one of its hooks is given to print."""
    return str(agent.mail_claim(m.MailClaim(receipt=receipt, printing=list(printing)))["text"])


def cut_off(agent: Polecat | Crew) -> str:
    """Its turn has failed, and the town has something to say to it."""
    agent.agent_event(said("failed", "overloaded"))
    agent.due()
    assert (agent.row().mail, agent.next_wake()) == (1, after(600))
    return "Your last turn was cut off (overloaded). Go on with your work where you were."


@pytest.mark.parametrize("agent", [polecat(), crew()])
def test_B41_what_the_town_tells_an_agent_is_given_until_a_hook_has_printed_it(agent: Polecat | Crew) -> None:
    """As a letter is: a hook that dies loses nothing, one that lives prints it alone, and once had it is over."""
    words = cut_off(agent)
    agent.mail(m.Mail(by="mayor", text="and hurry"))
    given = told(agent, "r1")
    assert given.startswith(f"{words}\n\nYou have mail.") and "and hurry" in given
    assert (told(agent, "r2", ["r1"]), agent.row().mail) == ("", 2)
    assert told(agent, "r3").startswith(words), "the hook before has died"
    agent.mail_had(m.MailHad(receipts=["r1"]))
    assert agent.row().mail == 2
    agent.mail_had(m.MailHad(receipts=["r3"]))
    assert (told(agent, "r4"), agent.row().mail, agent.next_wake()) == ("", 0, after(120))


@pytest.mark.parametrize("agent", [polecat(), crew()])
def test_B41_a_process_that_was_replaced_takes_nothing_along(agent: Polecat | Crew) -> None:
    """A hook or a tool of it may outlive it for a moment."""
    words = cut_off(agent)
    agent.mail(m.Mail(by="mayor", text="for the living"))
    assert agent.mail_claim(m.MailClaim(generation=agent.generation + 1)) == {"text": ""}
    assert agent.row().mail == 2
    assert words in agent.mail_claim(m.MailClaim(generation=agent.generation))["text"]


def test_B41_one_that_was_told_to_go_on_and_does_nothing_is_told_of_and_not_rung_again() -> None:
    agent = polecat()
    cut_off(agent)
    told(agent, "")
    agent.updated_at = after(120)
    agent.due()
    assert (agent.row().mail, agent.next_wake()) == (0, "")
    assert agent.row().alert == "was told to go on, and does nothing (overloaded)"
    agent.agent_event(said("busy"))
    assert (agent.row().alert, agent.next_wake()) == ("", "")


def test_B41_a_person_is_told_of_what_no_hook_has_printed() -> None:
    agent = polecat()
    cut_off(agent)
    agent.updated_at = after(600)
    agent.due()
    assert (agent.row().alert, agent.next_wake()) == ("does not hear what the town tells it", "")
    told(agent, "")
    assert agent.row().alert == ""


@pytest.mark.parametrize("kind", ["stop", "waiting", "failed"])
def test_what_an_agent_does_next_is_another_occasion(kind: Any) -> None:
    """It is told nothing of the last one; nor is the process that comes after it."""
    agent = polecat()
    cut_off(agent)
    agent.agent_event(said("busy"))
    assert agent.row().mail == 1, "it goes on, and hears it at this very hook"
    agent.agent_event(said(kind))
    assert (agent.row().mail, told(agent, "r1")) == (0, "")
    cut_off(agent)
    agent.renewed()
    assert (agent.row().mail, agent.next_wake()) == (0, "")


def test_B48_a_polecat_whose_turn_is_over_without_done_calls_a_person() -> None:
    """Once, until it says something; not beside a question that its item asks."""
    agent = polecat()
    agent.care.idle_minutes = 15
    agent.agent_event(said("stop"))
    assert (agent.next_wake(), agent.row().alert) == (after(900), "")
    agent.due()
    [need] = needs([agent.row()])
    assert (need.what, need.command) == ("its turn is over, and its item is not done", "rgt attach api/nux")
    assert (agent.next_wake(), agent.mail_count) == ("", 0)
    asks = Row(kind="work", id="gt-aaaaa", rev=1, state="in_progress", alert="asks: which one?")
    assert [n.id for n in needs([agent.row(), asks])] == ["gt-aaaaa"]
    agent.agent_event(said("busy"))
    assert (needs([agent.row()]), agent.next_wake()) == ([], "")
    agent.renewed()
    agent.agent_event(said("stop"))
    assert agent.next_wake() == after(900), "that holds for the next process too"


def test_B68_an_agent_that_works_or_idles_names_no_time() -> None:
    for kind in ("session_start", "busy", "stop", "session_end"):
        agent = polecat()
        agent.agent_event(said(kind))
        assert agent.next_wake() == ""
    agent = polecat()
    agent.agent_event(said("waiting"))
    agent.phase = "finishing"
    assert (agent.next_wake(), agent.row().alert) == ("", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("the recipe failed\nno such\n  package", "the recipe failed: no such package"),
        ("it did not say\n" + "x" * 400, "it did not say: …" + "x" * 300),
        ("alone", "alone"),
    ],
)
def test_B43_the_reason_of_a_start_that_failed_is_one_line(text: str, line: str) -> None:
    agent = polecat()
    agent.session_event(m.SessionEvent(kind="silent", nonce="nonce-of-1", generation=1, text=text))
    assert (agent.dead, agent.unborn_line) == (True, line)
