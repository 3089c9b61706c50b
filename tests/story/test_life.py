"""The life of agents: how they begin, what is done when they cannot go on, and that what they do wrong harms nobody."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import agent_of, nobody_has
from tests.town import LiveTown, change, steps

HANG = steps('do = "hang"')
MUTE = """\
name = "mute"
command = ["sh", "-c", "echo I cannot find my model; echo my log is full >&2; exec sleep 600"]
ready_seconds = 1.5
"""
BROKEN = 'name = "broken"\ncommand = ["sh", "-c", "echo unknown option --frobnicate >&2; exit 2"]\n'
LIMITS = "[limits]\ndialog_seconds = 1\n{}\n[roles.polecat]\nfallback = 'scripted'\n"


@pytest.fixture(scope="module")
def short(shared: LiveTown) -> LiveTown:
    """A town of short patience, with runtimes that do not work."""
    shared.home.town_toml.write_text(LIMITS.format(""))
    shared.home.runtimes.mkdir(parents=True, exist_ok=True)
    for name, text in (("mute", MUTE), ("broken", BROKEN)):
        (shared.home.runtimes / f"{name}.toml").write_text(text)
    return shared


def rig(town: LiveTown, name: str, **config: Any) -> Path:
    """A new rig of a new repository."""
    path = town.root / name
    make_repo(path)
    town.found_rig(name, source={"path": str(path)}, no_gates=True, **config)
    return path


def agent(town: LiveTown, item: str) -> dict[str, Any]:
    """The row of the agent that has the item."""
    return next((a for a in town.agents() if a["item"] == item), {})


def needed(town: LiveTown, id: str) -> list[dict[str, Any]]:
    """What of it waits for a person."""
    return [n for n in town.ask("needs") if n["id"] == id]


def test_B43_who_never_says_hello_is_ended_and_its_screen_is_the_reason(short: LiveTown) -> None:
    town = short
    rig(town, "mute")
    item = town.create("cannot begin")
    town.rgt("sling", item, "--target", "mute", "--runtime", "mute")
    first = agent_of(town, item)
    done = town.becomes(item, "queued", "assigned", "in_progress", timeout=20)
    lost = eventually(lambda: town.item(item)["attempts"], 20)
    assert done and lost
    assert "it could not be started: it did not say within 1.5 s that it is up" in lost[0]["outcome"]
    assert "I cannot find my model" in lost[0]["outcome"]
    assert "my log is full" in lost[0]["left"]
    eventually(lambda: not Path(f"/proc/{first.pid}").exists(), 10)
    town.rgt("unsling", item)


def test_B43_the_deadline_outlives_the_worker(short: LiveTown) -> None:
    town = short
    rig(town, "outlives")
    item = town.create("cannot begin", HANG)
    town.rgt("sling", item, "--target", "outlives", "--runtime", "mute")
    agent_of(town, item)
    town.kill("worker")
    eventually(lambda: town.run("work", "show", item).code == 0 and town.item(item)["attempts"], 40)
    town.rgt("unsling", item)


def test_B43_who_ends_before_hello_says_why_and_the_fallback_takes_over(short: LiveTown) -> None:
    """After two failed starts the item goes on with the runtime that `[roles.polecat] fallback` names."""
    town = short
    rig(town, "broken")
    item = town.create("another way", change("a.txt", "a\n"))
    town.rgt("sling", item, "--target", "broken", "--runtime", "broken")
    merged = town.becomes(item, "merged", timeout=60)
    assert "unknown option --frobnicate" in merged["attempts"][0]["outcome"]
    assert (merged["runtime"], merged["attempt"]) == ("scripted", 3)
    assert "broken failed again and again: scripted takes over" in merged["notes"]


def test_B07_what_an_agent_had_stashed_is_told_to_the_next_one_and_kept(short: LiveTown) -> None:
    town = short
    rig(town, "stash")
    half = "echo half > half.txt && git add half.txt && git stash --quiet"
    item = town.create("half done", steps(f'do = "run"\ncmd = "{half} && touch {town.root}/stashed"', 'do = "hang"'))
    town.sling(item, target="stash")
    first = agent_of(town, item)
    eventually((town.root / "stashed").exists, 20)
    town.rgt("polecat", "kill", first.env["GTR_ADDRESS"])
    [lost] = eventually(lambda: [a for a in town.item(item)["attempts"] if a["left"]], 20)
    assert "stashed:\nstash@{0}: WIP on polecat/" in lost["left"]
    branch = town.ask("work", "recover", item)["restored"].split()[0]
    assert town.git("show", f"{branch}:half.txt", cwd=town.home.rig("stash").hub) == "half"
    second = agent_of(town, item, after=first)
    assert "stash@{0}: WIP on polecat/" in second.run("prime").out
    town.rgt("unsling", item)


def test_B48_a_dialog_calls_a_person_and_is_over_with_the_answer(short: LiveTown) -> None:
    town = short
    rig(town, "dialog")
    item = town.create("may I", steps('do = "dialog"\ntext = "rm -rf build"', 'do = "hang"'))
    town.sling(item, target="dialog")
    agent_of(town, item)
    eventually(lambda: agent(town, item).get("state") == "waiting", 20)
    address = agent(town, item)["address"]
    [need] = eventually(lambda: needed(town, address), 20)
    assert (need["what"], need["command"]) == ("waits for a person: rm -rf build", f"rgt attach {address}")
    town.tmux("send-keys", "-t", f"=gtr-{address}:", "y", "Enter")
    eventually(lambda: not needed(town, address), 20)
    town.rgt("unsling", item)


def test_B48_a_rate_limit_parks_and_goes_on_by_itself(short: LiveTown) -> None:
    """Also when the worker dies in between."""
    town = short
    rig(town, "limit")
    limited = steps('do = "limit"\nseconds = 6')
    item = town.create("patience", f"{limited}\n{change('b.txt', 'b')}")
    town.sling(item, target="limit")
    agent_of(town, item)
    eventually(lambda: agent(town, item).get("state") == "limited", 20)
    assert not needed(town, agent(town, item)["address"])
    died = town.kill("worker")
    eventually(lambda: town.pid("worker") != died and town.run("status").code == 0, 30)
    town.becomes(item, "merged", timeout=60)
    assert town.item(item)["attempt"] == 1


def test_B48_what_only_a_person_mends_is_told_once(short: LiveTown) -> None:
    town = short
    rig(town, "login")
    cut = steps('do = "cut"\ntext = "authentication_failed"')
    item = town.create("who am I", f"{cut}\n{change('c.txt', 'c')}")
    town.sling(item, target="login")
    agent_of(town, item)
    address = eventually(lambda: agent(town, item).get("state") == "failed" and agent(town, item)["address"], 20)
    [need] = needed(town, address)
    assert need["what"] == "cannot go on: authentication_failed"
    assert need["command"] == f"rgt agents restart {address}"
    town.rgt("unsling", item)


@pytest.fixture
def hasty(short: LiveTown) -> Iterator[LiveTown]:
    """The same town, in which an agent counts as stuck after three seconds."""
    short.home.town_toml.write_text(LIMITS.format("stuck_minutes = 0.05"))
    yield short
    short.home.town_toml.write_text(LIMITS.format(""))


def test_B48_who_says_nothing_for_long_is_stuck_once(hasty: LiveTown) -> None:
    """One alert, one ring; whatever it says next ends both."""
    town = hasty
    rig(town, "stuck")
    item = town.create(
        "thinks", steps('do = "run"\ncmd = "until test -e go; do sleep 0.2; done"', 'do = "dialog"\ntext = "x"')
    )
    town.sling(item, target="stuck")
    inside = agent_of(town, item)
    address = inside.env["GTR_ADDRESS"]
    [need] = eventually(lambda: needed(town, address), 30)
    assert need["what"].startswith("stuck: silent for")
    assert agent(town, item)["state"] == "stuck"
    rung = eventually(lambda: (inside.directory / "bell").exists() and (inside.directory / "bell").read_text(), 10)
    shown = town.ask("agents", "show", address)
    eventually(lambda: town.ask("agents", "show", address)["care"]["wake"] == "", 10)
    assert (inside.directory / "bell").read_text() == rung
    assert town.ask("agents", "show", address)["rev"] - shown["rev"] <= 1
    (inside.cwd / "go").touch()
    eventually(lambda: agent(town, item)["state"] == "waiting", 20)
    town.rgt("unsling", item)


SETUP = 'echo "$RGT_PORT $RGT_PORTS"; echo ran >> .made; test ! -e stop-me'


def test_a_setup_recipe_runs_once_before_the_agent(short: LiveTown) -> None:
    """What it prints is in a log, ports are the same for it and the agent, a resumed agent does not run it again."""
    town = short
    rig(town, "setup", setup={"run": SETUP, "ports": 3})
    item = town.create("prepared", steps('do = "crash"', 'do = "run"\ncmd = "echo $RGT_PORTS > ports"', 'do = "hang"'))
    town.sling(item, target="setup")
    inside = agent_of(town, item)
    inside = agent_of(town, item, after=inside) if inside.env.get("RGT_PORT") == "" else inside
    eventually((inside.cwd / "ports").exists, 30)
    first, block = (inside.directory / "setup.log").read_text().split(maxsplit=1)
    assert (inside.cwd / "ports").read_text() == block
    assert [int(p) for p in block.split()] == list(range(int(first), int(first) + 3))
    assert (inside.cwd / ".made").read_text() == "ran\n"
    other = town.create("beside it", HANG)
    town.sling(other, target="setup")
    assert not set(agent_of(town, other).env["RGT_PORTS"].split()) & set(block.split())
    town.rgt("unsling", item)
    town.rgt("unsling", other)


def test_a_setup_recipe_that_fails_is_the_reason(short: LiveTown) -> None:
    town = short
    rig(town, "nosetup", setup={"run": "echo no such package; exit 3"})
    item = town.create("unprepared", HANG)
    town.sling(item, target="nosetup")
    blocked = town.becomes(item, "blocked", timeout=60)
    assert "the setup recipe ended with exit code 3: no such package" in blocked["escalation"]["message"]
    assert blocked["attempt"] == 3
    nobody_has(town, item)


def test_a_wrong_branch_and_a_forced_push_move_nothing(short: LiveTown) -> None:
    town = short
    path = rig(town, "rogue")
    before = (town.hub_target("rogue"), town.git("rev-parse", "main", cwd=path))
    wrong = steps('do = "branch"\ntext = "elsewhere"', 'do = "push"', 'do = "push"\ntext = "refs/rgt/target/main"')
    item = town.create("rogue", f"{change('d.txt', 'd', finish=False)}\n{wrong}\n" + HANG)
    town.sling(item, target="rogue")
    inside = agent_of(town, item)
    eventually(lambda: inside.git("rev-parse", "--abbrev-ref", "HEAD") == "elsewhere", 20)
    screen = ("capture-pane", "-p", "-t", f"=gtr-{inside.env['GTR_ADDRESS']}:")
    eventually(lambda: "▸ hang" in town.tmux(*screen), 20)
    assert town.tmux(*screen).count("refused: ") == 2
    assert (town.hub_target("rogue"), town.git("rev-parse", "main", cwd=path)) == before
    inside.kill()
    again = agent_of(town, item, after=inside)
    assert again.cwd == inside.cwd
    town.rgt("unsling", item)
    assert (town.hub_target("rogue"), town.git("rev-parse", "main", cwd=path)) == before


def test_half_a_file_and_a_death_leave_notes_for_the_next(short: LiveTown) -> None:
    """B01: the agent of the next attempt is told what the earlier ones left."""
    town = short
    rig(town, "half")
    half = 'do = "partial"\npath = "half.txt"\ntext = "0123456789"'
    # The third death would be the last: who finds the half file stays.
    stays = steps('do = "run"\ncmd = "test ! -e half.txt || sleep 600"')
    first = change("one.txt", "1", "first half", finish=False)
    item = town.create("twice", "\n".join([stays, first, steps(half, half)]))
    town.sling(item, target="half")
    eventually(lambda: town.item(item)["attempts"], 40)
    inside = agent_of(town, item)
    primed = eventually(lambda: (p := inside.run("prime").out) and "half.txt" in p and p, 20)
    assert "## Earlier attempts" in primed
    assert "1. the agent died (signal 9)" in primed
    assert "first half" in primed
    assert (inside.cwd / "half.txt").read_text() == "01234"
    town.rgt("work", "close", item)


def test_many_events_are_few_in_history(short: LiveTown) -> None:
    town = short
    rig(town, "spam")
    item = town.create(
        "talks", steps('do = "spam"\ncount = 90', 'do = "write"\npath = "spammed"\ntext = "x"', 'do = "hang"')
    )
    town.sling(item, target="spam")
    inside = agent_of(town, item)
    eventually((inside.cwd / "spammed").exists, 60)
    length = len(town.ask("log", inside.env["GTR_ADDRESS"]))
    assert length < 40
    os.kill(inside.pid, signal.SIGKILL)
    town.rgt("unsling", item)


def test_B43_a_crew_member_that_cannot_begin_says_why(short: LiveTown) -> None:
    town = short
    rig(town, "crewed")
    town.rgt("crew", "create", "joe", "--rig", "crewed", "--runtime", "broken")
    town.rgt("crew", "start", "crewed/joe")
    [need] = eventually(lambda: needed(town, "crewed/joe"), 20)
    assert need["what"].startswith("it could not be started: its process ended with")
    shown = town.ask("agents", "show", "crewed/joe")
    assert "unknown option --frobnicate" in shown["error"]
    assert (shown["state"], shown["pid"]) == ("stopped", 0)
