"""Checkpoints and sessions: what is remembered, for which work, and who may write it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.agents import Crew, Polecat
from rgt.model.errors import RgtError
from rgt.model.prompts import LIMIT, REMINDER, ItemFacts, PrimeFacts, prime, reminder
from rgt.model.sessions import SESSIONS, Checkpoint


def polecat() -> Polecat:
    """A polecat at work in its first session."""
    start = m.PolecatStart(rig="api", name="nux", item="gt-aaaaa", attempt=1, host="here")
    made = Polecat(start=start, nonce="nonce-of-1", phase="working", pid=5, updated_at="2026-01-01T00:00:00.000Z")
    made.session_opened("nonce-of-1", 1, "gt-aaaaa", 1, "start")
    return made


def note(text: str = "half", generation: int = 1, **more: Any) -> m.Checkpointed:
    fields = {"item": "gt-aaaaa", "attempt": 1, "branch": "polecat/nux/gt-aaaaa", "head": "abc", **more}
    return m.Checkpointed(text=text, generation=generation, **fields)


@pytest.mark.parametrize(
    ("item", "branch", "fits"),
    [
        ("gt-aaaaa", "polecat/nux/gt-aaaaa", True),
        ("gt-aaaaa", "", True),
        ("gt-aaaaa", "another-way", False),
        ("gt-bbbbb", "polecat/nux/gt-aaaaa", False),
        ("", "polecat/nux/gt-aaaaa", False),
    ],
)
def test_B09_a_checkpoint_of_another_item_or_branch_is_ignored(item: str, branch: str, fits: bool) -> None:
    agent = polecat()
    agent.write(note())
    assert agent.checkpoint is not None
    assert agent.checkpoint.about(item, branch) == fits


def test_a_handoff_writes_and_asks_for_a_fresh_session_once() -> None:
    agent = polecat()
    agent.handoff(note("next: tests", by="handoff"))
    assert (agent.restart, agent.handing, agent.deaths) == (True, True, 0)
    assert agent.checkpoint and agent.checkpoint.text == "next: tests"
    with pytest.raises(RgtError, match="about to end already"):
        agent.handoff(note())
    agent.session_closed(agent.ending())
    agent.session_opened("nonce-of-2", 2, "gt-aaaaa", 1, "handoff")
    assert [(s.generation, s.began, s.how) for s in agent.sessions] == [
        (1, "start", "handed over"),
        (2, "handoff", ""),
    ]
    assert not agent.handing


@pytest.mark.parametrize("phase", ["starting", "finishing", "asleep", "parking"])
def test_only_an_agent_at_work_hands_over(phase: Any) -> None:
    agent = polecat()
    agent.phase = phase
    with pytest.raises(RgtError) as refused:
        agent.handoff(note())
    assert (refused.value.code, agent.restart, agent.checkpoint) == ("refused", False, None)


@pytest.mark.parametrize("command", ["write", "handoff"])
def test_an_older_process_writes_nothing(command: str) -> None:
    agent = polecat()
    agent.generation = 2
    with pytest.raises(RgtError, match="another process has taken over"):
        getattr(agent, command)(note(generation=1))
    assert (agent.checkpoint, agent.restart, agent.handing) == (None, False, False)


def test_B47_compaction_keeps_the_words_of_the_agent() -> None:
    agent = polecat()
    agent.write(note("half of it"))
    agent.write(note("", by="compaction", head="def"))
    assert agent.checkpoint
    assert (agent.checkpoint.text, agent.checkpoint.head, agent.checkpoint.by) == ("half of it", "def", "compaction")
    agent.write(note("", by="compaction", item="gt-bbbbb"))
    assert agent.checkpoint.text == "", "words about another item are no use"
    assert (agent.restart, agent.phase) == (False, "working")


def test_done_forgets_the_checkpoint() -> None:
    agent = polecat()
    agent.write(note())
    agent.finished(m.Finished(item="gt-aaaaa", attempt=2))
    assert agent.checkpoint
    agent.finished(m.Finished(item="gt-aaaaa", attempt=1))
    assert agent.checkpoint is None


def test_crew_forgets_what_it_finished_and_keeps_what_was_taken_back() -> None:
    for how, kept in (("finished", False), ("withdrawn", True)):
        member = Crew(rig="api", name="max", host="here", state="running", item="gt-aaaaa", attempt=1, generation=1)
        member.write(note(branch="crew/max"))
        if how == "finished":
            member.finished(m.Finished(item="gt-aaaaa", attempt=1))
        else:
            member.withdrawn(m.Withdrawn(item="gt-aaaaa"))
        assert bool(member.checkpoint) == kept
        member.assigned(m.Assigned(item="gt-bbbbb", attempt=1))
        assert not (member.checkpoint and member.checkpoint.about(member.item, "crew/max"))


@pytest.mark.parametrize(
    ("facts", "how"),
    [
        ({"done": True, "dead": True, "status": "exit 0"}, "finished"),
        ({"stopped": True, "outcome": "killed"}, "killed"),
        ({"stopped": True}, "stopped"),
        ({"asleep": True}, "put to sleep"),
        ({"restart": True}, "restarted"),
        ({"restart": True, "handing": True, "dead": True, "status": "exit 0"}, "handed over"),
        ({"dead": True, "status": "signal 9"}, "signal 9"),
    ],
)
def test_a_session_says_how_it_ended(facts: dict[str, Any], how: str) -> None:
    agent = polecat().model_copy(update=facts)
    agent.session_closed(agent.ending())
    assert agent.sessions[-1].how == how
    agent.session_closed("something else")
    assert agent.sessions[-1].how == how, "the first word counts"


def test_the_runtimes_own_id_is_taken_for_the_session_that_runs() -> None:
    agent = polecat()
    agent.session_begun(m.SessionBegun(session="uuid-1", generation=1))
    agent.session_opened("nonce-of-2", 2, "gt-aaaaa", 1, "resumed")
    agent.session_begun(m.SessionBegun(session="late", generation=1))
    agent.session_begun(m.SessionBegun(session="uuid-2", generation=2))
    assert [(s.id, s.nonce) for s in agent.sessions] == [("uuid-1", "nonce-of-1"), ("uuid-2", "nonce-of-2")]


def test_B69_the_list_of_sessions_is_bounded() -> None:
    agent = polecat()
    for generation in range(2, 3 * SESSIONS):
        agent.session_opened(f"nonce-of-{generation}", generation, "gt-aaaaa", 1, "resumed")
    assert [s.generation for s in agent.sessions] == list(range(2 * SESSIONS, 3 * SESSIONS))
    assert all(s.ended for s in agent.sessions[:-1])


@pytest.mark.parametrize("text", ["x" * 8193, "é" * 4097, ""])
def test_a_checkpoint_has_at_most_8_kb_and_is_not_empty(text: str) -> None:
    with pytest.raises(ValidationError):
        ops.CheckpointWrite(text=text)
    with pytest.raises(ValidationError):
        ops.HandoffArgs(message=text)


def facts(text: str = "next: the tests", **more: Any) -> PrimeFacts:
    checkpoint = Checkpoint(text=text, item="gt-aaaaa", branch="b", head="abcdef0123456789", at="2026-01-01T00:00:00Z")
    return PrimeFacts(address="api/nux", item=ItemFacts(id="gt-aaaaa", title="t"), checkpoint=checkpoint, **more)


def test_prime_quotes_the_checkpoint_and_says_that_it_was_handed_over() -> None:
    text = prime("polecat", facts(handed_over=True, resumed=True))
    assert "next: the tests" in text.partition("<<< checkpoint ")[2].partition(">>> end of checkpoint")[0]
    assert "abcdef012345" in text
    assert "handed over to you" in text
    assert "died" not in text
    assert "without words" in prime("crew", facts(" "))
    assert "Your checkpoint" in prime("crew", facts().model_copy(update={"item": None}))


def test_a_huge_checkpoint_leaves_room_for_the_rules() -> None:
    text = prime("polecat", facts("word " * 5000))
    assert len(text) <= LIMIT
    assert "rgt checkpoint read" in text
    assert "Only this means done" in text


def test_B47_a_reminder_is_short_whatever_is_in_it() -> None:
    """At most 200 tokens, about 800 characters; the step, the branch and the ways on are in it."""
    item = ItemFacts(id="gt-aaaaa", title="Round cash " * 50, branch="b" * 500, description="x" * 9999)
    long = PrimeFacts(address="a" * 300, item=item, checkpoint=Checkpoint(text="x" * 8000))
    for role in ("polecat", "crew"):
        text = reminder(role, long)
        assert len(text) <= REMINDER
        assert "\n" not in text
        for part in ("gt-aaaaa", "Round cash", "compacted", "rgt checkpoint read", "rgt prime", "rgt done"):
            assert part in text, part
    assert "checkpoint" not in reminder("crew", PrimeFacts(address="api/max"))
