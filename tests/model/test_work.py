"""The work item: its table of states (design: flows), and what no order of messages may bring about."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.model import messages as m
from rgt.model.budgets import Held
from rgt.model.errors import RgtError
from rgt.model.newwork import NOTE_CHARS, NOTES
from rgt.model.priming import prime_facts
from rgt.model.queue import Verdict
from rgt.model.tries import KEPT, LEFT_CHARS, OUTCOME_CHARS
from rgt.model.work import MAX_DEATHS, OVER, State, Work
from tests.model.receivers import opened, told

HEAD, NEWER, OLDER = "a" * 40, "b" * 40, "0" * 40
AGENT = "polecat/api/nux"
BRANCH = "polecat/nux/gt-aaaaa"
SPENT = "budget of $1.00 is spent"
STATES = get_args(State)
Step = Callable[[Work], object]


def item(state: str, **fields: object) -> Work:
    """An item as it stands in a state: `blocked` since the queue has sent it back, `waiting` by a need alone."""
    work = Work(id="gt-aaaaa", title="one", rig="api")
    if state != "open":
        work.target = "api"
    if state not in ("open", "waiting"):
        work.attempt, work.agent, work.address, work.branch = 1, AGENT, "api/nux", BRANCH
    if state in ("blocked", "submitted", "merging", "merged"):
        work.head = HEAD
    if state == "waiting":
        work.unmet = ["gt-needs"]
    work.unanswered = state == "blocked"
    work.state = "blocked" if state == "waiting" else state  # type: ignore[assignment]
    return work.model_copy(update=fields)


def verdict(kind: str = "failed") -> Verdict:
    return Verdict.model_validate({"kind": kind, "message": "exit 1"})


MESSAGES: dict[str, Step] = {
    "queue": lambda w: w.queue(m.Queue(target="api", rig="api")),
    "queue elsewhere": lambda w: w.queue(m.Queue(target="web", rig="web")),
    "queue with a need": lambda w: w.queue(m.Queue(target="api", rig="api", unmet=["gt-other"])),
    "unsling": lambda w: w.unsling(m.Empty()),
    "done by its agent": lambda w: w.done(m.Done(branch=BRANCH, head=NEWER, agent=AGENT)),
    "done by a person": lambda w: w.done(m.Done(branch="feature", head=NEWER, rig="api")),
    "done by another": lambda w: w.done(m.Done(branch=BRANCH, head=NEWER, agent="polecat/api/slit")),
    "close": lambda w: w.close(m.Close()),
    "reopen": lambda w: w.reopen(m.Empty()),
    "retry": lambda w: w.retry(m.Empty()),
    "drop": lambda w: w.drop(m.Empty()),
    "taken": lambda w: w.taken(m.Taken(agent=AGENT, address="api/nux", branch=BRANCH, attempt=1)),
    "taken, long ago": lambda w: w.taken(m.Taken(agent=AGENT, address="api/nux", branch=BRANCH, attempt=7)),
    "working": lambda w: w.working(m.Working(attempt=1, pid=5)),
    "lost": lambda w: w.lost(m.Lost(attempt=1, reason="it died", deaths=2)),
    "lost, long ago": lambda w: w.lost(m.Lost(attempt=7, reason="it died", deaths=2)),
    "lost for good": lambda w: w.lost(m.Lost(attempt=1, reason="it died", deaths=MAX_DEATHS)),
    "lost, but landed": lambda w: w.lost(m.Lost(attempt=1, head=NEWER, branch=BRANCH, landed=True)),
    "need merged": lambda w: w.need_ended(m.Outcome(item="gt-needs", state="merged")),
    "need closed": lambda w: w.need_ended(m.Outcome(item="gt-needs", state="closed")),
    "its fix landed": lambda w: w.fixed(m.Fixed(item="gt-fixes", rig="api", sha="c" * 40, carries=[HEAD])),
    "its fix landed alone": lambda w: w.fixed(m.Fixed(item="gt-fixes", rig="api", sha="c" * 40, carries=[OLDER])),
    "merging": lambda w: w.merging(m.Merging(head=HEAD)),
    "merged": lambda w: w.merged(m.Merged(head=HEAD, sha="c" * 40)),
    "an older head merged": lambda w: w.merged(m.Merged(head=OLDER, sha="c" * 40)),
    "rejected": lambda w: w.rejected(m.Rejected(head=HEAD, verdict=verdict())),
    "rejected for good": lambda w: w.rejected(m.Rejected(head=HEAD, verdict=verdict(), max_attempts=1)),
    "an older head rejected": lambda w: w.rejected(m.Rejected(head=OLDER, verdict=verdict())),
    "parked": lambda w: w.parked(m.Parked(head=HEAD, reason="no gates")),
    "budget spent": lambda w: w.hold(Held(text=SPENT)),
    "room in its budget": lambda w: w.hold(Held()),
    "commit gone": lambda w: w.parked(m.Parked(head=HEAD, reason="no object", lost=True)),
}

# `-` is a refusal, `=` leaves the state as it is.
TABLE = """
                       open      waiting   blocked   queued    assigned    in_progress submitted merging   merged closed failed
queue                  queued    -         queued    =         -           -           -         -         -      -      -
queue elsewhere        queued    -         queued    -         -           -           -         -         -      -      -
queue with a need      blocked   -         blocked   =         -           -           -         -         -      -      -
unsling                -         open      -         open      open        open        -         -         -      -      -
done by its agent      -         -         submitted submitted submitted   submitted   submitted submitted -      -      -
done by a person       submitted submitted submitted submitted submitted   submitted   submitted submitted -      -      -
done by another        -         -         -         -         -           -           -         -         -      -      -
close                  closed    closed    closed    closed    closed      closed      closed    closed    -      =      closed
reopen                 -         open      open      -         -           -           -         -         -      open   open
retry                  -         -         submitted -         -           -           submitted -         -      -      -
drop                   -         -         -         -         -           -           blocked   blocked   -      -      -
taken                  =         =         =         assigned  =           =           =         =         =      =      =
taken, long ago        =         =         =         =         =           =           =         =         =      =      =
working                =         =         =         =         in_progress in_progress =         =         =      =      =
lost                   =         =         =         queued    queued      queued      =         =         =      =      =
lost, long ago         =         =         =         =         =           =           =         =         =      =      =
lost for good          =         =         =         blocked   blocked     blocked     =         =         =      =      =
lost, but landed       =         =         =         submitted submitted   submitted   =         =         =      =      =
need merged            =         queued    =         =         =           =           =         =         =      =      =
need closed            =         blocked   =         =         =           =           =         =         =      =      =
its fix landed         =         =         closed    =         =           =           =         =         =      =      =
its fix landed alone   =         =         submitted =         =           =           =         =         =      =      =
merging                =         =         =         =         =           =           merging   =         =      =      =
merged                 merged    merged    merged    merged    merged      merged      merged    merged    =      merged merged
an older head merged   merged    merged    merged    merged    merged      merged      =         =         =      merged merged
rejected               =         =         =         =         =           =           queued    queued    =      =      =
rejected for good      =         =         =         =         =           =           blocked   blocked   =      =      =
an older head rejected =         =         =         =         =           =           =         =         =      =      =
parked                 =         =         =         =         =           =           =         submitted =      =      =
budget spent           =         =         =         blocked   blocked     blocked     =         =         =      =      =
room in its budget     =         =         =         =         =           =           =         =         =      =      =
commit gone            =         =         =         =         =           =           blocked   blocked   =      =      =
"""  # noqa: E501


def transitions() -> list[tuple[str, str, str]]:
    head, *rows = TABLE.strip("\n").splitlines()
    columns = head.split()
    width = max(len(name) for name in MESSAGES) + 1
    return [
        (message, state, then)
        for row in rows
        for message, cells in [(row[:width].strip(), row[width:].split())]
        for state, then in zip(columns, cells, strict=True)
    ]


@pytest.mark.parametrize(("message", "state", "then"), transitions())
def test_table_of_states(message: str, state: str, then: str) -> None:
    work = item(state)
    before = work.model_copy(deep=True)
    if then == "-":
        with pytest.raises(RgtError) as refusal:
            MESSAGES[message](work)
        assert refusal.value.code in ("refused", "denied")
        assert refusal.value.hint, "a refusal says what to do next"
        assert work == before, "a refusal changes nothing"
        return
    MESSAGES[message](work)
    assert work.state == (before.state if then == "=" else then)
    for tell in work.outbox:
        opened(tell)


def test_every_message_and_state_is_in_the_table() -> None:
    assert {message for message, _, _ in transitions()} == set(MESSAGES)
    assert {state for _, state, _ in transitions()} == {*STATES, "waiting"}


# --- what a transition tells


def test_a_sling_asks_the_rig_for_a_polecat() -> None:
    work = item("open", title="x" * 200, priority="p1")
    MESSAGES["queue"](work)
    [wanted] = told(work, "rig/api", "wanted")
    assert isinstance(wanted, m.Wanted)
    assert (wanted.item, wanted.attempt, wanted.priority, len(wanted.title)) == ("gt-aaaaa", 1, "p1", 80)


def test_a_sling_to_a_crew_member_tells_that_one_alone() -> None:
    work = item("open")
    work.queue(m.Queue(target="api/max", to_agent="agent/api/max", rig="api"))
    assert [t.to for t in work.outbox] == ["agent/api/max"]


def test_done_frees_the_agent_before_the_queue_gets_the_head() -> None:
    work = item("in_progress")
    MESSAGES["done by its agent"](work)
    assert [(t.to, t.signal) for t in work.outbox] == [(AGENT, "finished"), ("refinery/api", "submitted")]
    [submitted] = told(work, "refinery/api")
    assert isinstance(submitted, m.Submitted)
    assert submitted.entry.id == f"gt-aaaaa.{NEWER[:8]}"


def test_done_of_a_queued_item_takes_it_from_the_rig() -> None:
    """Else a polecat would start for what is finished already."""
    work = item("queued")
    MESSAGES["done by a person"](work)
    assert [(t.to, t.signal) for t in work.outbox] == [("rig/api", "withdrawn"), ("refinery/api", "submitted")]


def test_B09_done_again_with_the_same_head_changes_nothing() -> None:
    work = item("in_progress")
    MESSAGES["done by its agent"](work)
    before = work.model_copy(deep=True)
    for state in ("submitted", "merging", "merged"):
        work.state = before.state = state
        MESSAGES["done by its agent"](work)
        assert work == before


def test_a_head_that_came_back_may_be_finished_again() -> None:
    """The stored answer of the first `done` is no answer to the second."""
    work = item("in_progress")
    work.done(m.Done(branch=BRANCH, head=HEAD, agent=AGENT))
    work.answered(f"done:gt-aaaaa:{HEAD}", {"state": "submitted"})
    MESSAGES["rejected"](work)
    assert work.answers == {}


@pytest.mark.parametrize(("branch", "taken"), [("polecat/nux/gt-zzzzz", False), (BRANCH, True), ("my-way", True)])
def test_an_agent_may_finish_any_branch_but_that_of_another_item(branch: str, taken: bool) -> None:
    work = item("in_progress")
    done = m.Done(branch=branch, head=HEAD, agent=AGENT)
    if taken:
        work.done(done)
        assert (work.state, work.branch) == ("submitted", branch)
    else:
        with pytest.raises(RgtError, match="branch of another item"):
            work.done(done)


@pytest.mark.parametrize("kind", ["review_only", "no_merge"])
def test_done_without_a_landing_closes(kind: str) -> None:
    work = item("in_progress", **{kind: True})
    MESSAGES["done by its agent"](work)
    assert work.state == "closed"
    assert (work.outbox[0].to, work.outbox[0].signal) == (AGENT, "finished")
    assert not told(work, "refinery/")


def test_a_newer_head_takes_the_place_of_the_one_in_the_queue() -> None:
    work = item("merging")
    MESSAGES["done by a person"](work)
    assert [t.signal for t in work.outbox] == ["withdrawn", "submitted"]


def test_an_older_head_that_lands_first_is_not_the_end() -> None:
    work = item("merging")
    MESSAGES["done by a person"](work)
    work.merged(m.Merged(head=HEAD, sha="1" * 40))
    assert (work.state, work.head) == ("submitted", NEWER)
    work.rejected(m.Rejected(head=NEWER, verdict=verdict("refused")))
    assert (work.state, work.sha) == ("merged", "1" * 40), "the newer head brought nothing more"


def test_closing_takes_the_entry_out_and_lets_the_worktree_go() -> None:
    work = item("merging")
    MESSAGES["close"](work)
    assert [(t.to, t.signal) for t in work.outbox] == [("refinery/api", "withdrawn"), ("rig/api", "withdrawn")]
    [withdrawn] = told(work, "rig/api")
    assert isinstance(withdrawn, m.Withdrawn)
    assert withdrawn.released


def test_unslinging_keeps_the_worktree() -> None:
    work = item("in_progress")
    MESSAGES["unsling"](work)
    [withdrawn] = told(work, "rig/api")
    assert isinstance(withdrawn, m.Withdrawn)
    assert not withdrawn.released


@pytest.mark.parametrize("signal", ["wanted", "assigned", "submitted"])
def test_a_message_that_reached_nobody_is_told_on_the_item(signal: str) -> None:
    work = item("submitted" if signal == "submitted" else "queued")
    work.undelivered(m.Tell(to="rig/api", signal=signal))
    assert work.state == ("blocked" if signal == "submitted" else "open")
    assert work.reason


# --- deaths and rejections


def test_B12_deaths_of_all_attempts_count_and_the_third_asks_once() -> None:
    work = item("in_progress")
    work.lost(m.Lost(attempt=1, reason="it died", deaths=2))
    assert (work.state, work.attempt, work.deaths, work.escalation) == ("queued", 2, 2, None)
    [wanted] = told(work, "rig/api", "wanted")
    assert isinstance(wanted, m.Wanted)
    assert wanted.deaths == 2
    work.lost(m.Lost(attempt=2, reason="it died", deaths=1))
    assert (work.state, work.deaths) == ("blocked", 3)
    assert work.escalation is not None
    work.lost(m.Lost(attempt=2, reason="it died", deaths=1))
    assert work.deaths == 3, "a repeat is not counted"
    work.reopen(m.Empty())
    assert (work.state, work.deaths, work.rejections) == ("open", 0, 0)
    assert not work.row().alert


def test_an_end_by_a_person_is_not_a_death() -> None:
    work = item("in_progress")
    for attempt in range(1, 6):
        work.lost(m.Lost(attempt=attempt, reason="killed by a person"))
        assert (work.state, work.deaths) == ("queued", 0)


def test_rejections_count_apart_from_deaths() -> None:
    work = item("in_progress")
    work.lost(m.Lost(attempt=1, reason="it died", deaths=2))
    work.state, work.head = "merging", HEAD
    work.rejected(m.Rejected(head=HEAD, verdict=verdict()))
    assert (work.state, work.rejections, work.deaths) == ("queued", 1, 2)
    [first, second] = told(work, "rig/api", "wanted")
    assert isinstance(first, m.Wanted) and isinstance(second, m.Wanted)
    assert (first.rejected, second.rejected) == (False, True)


def test_B01_the_next_attempt_is_told_of_the_ones_before() -> None:
    work = item("in_progress")
    work.lost(m.Lost(attempt=1, reason="the agent died (signal 9)", notes="half of it is done", deaths=2))
    work.left(m.Left(attempt=1, left="commits:\nabc1234 half"))
    work.left(m.Left(attempt=2, left="of another one"))
    [told] = prime_facts("api/nux", "api", work, resumed=False).attempts
    assert (told.number, told.outcome) == (1, "the agent died (signal 9)")
    assert told.notes == "half of it is done\ncommits:\nabc1234 half"


@pytest.mark.parametrize(
    ("fallback", "deaths", "runtimes"),
    [
        ("", (1, 1), ["claude", "claude"]),
        ("claude", (1, 1), ["claude", "claude"]),
        ("codex", (1, 1, 1), ["claude", "codex", "codex"]),
        ("codex", (2, 1, 2), ["claude", "codex", "codex"]),
        ("codex", (0, 1), ["claude", "claude"]),
    ],
)
def test_the_second_failed_attempt_in_a_row_calls_for_the_fallback(
    fallback: str, deaths: tuple[int, ...], runtimes: list[str]
) -> None:
    """It has deaths of its own; an end by a person is no failure."""
    work = item("in_progress", runtime="claude", fallback=fallback)
    for attempt, count in enumerate(deaths, 1):
        work.lost(m.Lost(attempt=attempt, reason="it died", deaths=count))
    wanted = [w.runtime for w in told(work, "rig/api", "wanted") if isinstance(w, m.Wanted)]
    assert wanted == runtimes
    assert work.state == "queued"


def test_notes_are_bounded() -> None:
    work = item("in_progress")
    for attempt in range(1, 40):
        work.lost(m.Lost(attempt=attempt, reason="x" * 5000, notes="y" * 5000))
        work.left(m.Left(attempt=attempt, left="z" * 5000))
        work.escalate(m.Escalate(message="?"))
        work.ack(m.Escalate(message="x" * 5000))
    assert (len(work.notes), len(work.attempts)) == (NOTES, KEPT)
    assert max(map(len, work.notes)) <= NOTE_CHARS
    assert max(len(a.outcome + a.left) for a in work.attempts) <= OUTCOME_CHARS + LEFT_CHARS


# --- needs


def test_what_waits_for_a_need_starts_by_itself_when_it_is_merged() -> None:
    work = item("open")
    work.queue(m.Queue(target="api", rig="api", unmet=["gt-needs"]))
    assert (work.state, work.row().alert) == ("blocked", ""), "nobody need do anything"
    [blocks] = told(work, "work/gt-needs")
    assert isinstance(blocks, m.Blocks)
    MESSAGES["need closed"](work)
    assert work.row().alert == "its need gt-needs is closed"
    MESSAGES["need merged"](work)
    assert (work.state, work.attempt) == ("queued", 1)


@pytest.mark.parametrize("state", OVER)
def test_who_asks_an_ended_item_is_answered_at_once(state: str) -> None:
    work = item(state)
    work.blocking(m.Blocks(item="gt-later"))
    [outcome] = told(work, "work/gt-later")
    assert isinstance(outcome, m.Outcome)
    assert (outcome.item, outcome.state) == ("gt-aaaaa", state)


def test_those_who_wait_are_told_once_each() -> None:
    work = item("merging")
    for waiting in ("gt-later", "gt-later", "gt-other"):
        work.blocking(m.Blocks(item=waiting))
    MESSAGES["merged"](work)
    assert [t.to for t in work.outbox if t.signal == "need_ended"] == ["work/gt-later", "work/gt-other"]


# --- `done` left while no worker lived


def test_B09_a_done_that_was_left_counts_when_it_is_proven() -> None:
    work = item("in_progress")
    work.done_left(m.Done(branch=BRANCH, head=HEAD, agent=AGENT), proven=True)
    assert (work.state, work.notes) == ("submitted", [])


@pytest.mark.parametrize(("proven", "state"), [(False, "in_progress"), (True, "open")])
def test_a_done_that_was_left_and_must_be_refused_becomes_a_note(proven: bool, state: str) -> None:
    work = item(state, agent=AGENT)
    work.done_left(m.Done(branch=BRANCH, head=HEAD, agent=AGENT), proven=proven)
    assert work.state == state
    assert "left while no worker lived" in work.notes[-1]


# --- any order of messages


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(sorted(MESSAGES)), max_size=40))
def test_no_order_of_messages_leaves_the_table(names: list[str]) -> None:
    """Refusals change nothing, merged is final, each attempt is asked for once, and all that is told can be heard."""
    work = item("open")
    work.start()
    for name in names:
        before = work.model_copy(deep=True)
        try:
            MESSAGES[name](work)
        except RgtError:
            assert work == before
        assert work.state in STATES
        assert work.rev >= before.rev
        assert work.state == before.state or work.rev > before.rev, "others must see a change of state"
        assert before.state != "merged" or work.state == "merged"
        assert work.state not in ("submitted", "merging", "merged") or work.head
        assert work.state != "queued" or work.target
    assert [t.payload["seq"] for t in work.outbox] == list(range(1, len(work.outbox) + 1))
    attempts = [w.attempt for w in told(work, "rig/", "wanted") if isinstance(w, m.Wanted)]
    assert attempts == sorted(set(attempts))
    assert all(opened(t) for t in work.outbox)
    assert Work.model_validate_json(work.model_dump_json()) == work
    assert work.row().alert or work.state != "blocked" or work.unmet, "what is blocked says why"
