"""What is promised of messages and sessions, told once and played by both runtimes: the scripted agent and Claude Code.

A test has the number of its behaviour; with `claude` it is the real program against the stub of its model."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rgt.model import operations as ops
from rgt.model.mail import INJECTED
from rgt.model.prompts import REMINDER
from tests.claude.players import DONE, RUNTIMES, Does, Players, run, say
from tests.claude.stub import Stub
from tests.eventually import eventually
from tests.story.inside import agent_of
from tests.town import LiveTown

NASTY = 'it\'s "quoted" `x` $HOME \\n\n\x1b[31mred\x1b[0m\t日本語 😀 trailing;'
LONG = NASTY + "z" * 10_000 + ";\r\n\n"
COMMIT = run("echo done > $GTR_WORK_ITEM.txt && git add . && git commit -qm done")


@pytest.fixture(scope="module", autouse=True)
def short(claude: LiveTown) -> Iterator[None]:
    """A town of short patience."""
    before = claude.home.town_toml.read_text()
    claude.home.town_toml.write_text(f"{before}[limits]\nmail_minutes = 0.05\ndialog_seconds = 1\n")
    yield
    claude.home.town_toml.write_text(before)


@pytest.fixture(params=RUNTIMES)
def players(request: pytest.FixtureRequest, claude: LiveTown, api: Stub) -> Iterator[Players]:
    """Agents of each runtime."""
    found = Players(claude, api, request.param)
    yield found
    found.leave()


# --- mail


def test_B40_mail_to_one_that_works_comes_at_its_next_hook_and_once(players: Players) -> None:
    go, wait = players.gate("busy")
    one = players.play("Works", wait, run("true"), run("true"), say("I wait"))
    one.has(f"at-{one.item}")
    players.town.rgt("mail", "send", one.address, "BUSY-40")
    assert one.given("BUSY-40") == 0
    go.touch()
    eventually(lambda: one.given("BUSY-40"), 30, 0.1)
    one.becomes("idle")
    eventually(lambda: one.letters() == [(1, "taken")], 20, 0.1)
    assert one.given("BUSY-40") == 1


def test_B40_mail_at_the_end_of_a_turn_comes_once_and_the_turn_goes_on(players: Players) -> None:
    """Nothing rings for it: the hook at the end has it."""
    slow = Does('do = "wait"\nseconds = 4', {"text": "I think long", "sleep": 4})
    one = players.play("Ends a turn", run("touch at-$GTR_WORK_ITEM"), slow, say("I wait"))
    one.has(f"at-{one.item}")
    with one.out_of_reach():
        players.town.rgt("mail", "send", one.address, "END-40")
        eventually(lambda: one.letters() == [(1, "taken")], 30, 0.1)
        eventually(lambda: one.given("END-40") == 1, 30, 0.1)
        one.becomes("idle")
        assert one.given("END-40") == 1


def test_B40_mail_to_one_that_waits_wakes_it_and_is_had_once(players: Players) -> None:
    one = players.play("Waits", say("I wait"))
    one.becomes("idle")
    chat = players.town.run("chat", one.address, "IDLE-40", "--wait", "--timeout", "30", "--json")
    assert (chat.code, chat.json()["state"]) == (0, "taken"), chat.err
    eventually(lambda: one.given("IDLE-40") == 1, 30, 0.1)
    one.becomes("idle")
    again = players.town.run("chat", one.address, "AGAIN-40", "--wait", "--timeout", "30", "--json")
    assert (again.code, again.json()["state"]) == (0, "taken"), again.err
    eventually(lambda: one.given("AGAIN-40") == 1, 30, 0.1)
    assert one.given("IDLE-40") == 1


def test_B40_of_two_hundred_letters_four_kilobytes_are_given_at_once(players: Players) -> None:
    """The rest is told of, and what was only told of is given by nobody unless it asks."""
    one = players.play("Gets a lot", say("I wait"))
    one.becomes("idle")
    with one.out_of_reach():
        for n in range(200):
            players.town.call(ops.MAIL_SEND, ops.MailSend(to=one.address, text=f"LOT-{n:03} " + "x" * 150))
    head, tail = "You have mail. It was written by others", "more letters wait: `rgt mail inbox` lists them"
    eventually(lambda: one.given(tail), 30, 0.1)
    eventually(lambda: {state for _, state in one.letters()} == {"taken", "listed"}, 30, 0.2)
    given = one.texts().partition(head)[2].partition(tail)[0]
    whole = given.count("LOT-")
    assert 5 < whole < 30 and len(given.encode()) < INJECTED
    assert [state for _, state in one.letters()].count("taken") == whole
    chat = players.town.run("chat", one.address, "LAST-40", "--wait", "--timeout", "30", "--json")
    assert (chat.code, chat.json()["state"]) == (0, "taken"), chat.err
    eventually(lambda: one.given("LAST-40") == 1, 30, 0.1)
    assert (one.given("LOT-"), one.given(tail)) == (whole, 1)


def test_B41_mail_that_wakes_nobody_stays_is_rung_for_again_and_a_person_is_told(players: Players) -> None:
    """The sender's exit code says so; when its reader has it after all, nobody needs to be told any more."""
    one = players.play("Hears nothing", say("I wait"))
    one.becomes("idle")
    with one.out_of_reach():
        chat = players.town.run("chat", one.address, "WAKE-41", "--wait", "--timeout", "1", "--json")
        assert (chat.code, chat.json()["state"]) == (1, "pending")
        assert eventually(one.needs, 20, 0.1) == ["does not take its mail (1 waiting)"]
        assert one.letters() == [(1, "pending")]
    # Nothing but a further ring wakes it now.
    eventually(lambda: one.given("WAKE-41") == 1, 30, 0.1)
    eventually(lambda: one.letters() == [(1, "taken")], 20, 0.1)
    eventually(lambda: not one.needs(), 20, 0.1)


def test_B41_what_the_town_says_is_heard_once_or_a_person_is_told(players: Players) -> None:
    """Words to go on with outlive the worker and a session that takes nothing; once they are had nobody says them."""
    _, limit = players.limit(15)
    one = players.play("Is told to go on", limit, COMMIT, say("I wait"))
    one.becomes("limited")
    words = "The rate limit should be over."
    with one.out_of_reach():
        eventually(lambda: one.shown()["mailbox"]["word"], 40, 0.1)
        died = players.town.kill("worker")
        eventually(lambda: players.town.pid("worker") != died and players.town.run("needs").code == 0, 30, 0.1)
        assert eventually(one.needs, 20, 0.1) == ["does not hear what the town tells it"]
        assert one.row["state"] == "limited"
    one.has(f"{one.item}.txt")
    one.becomes("idle")
    assert one.given(words) == 1
    assert (one.needs(), one.shown()["mailbox"]["word"]) == ([], None)


def test_B42_text_arrives_byte_equal_both_ways(players: Players) -> None:
    """The agent itself reads it, and writes to a person."""
    go, wait = players.gate("bytes")
    reads = run("for n in 1 2 3; do rgt mail read $n --json > read-$n.json; done")
    writes = run(f"rgt mail send person - --subject bytes-{players.runtime} < text; touch sent")
    one = players.play("Reads bytes", wait, reads, writes, say("I wait"))
    one.has(f"at-{one.item}")
    one.write("text", LONG)
    players.town.rgt("mail", "send", one.address, NASTY)
    players.town.rgt("mail", "send", one.address, LONG)
    players.town.rgt("mail", "send", one.address, "-", stdin=LONG)
    go.touch()
    one.has("sent")
    texts = [json.loads(one.has(f"read-{n}.json"))["text"] for n in (1, 2, 3)]
    assert texts == [NASTY, LONG, LONG]
    letter = next(x for x in players.town.ask("mail", "inbox") if x["subject"] == f"bytes-{players.runtime}")
    assert (letter["text"], letter["sender"]) == (LONG, one.address)
    assert players.town.ask("mail", "read", str(letter["number"]))["text"] == LONG
    if players.runtime == "claude":
        assert f"(data)\n{NASTY}\n>>> end of mail 1 " in one.texts(), "its model was given the very bytes"


def test_B81_an_agent_writes_as_itself_and_reads_its_own(players: Players) -> None:
    """Whatever it says that it is: from its own tools, in a script that the guard does not look into."""
    go, wait = players.gate("itself")
    one = players.play("Is itself", wait, run("sh ./try.sh; touch tried"), say("I wait"))
    two = players.play("Is another", say("I wait"))
    two.becomes("idle")
    one.has(f"at-{one.item}")
    theirs = two.agent.env
    tries = [
        (f"rgt mail send {two.address} MINE-81", 0),
        (f"GTR_AGENT={theirs['GTR_AGENT']} GTR_ADDRESS={two.address} rgt mail send {two.address} ALIAS-81", 0),
        (f"GTR_TOKEN={theirs['GTR_TOKEN'][:-1]}- rgt mail send {two.address} FORGED-81", 4),
        (f"env -u GTR_TOKEN rgt mail send {two.address} NOBODY-81", 4),
        (f"rgt mail inbox --agent {two.address}", 4),
        ("rgt mail broadcast ALL-81", 4),
        (f"rgt done {two.item}", 4),
        ("rgt stop", 4),
    ]
    one.write("try.sh", "".join(f"{line} >> said 2>&1; echo $? >> codes\n" for line, _ in tries))
    go.touch()
    one.has("tried")
    assert [int(code) for code in one.has("codes").split()] == [code for _, code in tries], one.has("said")
    rows = players.town.ask("mail", "inbox", "--agent", two.address)
    assert [(x["sender"], x["text"]) for x in rows] == [(one.address, "MINE-81"), (one.address, "ALIAS-81")]
    assert players.town.item(two.item)["state"] == "in_progress"
    eventually(lambda: two.given("MINE-81") == 1 and two.given("ALIAS-81") == 1, 30, 0.1)
    assert one.given("MINE-81 (data)") == 0


# --- sessions


MUTE = {
    # Without our settings it has no hooks, and a dialog waits at its start.
    "claude": (
        {
            "command": ["claude", "--permission-mode", "bypassPermissions", "--setting-sources", "user"],
            "ready_seconds": 8,
        },
        "Bypass Permissions",
    ),
    "scripted": (
        {"command": ["sh", "-c", "echo choose a model; echo log is full >&2; exec sleep 600"], "ready_seconds": 2},
        "choose a model",
    ),
}
BROKEN = {
    "claude": {"command": ["claude", "--frobnicate"]},
    "scripted": {"command": ["sh", "-c", "echo unknown option --frobnicate >&2; exit 2"]},
}


def test_B43_who_never_says_hello_is_ended_and_its_screen_is_the_reason(players: Players) -> None:
    table, screen = MUTE[players.runtime]
    rig = players.rig("mute", **table)
    begun = time.monotonic()
    item = players.sling("Cannot begin", say("never"), rig=rig)
    first = agent_of(players.town, item)
    lost = eventually(lambda: players.town.item(item)["attempts"], 40, 0.1)
    assert time.monotonic() - begun < 25
    within = f"it could not be started: it did not say within {table['ready_seconds']} s that it is up"
    assert within in lost[0]["outcome"]
    assert screen in lost[0]["outcome"] + lost[0]["left"], lost[0]
    eventually(lambda: not Path(f"/proc/{first.pid}").exists(), 10)


def test_B43_who_ends_before_hello_says_why(players: Players) -> None:
    rig = players.rig("broken", **BROKEN[players.runtime])
    item = players.sling("Cannot begin", say("never"), rig=rig)
    blocked = players.town.becomes(item, "blocked", timeout=90)
    assert "unknown option" in blocked["attempts"][0]["outcome"] and "--frobnicate" in blocked["attempts"][0]["outcome"]
    assert "unknown option" in blocked["escalation"]["message"]


def test_B47_after_a_compaction_the_same_step_goes_on(players: Players) -> None:
    """It restarts nothing, keeps what the agent has written down, and is followed by a reminder, not by the whole."""
    go, wait = players.gate("compact")
    write = run("rgt checkpoint write 'at step two'", read=2_000_000)
    # Claude Code compacts by itself when its conversation has become too long.
    compacts = [Does('do = "compact"', None)] if players.runtime == "scripted" else []
    one = players.play("Is compacted", write, *compacts, wait, COMMIT, DONE, say("done"))
    before = one.shown()
    one.has(f"at-{one.item}")
    after = one.shown()
    assert after["checkpoint"], one.texts()[-3000:]
    assert (after["checkpoint"]["by"], after["checkpoint"]["text"]) == ("compaction", "at step two")
    assert [after[k] for k in ("pid", "generation", "phase")] == [before["pid"], 1, "working"]
    assert [(s["id"], s["ended"]) for s in after["sessions"]] == [(after["sessions"][0]["id"], "")]
    texts = one.texts()
    reminder = texts[texts.index("You are still ") :].partition("stuck: `rgt escalate`.")[0]
    assert one.item in reminder and "`rgt checkpoint read`" in reminder and len(reminder) <= REMINDER
    assert one.given("You are still ") == 1
    if players.runtime == "claude":
        assert "STUB-SUMMARY" in texts and "## How to work" not in texts
    go.touch()
    merged = players.town.becomes(one.item, "merged", timeout=90)
    assert (merged["attempt"], merged["deaths"]) == (1, 0)


def test_B48_a_dead_one_is_noticed_and_goes_on_in_less_than_fifteen_seconds(players: Players) -> None:
    _, wait = players.gate("dead")
    one = players.play("Dies", wait, say("never"))
    one.has(f"at-{one.item}")
    died = time.monotonic()
    os.kill(one.agent.pid, signal.SIGKILL)
    again = agent_of(players.town, one.item, after=one.agent)
    assert time.monotonic() - died < 15
    assert again.cwd == one.agent.cwd


def test_B48_a_dialog_calls_a_person_in_less_than_a_minute_and_is_over_with_the_answer(players: Players) -> None:
    asks = [Does('do = "dialog"\ntext = "dialog open"', None)] if players.runtime == "scripted" else []
    one = players.play("Asks a person", *asks, say("I wait"))
    keys = ("send-keys", "-t", f"=gtr-{one.address}:")
    if players.runtime == "claude":
        one.becomes("idle")
        # No tool of it may ask; a person at its terminal can still open a dialog, and leave.
        players.town.tmux(*keys, "/model", "Enter")
    opened = time.monotonic()
    assert eventually(one.needs, 60, 0.1) == ["waits for a person: dialog open"]
    assert time.monotonic() - opened < 60 and one.row["state"] == "waiting"
    players.town.rgt("mail", "send", one.address, "DIALOG-48")
    players.town.tmux(*keys, *(("y", "Enter") if players.runtime == "scripted" else ("Escape",)))
    eventually(lambda: not one.needs(), 40, 0.1)
    one.becomes("idle")
    eventually(lambda: one.given("DIALOG-48") == 1, 30, 0.1)


def test_B48_one_whose_turn_is_over_without_done_calls_a_person(players: Players) -> None:
    """It stops nobody: a word to it, and it goes on."""
    config = players.town.home.town_toml
    before = config.read_text()
    config.write_text(before + "idle_minutes = 0.05\n")
    one = players.play("Forgets to be done", COMMIT, say("That was all"))
    config.write_text(before)
    assert eventually(one.needs, 60, 0.1) == ["its turn is over, and its item is not done"]
    one.agent.run("done")
    players.town.becomes(one.item, "merged", timeout=90)
    assert one.needs() == []


def test_B48_a_rate_limit_is_waited_for_and_it_goes_on_by_itself(players: Players) -> None:
    end, limit = players.limit(15)
    one = players.play("Is limited", limit, COMMIT, DONE, say("done"))
    one.becomes("limited")
    assert one.needs() == []
    merged = players.town.becomes(one.item, "merged", timeout=90)
    assert time.time() > end
    assert (merged["attempt"], merged["deaths"]) == (1, 0)
