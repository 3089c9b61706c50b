"""What dies is brought back, and nobody notices but the log."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rgt.client.socket import SocketTown
from rgt.host.processes import identify
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from tests.eventually import eventually
from tests.repos import make_repo, sh
from tests.town import LiveTown, change, steps

FIRST_ANSWER = 1.5
"""Seconds in which a town answers again after a SIGKILL, on a quiet machine (B49)."""
START = 0.4
"""Seconds that importing Temporal's client takes there: what a worker mostly does when it starts."""


def asked(town: LiveTown, operation: ops.Operation[Any, Any], args: Any) -> bool:
    """Whether the gateway itself answers: not a client that reads the town's history without it."""
    try:
        asyncio.run(SocketTown(town.home).call(operation, args))
    except RgtError as e:
        if e.code != "unreachable":
            raise
        return False
    return True


def seconds_until_answer(town: LiveTown, item: str, since: float) -> float:
    """Seconds after `since` at which a workflow of the town could be read again through the gateway."""
    eventually(lambda: asked(town, ops.WORK_SHOW, ops.Id(id=item)), 60, 0.005)
    return time.monotonic() - since


def slowness() -> float:
    """How many times slower than a quiet machine this one is now."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import temporalio.worker"], check=True)
    return max(1.0, (time.monotonic() - start) / START)


def lives(town: LiveTown) -> dict[str, tuple[int, int, int]]:
    """Of every working polecat: pid, start time of that process, generation."""
    found = {}
    for agent in town.working(0):
        proc = identify(agent["pid"])
        shown = town.ask("agents", "show", agent["id"])
        found[agent["id"]] = (agent["pid"], proc.started if proc else 0, shown["generation"])
    return found


def waiting_script(tmp: Path, name: str) -> str:
    """A script that commits, leaves a file uncommitted, and finishes when `go` is there."""
    return "\n".join((
        change(f"{name}.txt", f"{name}\n", finish=False),
        steps(
            f'do = "write"\npath = "dirty-{name}.txt"\ntext = "half"',
            f'do = "run"\ncmd = "until [ -e {tmp}/go ]; do sleep 0.1; done"',
            'do = "done"',
        ),
    ))  # fmt: skip


@pytest.fixture
def three(town: LiveTown, tmp: Path) -> Iterator[tuple[LiveTown, list[str]]]:
    """A town in which three polecats are in the middle of their work."""
    make_repo(tmp / "repo")
    town.add_rig("api", tmp / "repo")
    items = [town.create(f"item {n}", waiting_script(tmp, n)) for n in ("one", "two", "three")]
    town.sling(*items, target="api")
    worktrees = town.home.rig("api").worktrees
    eventually(lambda: len(list(worktrees.glob("*/dirty-*.txt"))) == 3, 60)
    town.working(3)
    yield town, items


def finish(town: LiveTown, tmp: Path, items: list[str]) -> None:
    """Let the agents finish; everything they made must land, each item once."""
    (tmp / "go").touch()
    for item in items:
        town.becomes(item, "merged")
    landed = sh(tmp / "repo", "ls-tree", "--name-only", "main").split()
    assert {f"{d}{n}.txt" for n in ("one", "two", "three") for d in ("", "dirty-")} <= set(landed)
    log = sh(tmp / "repo", "log", "--format=%(trailers:key=Rgt-Item,valueonly,separator=%x2C)", "main").split()
    assert sorted(log) == sorted(items)


@pytest.mark.slow
def test_B49_a_killed_worker_comes_back_and_adopts_its_agents(
    three: tuple[LiveTown, list[str]], tmp: Path, record_property: Any
) -> None:
    """The supervisor starts it again; agents keep their process and generation. Then the same for Temporal."""
    town, items = three
    before = lives(town)
    for daemon in ("worker", "temporal"):
        quiet = slowness()
        killed = town.kill(daemon)
        since = time.monotonic()
        eventually(lambda: town.pid(daemon) != killed, 20)  # noqa: B023
        took = seconds_until_answer(town, items[0], since)
        record_property(f"first_answer_after_{daemon}_kill", round(took, 3))
        print(f"first answer after SIGKILL of the {daemon}: {took:.2f} s")
        assert took < FIRST_ANSWER * 3 * max(quiet, slowness())
        assert lives(town) == before
        assert {town.item(i)["state"] for i in items} == {"in_progress"}
        assert [town.item(i)["attempt"] for i in items] == [1, 1, 1]
        assert town.ask("needs") == []
    finish(town, tmp, items)


def test_a_killed_tmux_server_of_the_agents_costs_no_work(three: tuple[LiveTown, list[str]], tmp: Path) -> None:
    """Every polecat is resumed on its worktree, with its commits and its dirty files; it counts as one death each."""
    town, items = three
    before = lives(town)
    heads = {i: town.git("rev-parse", town.item(i)["branch"], cwd=town.home.rig("api").hub) for i in items}
    os.kill(int(town.tmux("display-message", "-p", "#{pid}")), signal.SIGKILL)

    def resumed() -> bool:
        now = lives(town)
        return set(now) == set(before) and all(now[a][2] == 2 and now[a][0] != before[a][0] for a in now)

    eventually(resumed, 60, 0.1)
    for item in items:
        assert town.git("rev-parse", town.item(item)["branch"], cwd=town.home.rig("api").hub) == heads[item]
        assert town.item(item)["attempt"] == 1
    for pid, started, _ in before.values():
        now = identify(pid)
        assert now is None or now.started != started
    finish(town, tmp, items)


GIT = """#!/bin/sh
# git, which on the command that `trap` names first kills the worker, before or after it does its work.
rest="$*"
if [ -e "{tmp}/trap" ]; then
  . "{tmp}/trap"
  case "$rest" in
  $pattern)
    rm "{tmp}/trap"
    [ "$when" = before ] && {{ kill -9 "$pid"; exit 137; }}
    "{git}" "$@"; code=$?
    kill -9 "$pid"
    exit $code ;;
  esac
fi
exec "{git}" "$@"
"""


@pytest.fixture
def trapped(tmp: Path) -> Iterator[LiveTown]:
    """A town whose git can be told to kill the worker."""
    git = next(Path(d) / "git" for d in os.environ["PATH"].split(":") if (Path(d) / "git").exists())
    (tmp / "bin").mkdir()
    (tmp / "bin/git").write_text(GIT.format(tmp=tmp, git=git))
    (tmp / "bin/git").chmod(0o700)
    town = LiveTown(tmp)
    town.env["PATH"] = f"{tmp}/bin:{town.env['PATH']}"
    town.rgt("start")
    yield town
    town.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_B30_a_worker_killed_around_a_landing_lands_exactly_once(trapped: LiveTown, tmp: Path) -> None:
    """SIGKILL in mid-gate, before the target moves, right after it moved, and while the rig's own path follows."""
    town, repo = trapped, tmp / "repo"
    make_repo(repo)
    # The gate arms the trap that is waiting for it, so that only what comes after the test can spring it.
    gate = f"echo >> {tmp}/runs; if [ -e {tmp}/next ]; then mv {tmp}/next {tmp}/trap; fi; sleep 0.2"
    town.add_rig("api", repo, f"test={gate}")
    landed: list[str] = []

    def land(name: str, pattern: str, when: str) -> None:
        item = town.create(name, change(f"{name}.txt", f"{name}\n"))
        killed = town.pid("worker")
        if pattern:
            (tmp / "next").write_text(f"pattern='{pattern}'\nwhen={when}\npid={killed}\n")
        runs = len((tmp / "runs").read_text()) if (tmp / "runs").exists() else 0
        town.sling(item, target="api")
        if not pattern:
            eventually(lambda: (tmp / "runs").exists() and len((tmp / "runs").read_text()) > runs, 60, 0.01)
            os.kill(killed, signal.SIGKILL)
        eventually(lambda: town.pid("worker") != killed, 60, 0.05)
        seconds_until_answer(town, item, time.monotonic())
        merged = town.becomes(item, "merged", timeout=60)
        landed.append(item)
        assert merged["sha"] == town.hub_target("api") == sh(repo, "rev-parse", "main")
        assert (merged["attempt"], merged["rejections"]) == (1, 0)
        told = sh(repo, "log", "--format=%(trailers:key=Rgt-Item,valueonly,separator=%x2C)", "main").split()
        assert told == landed[::-1]

    land("gate", "", "")
    land("before", "*update-ref*--stdin*", "before")
    land("after", "*update-ref*--stdin*", "after")
    land("follow", "*merge*--ff-only*", "before")
    assert sh(repo, "status", "--porcelain") == ""
    assert town.ask("mq", "list") == []
    assert town.ask("needs") == []
