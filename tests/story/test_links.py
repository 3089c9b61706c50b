"""An agent that leaves links where the town reads and writes: they lead nowhere, and the town goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of
from tests.town import LiveTown, change, steps

FILES = ("bell", "ready", "launch.json", "usage.json", "session", "prompt", "policy.json", "script.toml", "setup.done")
DIRECTORIES = ("spool", "transcripts")


def plant(agent: Inside, name: str, target: Path) -> None:
    """What a hostile agent would do: its own file is out of the way, and a link is there."""
    place = agent.directory / name
    if os.path.lexists(place):
        place.rename(agent.directory / f"aside-{name}")
    place.symlink_to(target)


def person(town: LiveTown, name: str) -> Path:
    """A directory that no agent reaches, with what would be worth a link."""
    made = town.root / f"person-{name}"
    made.mkdir()
    usage = {"id": "1", "model": "dear", "usage": {"output_tokens": 777}}
    (made / "kept").write_text(json.dumps({"requestId": "r", "message": usage}) + "\n")
    (made / "one.jsonl").write_text((made / "kept").read_text())
    return made


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def rigged(shared: LiveTown) -> LiveTown:
    """The shared town with a rig."""
    make_repo(shared.root / "api")
    shared.add_rig("api", shared.root / "api")
    return shared


@pytest.mark.parametrize("name", [*FILES, *DIRECTORIES])
def test_a_planted_link_leads_nowhere_and_the_work_goes_on(rigged: LiveTown, name: str) -> None:
    """It is rung, reports what it does, dies and is started anew, and lands its work."""
    town, theirs = rigged, person(rigged, name)
    before, go = contents(theirs), town.root / f"go-{name}"
    wait = steps(f'do = "run"\ncmd = "touch {go}-on; until test -e {go}; do sleep 0.05; done"')
    item = town.create(name, steps('do = "spend"\ntokens = 5') + "\n" + wait + "\n" + change(f"{name}.txt", name))
    town.sling(item, target="api")
    agent = agent_of(town, item)
    eventually(Path(f"{go}-on").exists, 20)
    plant(agent, name, theirs if name in DIRECTORIES else theirs / "kept")
    if name == "transcripts":
        # The agent here is in no sandbox, and would write there itself.
        (agent.directory / name).unlink()
        (agent.directory / f"aside-{name}").rename(agent.directory / name)
        (agent.directory / name / "linked.jsonl").symlink_to(theirs / "kept")
    town.rgt("chat", agent.env["GTR_ADDRESS"], "hello")
    if name == "bell":
        eventually(lambda: (agent.directory / name).exists() and not (agent.directory / name).is_symlink(), 20)
    assert "hello" in agent.told("Stop")
    agent.kill()
    agent_of(town, item, after=agent)
    go.touch()
    town.becomes(item, "merged")
    assert before.items() <= contents(theirs).items(), "what the agent's own hooks have added is its own affair"
    assert "dear" not in json.dumps(town.ask("cost", "--by", "model"))


def test_a_worker_that_comes_back_follows_none(rigged: LiveTown) -> None:
    """It reads of agents that it adopts how they were started and what they have said meanwhile."""
    town, theirs = rigged, person(rigged, "adopted")
    before, go = contents(theirs), town.root / "go-adopted"
    wait = steps(f'do = "run"\ncmd = "touch {go}-on; until test -e {go}; do sleep 0.05; done"')
    item = town.create("adopted", wait + "\n" + change("adopted.txt", "x"))
    town.sling(item, target="api")
    agent = agent_of(town, item)
    eventually(Path(f"{go}-on").exists, 20)
    for name in FILES:
        plant(agent, name, theirs / "kept")
    os.mkfifo(agent.directory / "setup.running")
    plant(agent, "spool", theirs)
    pid = town.pid("worker")
    town.kill("worker")
    eventually(lambda: town.pid("worker") != pid, 30)
    eventually(lambda: item in agent.run("hook").out, 30)
    go.touch()
    town.becomes(item, "merged")
    assert before.items() <= contents(theirs).items(), "what the agent's own hooks have added is its own affair"


def test_who_dies_with_planted_links_while_no_worker_is_there_is_missed(rigged: LiveTown) -> None:
    town, theirs, at_work = rigged, person(rigged, "missed"), rigged.root / "at-work"
    wait = steps(f'do = "run"\ncmd = "touch {at_work}; sleep 100"')
    item = town.create("missed", wait + "\n" + change("missed.txt", "x"))
    town.sling(item, target="api")
    agent = agent_of(town, item)
    eventually(at_work.exists, 20)
    for name in FILES:
        plant(agent, name, theirs / "kept")
    os.mkfifo(agent.directory / "setup.running")
    plant(agent, "spool", theirs)
    pid = town.pid("worker")
    town.kill("worker")
    agent.kill()
    eventually(lambda: town.pid("worker") != pid, 30)
    agent_of(town, item, after=agent, timeout=30)
    town.rgt("unsling", item)
