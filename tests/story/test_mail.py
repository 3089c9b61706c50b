"""Mail in a real town: to agents that work, wait, die and leave, and to people."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rgt.model.mail import INJECTED
from tests.eventually import eventually
from tests.pipes import NarrowPipe
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import RGT, LiveTown, steps

HANG = steps('do = "hang"')
IDLE = steps('do = "say"\ntext = "ready"')
NASTY = 'it\'s "quoted" `x` $HOME\n\x1b[31mred\x1b[0m 日本語 😀 ' + "z" * 10_000 + " trailing;"


def add_rig(town: LiveTown, name: str) -> Path:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name)
    return town.root / name


def working(town: LiveTown, rig: str, script: str = IDLE) -> tuple[str, Inside]:
    """An item whose agent does `script`."""
    item = town.create(f"mail for {rig}", script)
    town.sling(item, target=rig)
    return item, agent_of(town, item)


def quiet(town: LiveTown, rig: str) -> tuple[str, Inside]:
    """An item whose agent waits for a person to type, and whose hooks have had their say."""
    item, agent = working(town, rig, steps('do = "ask"\ntext = "well?"'))
    eventually(lambda: "answer> " in screen(agent), 30)
    return item, agent


def busy(town: LiveTown, rig: str) -> tuple[str, Inside, Path]:
    """An item whose agent is in the middle of a step until the file is there, and whose hooks have had their say."""
    go, at_it = town.root / f"{rig}.go", town.root / f"{rig}.at-it"
    wait = f"touch {at_it}; until test -e {go}; do sleep 0.05; done"
    item, agent = working(town, rig, steps(f'do = "run"\ncmd = "{wait}"', 'do = "say"\ntext = "next"'))
    eventually(at_it.exists, 30)
    return item, agent, go


def screen(agent: Inside) -> str:
    """What its terminal shows."""
    return agent.town.tmux("capture-pane", "-p", "-J", "-S", "-200", "-t", f"=gtr-{agent.env['GTR_ADDRESS']}:")


def letters(town: LiveTown, address: str) -> list[tuple[int, str]]:
    return [(x["number"], x["state"]) for x in town.ask("mail", "inbox", "--agent", address)]


def test_B40_an_agent_that_waits_is_woken_by_mail_and_has_it_once(shared: LiveTown) -> None:
    """The sender knows that it was taken; it is on its screen once."""
    add_rig(shared, "idle")
    _, agent = working(shared, "idle")
    address = agent.env["GTR_ADDRESS"]
    chat = shared.run("chat", address, "which colour is the sky", "--wait", "--timeout", "30", "--json")
    assert (chat.code, chat.json()["state"]) == (0, "taken"), f"{chat.err}{chat.out}\n{screen(agent)}"
    assert screen(agent).count("which colour is the sky") == 1
    assert letters(shared, address) == [(1, "taken")]


def test_B40_an_agent_that_works_has_it_at_its_next_step(shared: LiveTown) -> None:
    add_rig(shared, "busy")
    _, agent, go = busy(shared, "busy")
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, "read me later", "--subject", "later")
    assert "read me later" not in screen(agent)
    go.touch()
    eventually(lambda: "read me later" in screen(agent), 20)
    eventually(lambda: letters(shared, address) == [(1, "taken")], 20)


def test_B42_text_arrives_byte_equal_both_ways(shared: LiveTown) -> None:
    """As an argument, from standard input, and back to a person."""
    add_rig(shared, "bytes")
    _, agent = working(shared, "bytes", HANG)
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, NASTY)
    shared.rgt("mail", "send", address, "-", stdin=f"{NASTY}\r\n\n")
    texts = [x["text"] for x in shared.ask("mail", "inbox", "--agent", address)]
    assert texts == [NASTY, f"{NASTY}\r\n\n"]
    argv = [str(RGT), "mail", "send", address, "-"]
    ran = subprocess.run(argv, env=shared.env, input=b"caf\xe9", capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (
        2,
        b"rgt: what was piped in is no UTF-8 text: byte 3 is 0xe9 \xe2\x80\x94 convert it first, e.g. with iconv\n",
    )
    assert agent.run("mail", "send", "person", NASTY, "--subject", "bytes").code == 0
    letter = next(x for x in shared.ask("mail", "inbox") if x["subject"] == "bytes")
    assert (letter["text"], letter["sender"], letter["state"]) == (NASTY, address, "pending")
    need = next(n for n in shared.ask("needs") if n["id"] == "mayor")
    assert (need["what"], need["command"]) == (f"mail from {address}: bytes", "rgt mail inbox")
    assert shared.ask("mail", "read", str(letter["number"]))["text"] == NASTY
    eventually(lambda: [n for n in shared.ask("needs") if n["id"] == "mayor"] == [])


def test_mail_outlives_the_worker_and_the_death_of_its_reader(shared: LiveTown) -> None:
    add_rig(shared, "dying")
    item, first, _ = busy(shared, "dying")
    address = first.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, "survive this")
    shared.kill("worker")
    first.kill()
    second = agent_of(shared, item, after=first)
    eventually(lambda: "survive this" in screen(second), 30)


def test_mail_to_an_agent_that_has_left_goes_to_its_item(shared: LiveTown) -> None:
    """And to one whose item is over it is refused, with what to look at."""
    add_rig(shared, "left")
    shared.rgt("mq", "pause", "left")
    item, agent = working(shared, "left", HANG)
    address = agent.env["GTR_ADDRESS"]
    agent.commit("a.txt", "a\n")
    assert agent.run("done").code == 0
    nobody_has(shared, item)
    sent = shared.ask("mail", "send", address, "one more thing")
    assert (sent["state"], sent["number"]) == ("kept", 0)
    assert "Mail from person: one more thing" in shared.item(item)["notes"]
    shared.rgt("mq", "resume", "left")
    shared.becomes(item, "merged")
    refused = shared.run("mail", "send", address, "too late", "--json")
    assert refused.code == 4 and item in refused.error()["message"]


def test_B81_an_agent_writes_as_itself_and_reads_its_own(shared: LiveTown) -> None:
    add_rig(shared, "two")
    (_, one), (_, two) = (working(shared, "two", HANG) for _ in range(2))
    assert one.run("mail", "send", two.env["GTR_ADDRESS"], "hello").code == 0
    assert [x["sender"] for x in shared.ask("mail", "inbox", "--agent", two.env["GTR_ADDRESS"])] == [
        one.env["GTR_ADDRESS"]
    ]
    assert one.run("mail", "inbox", "--agent", two.env["GTR_ADDRESS"]).code == 4
    assert one.run("mail", "broadcast", "all of you").code == 4
    assert one.run("mail", "send", "two/witness", "hello").code == 4
    assert shared.run("mail", "send", "two/nobody", "hello").code == 5
    sent = shared.ask("mail", "broadcast", "to all", "--rig", "two")
    assert {x["to"] for x in sent} == {one.env["GTR_ADDRESS"], two.env["GTR_ADDRESS"]}


def needed(town: LiveTown, id: str) -> list[dict[str, Any]]:
    """What of it waits for a person."""
    return [n for n in town.ask("needs") if n["id"] == id]


LONG = "é" * 1500
"""More than a `NarrowPipe` takes as JSON, and less than a hook is given at most."""


def in_the_middle_of_printing(agent: Inside, pipe: NarrowPipe) -> subprocess.Popen[str]:
    """A hook that was given the agent's mail, has begun to print it and waits for its reader."""
    running = agent.hook("PostToolUse", pipe.write)
    os.close(pipe.write)
    eventually(pipe.begun, 20)
    assert letters(agent.town, agent.env["GTR_ADDRESS"]) == [(1, "offered")]
    assert running.poll() is None
    return running


def test_a_hook_killed_between_its_answer_and_its_printing_loses_nothing(shared: LiveTown) -> None:
    """What it was given is given at the next one; while it lives nobody else prints it, and once printed nobody."""
    add_rig(shared, "cut")
    _, agent = quiet(shared, "cut")
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, f"do not lose me {LONG}")
    pipe = NarrowPipe()
    running = in_the_middle_of_printing(agent, pipe)
    assert agent.told() == ""
    running.kill()
    running.wait(10)
    os.close(pipe.read)
    assert letters(shared, address) == [(1, "offered")]
    told = eventually(agent.told, 20)
    assert told and "do not lose me" in told and "perhaps once more" in told
    eventually(lambda: letters(shared, address) == [(1, "taken")], 20)
    assert agent.told() == ""


def test_a_hook_that_printed_while_the_worker_died_is_believed(shared: LiveTown) -> None:
    """The next one says for it what it could not say."""
    add_rig(shared, "deaf")
    _, agent = quiet(shared, "deaf")
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, f"printed once {LONG}")
    pipe = NarrowPipe()
    running = in_the_middle_of_printing(agent, pipe)
    shared.kill("worker")
    assert pipe.drained().count("printed once") == 1
    assert running.wait(10) == 0
    eventually(lambda: shared.run("mail", "inbox", "--agent", address).code == 0, 20)
    assert letters(shared, address) == [(1, "offered")]
    assert agent.told() == ""
    eventually(lambda: letters(shared, address) == [(1, "taken")], 20)


def test_B42_a_hook_is_given_the_very_bytes_and_at_most_four_kilobytes(shared: LiveTown) -> None:
    add_rig(shared, "exact")
    _, agent = quiet(shared, "exact")
    address = agent.env["GTR_ADDRESS"]
    nasty = NASTY.replace("z" * 10_000, "")
    shared.rgt("mail", "send", address, "-", stdin=nasty)
    shared.rgt("mail", "send", address, "-", stdin=NASTY)
    told = agent.told()
    assert f"(data)\n{nasty}\n>>> end of mail 1 " in told
    assert "`rgt mail read 2`" in told and len(told.encode()) <= INJECTED
    eventually(lambda: letters(shared, address) == [(1, "taken"), (2, "taken")], 20)
    assert agent.run("mail", "read", "2", "--json").json()["text"] == NASTY
    for number in range(8):
        shared.rgt("mail", "send", address, f"{number}" * 1000)
    told = agent.told()
    assert "more letters wait: `rgt mail inbox`" in told and len(told.encode()) <= INJECTED
    eventually(lambda: {s for _, s in letters(shared, address)} == {"taken", "listed"}, 20)
    assert agent.told() == ""
    assert agent.run("mail", "read", "10", "--json").json()["text"] == "7" * 1000


def test_a_letter_takes_the_place_of_one_that_nobody_has_had(shared: LiveTown) -> None:
    add_rig(shared, "dedupe")
    _, agent = quiet(shared, "dedupe")
    address = agent.env["GTR_ADDRESS"]
    for text in ("1 of 3 done", "2 of 3 done"):
        shared.rgt("mail", "send", address, text, "--replace", "progress")
    told = agent.told()
    assert "2 of 3 done" in told and "1 of 3 done" not in told
    eventually(lambda: letters(shared, address) == [(2, "taken")], 20)
    shared.rgt("mail", "send", address, "3 of 3 done", "--replace", "progress")
    assert "3 of 3 done" in agent.told()


def test_mail_check_is_had_with_its_answer(shared: LiveTown) -> None:
    """An agent that asks by itself is not told again by its hooks."""
    add_rig(shared, "asks")
    _, agent = quiet(shared, "asks")
    shared.rgt("mail", "send", agent.env["GTR_ADDRESS"], "asked for")
    assert "asked for" in agent.run("mail", "check", "--inject").out
    assert (agent.told(), agent.run("mail", "check", "--inject").out) == ("", "")


def test_what_cannot_be_stored_is_no_success(shared: LiveTown, tmp: Path) -> None:
    add_rig(shared, "full")
    _, agent = quiet(shared, "full")
    address = agent.env["GTR_ADDRESS"]
    for verb in (("mail", "send"), ("chat",)):
        assert shared.run(*verb, address, "-", stdin="x" * 70_000).code == 2
        assert shared.run(*verb, "full/nobody", "hello").code == 5
        assert LiveTown(tmp).run(*verb, address, "hello").code == 3
    while (sent := shared.run("mail", "send", address, "-", "--json", stdin="x" * 60_000)).code == 0:
        assert len(letters(shared, address)) < 10
    assert (sent.code, "mailbox is full" in sent.error()["message"]) == (4, True)
    assert shared.run("mail", "broadcast", "x" * 60_000, "--rig", "full").code == 1


def test_mail_to_a_crew_member_waits_for_its_start_and_needs_no_item(shared: LiveTown) -> None:
    add_rig(shared, "crewed")
    shared.rgt("crew", "create", "joe", "--rig", "crewed", "--runtime", "scripted", "--no-start")
    shared.rgt("mail", "send", "crewed/joe", "while you were out")
    assert letters(shared, "crewed/joe") == [(1, "pending")]
    shared.rgt("crew", "start", "crewed/joe")
    eventually(lambda: letters(shared, "crewed/joe") == [(1, "taken")], 30)
    shown = shared.tmux("capture-pane", "-p", "-J", "-S", "-200", "-t", "=gtr-crewed/joe:")
    assert shown.count("while you were out") == 1


@pytest.fixture
def impatient(shared: LiveTown) -> Iterator[LiveTown]:
    """A town that tells a person of mail that waits for three seconds."""
    before = shared.home.town_toml.read_text()
    shared.home.town_toml.write_text("[limits]\nmail_minutes = 0.05\n")
    yield shared
    shared.home.town_toml.write_text(before)


def test_B41_mail_that_wakes_nobody_stays_is_rung_for_again_and_a_person_is_told(impatient: LiveTown) -> None:
    """The sender's exit code says so; when its reader has it after all, nobody needs to be told any more."""
    town = impatient
    add_rig(town, "asleep")
    item, agent = quiet(town, "asleep")
    address = agent.env["GTR_ADDRESS"]
    chat = town.run("chat", address, "wake up", "--wait", "--timeout", "1", "--json")
    assert (chat.code, chat.json()["state"]) == (1, "pending")
    first = (agent.directory / "bell").read_text()
    [need] = eventually(lambda: needed(town, address), 20)
    assert (need["what"], need["command"]) == ("does not take its mail (1 waiting)", f"rgt attach {address}")
    eventually(lambda: (agent.directory / "bell").read_text() != first, 20)
    assert letters(town, address) == [(1, "pending")]
    agent.kill()
    second = agent_of(town, item, after=agent)
    eventually(lambda: letters(town, address) == [(1, "taken")], 30)
    assert screen(second).count("wake up") == 1
    eventually(lambda: not needed(town, address), 20)
