"""Starting agents: one for each item, each in a place of its own, nothing left of one that could not start, and no
guess about a state that cannot be read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown, change, steps

HANG = steps('do = "hang"')
MANY = 20


def add_rig(town: LiveTown, name: str, **options: str) -> None:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name, **options)


def worktrees(town: LiveTown, rig: str) -> list[str]:
    """Names of the worktrees of agents."""
    where = town.home.rig(rig).worktrees
    return sorted(p.name for p in where.iterdir()) if where.is_dir() else []


def test_B13_one_item_slung_many_times_at_once_gets_one_polecat(shared: LiveTown) -> None:
    town = shared
    add_rig(town, "b13")
    item = town.create("once", HANG)
    sling = ("sling", item, "--target", "b13", "--runtime", "scripted")
    with ThreadPoolExecutor(6) as pool:
        ran = list(pool.map(lambda _: town.run(*sling), range(6)))
    assert {r.code for r in ran} <= {0, 4}
    assert 0 in {r.code for r in ran}
    agent_of(town, item)
    late = town.run(*sling)
    assert late.code == 4
    assert "unsling" in late.err, "the refusal says what to do"
    assert [a["item"] for a in town.agents("polecat") if a["rig"] == "b13"] == [item]
    assert (town.item(item)["attempt"], len(worktrees(town, "b13"))) == (1, 1)


def test_B11_twenty_slings_at_once_share_nothing(shared: LiveTown) -> None:
    town = shared
    add_rig(town, "b11", max_polecats=str(MANY))
    items = [town.create(f"one of many, {n}", HANG) for n in range(MANY)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: town.sling(*items[n::4], target="b11"), range(4)))
    agents = [agent_of(town, item, timeout=120) for item in items]
    assert len({a.cwd for a in agents}) == len({a.env["GTR_ADDRESS"] for a in agents}) == MANY
    assert len({a.git("rev-parse", "--abbrev-ref", "HEAD") for a in agents}) == MANY
    assert worktrees(town, "b11") == sorted(a.cwd.name for a in agents)
    assert all(town.item(i)["attempt"] == 1 for i in items[::5])


def test_B11_what_could_not_be_started_leaves_nothing(shared: LiveTown) -> None:
    """Name, worktree and session are free again; after three tries a person is asked, and told why."""
    town = shared
    add_rig(town, "b11-bad")
    item = town.create("cannot start", '[[start]]\ndo = "nonsense"')
    town.sling(item, target="b11-bad")
    blocked = town.becomes(item, "blocked")
    assert "could not be started" in blocked["escalation"]["message"]
    assert (blocked["attempt"], blocked["deaths"]) == (3, 3)
    nobody_has(town, item)
    eventually(lambda: not worktrees(town, "b11-bad"), 20)
    assert [s for s in town.ask("sessions") if "b11-bad/" in str(s)] == []
    assert town.ask("rig", "status", "b11-bad")["names"] == {}
    good = town.create("can start", HANG)
    town.sling(good, target="b11-bad")
    assert agent_of(town, good).env["GTR_ADDRESS"] == "b11-bad/nux", "the first name is free again"


@pytest.fixture
def away(shared: LiveTown) -> Iterator[int]:
    """Temporal's pid; a stopped Temporal goes on at the end."""
    pid = shared.pid("temporal")
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_B06_a_state_that_cannot_be_read_is_unknown(shared: LiveTown, away: int) -> None:
    """While Temporal does not answer an agent dies and another lives: nothing is destroyed, nobody says closed."""
    town = shared
    add_rig(town, "b06")
    dying, a = begun(town, "b06")
    living, b = begun(town, "b06")
    os.kill(away, signal.SIGSTOP)
    a.kill()
    asked = [("work", "show", dying), ("work", "show", living), ("work", "create", "later")]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda argv: town.run(*argv), asked))
    assert [(a.code, a.out) for a in answers] == [(3, "")] * 3, "not answered, and not answered wrongly"
    assert Path(f"/proc/{b.pid}").exists()
    assert a.cwd.is_dir() and (a.cwd / "half.txt").read_text() == "half\n"
    os.kill(away, signal.SIGCONT)
    again = agent_of(town, dying, after=a, timeout=120)
    assert (again.cwd, (again.cwd / "half.txt").read_text()) == (a.cwd, "half\n")
    assert agent_of(town, living).pid == b.pid
    assert {town.item(dying)["state"], town.item(living)["state"]} == {"in_progress"}


def begun(town: LiveTown, rig: str) -> tuple[str, Inside]:
    """An item whose agent is in the middle of its work."""
    item = town.create("half", change("half.txt", "half\n", finish=False) + "\n" + HANG)
    town.sling(item, target=rig)
    agent = agent_of(town, item)
    eventually(lambda: agent.git("log", "-1", "--format=%s") == "change", 30)
    return item, agent
