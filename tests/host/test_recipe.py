"""Setup recipes: run once for a worktree and an item, in sight, within their time; and ports that stay."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rgt.host import recipe
from rgt.host.recipe import PROGRAM, environment, ports, words
from rgt.host.runtimes.setup import DONE, EXIT, FAILED, LOG, RUNNING
from rgt.model.errors import RgtError
from rgt.model.home import Home
from tests.eventually import eventually


@pytest.fixture
def place(tmp: Path) -> Path:
    """A directory for an agent's files, beside a worktree."""
    for name in ("agent", "wt", "admin"):
        (tmp / name).mkdir()
    return tmp


def begin(place: Path, line: str, seconds: str = "60") -> subprocess.Popen[str]:
    """Start a recipe whose agent says that it lives."""
    agent, stamp = str(place / "agent"), str(place / "admin/stamp")
    argv = [sys.executable, "-IS", str(PROGRAM), agent, stamp, "key", seconds, line, "sh", "-c", "echo I live as $$"]
    return subprocess.Popen(
        argv, cwd=place / "wt", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_recipe_runs_in_sight_and_then_the_agent_takes_its_place(place: Path) -> None:
    process = begin(place, "echo one; echo two >&2; pwd > where")
    shown, _ = process.communicate(timeout=20)
    assert (process.returncode, shown.splitlines()[1:3]) == (0, ["one", "two"])
    assert shown.splitlines()[3] == f"I live as {process.pid}", "the same process, which is the one that is watched"
    assert (place / "agent" / LOG).read_text() == "one\ntwo\n"
    assert (place / "wt/where").read_text().strip() == str((place / "wt").resolve())
    assert (place / "admin/stamp").read_text() == "key\n"
    assert ((place / "agent" / DONE).exists(), (place / "agent" / RUNNING).exists()) == (True, False)


@pytest.mark.parametrize(
    ("line", "seconds", "why"),
    [
        ("echo no such package; exit 3", "60", "ended with exit code 3"),
        ("kill -9 $$", "60", "was ended by signal 9"),
        ("sleep 60 & sleep 60", "0.3", "took longer than 0.3 s"),
    ],
)
def test_a_recipe_that_fails_is_no_start(place: Path, line: str, seconds: str, why: str) -> None:
    process = begin(place, line, seconds)
    shown, _ = process.communicate(timeout=20)
    assert (process.returncode, (place / "agent" / FAILED).read_text()) == (EXIT, why)
    assert f"✗ the setup recipe {why}" in shown
    assert "I live" not in shown
    assert not (place / "admin/stamp").exists()


def test_who_ends_it_ends_the_recipe(place: Path) -> None:
    process = begin(place, "echo $$ > pid; sleep 600")
    pid = int(eventually(lambda: (f := place / "wt/pid").exists() and f.read_text()))
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    eventually(lambda: ended(pid))


def test_what_a_recipe_leaves_running_does_not_hold_the_agent_up(place: Path) -> None:
    process = begin(place, "sleep 30 & echo $! > pid")
    eventually(lambda: process.poll() is not None, 10)
    os.kill(int((place / "wt/pid").read_text()), signal.SIGKILL)
    process.communicate()


def test_a_worktree_has_a_recipe_once_for_each_item_and_line(place: Path) -> None:
    agent, admin = place / "agent", place / "admin"
    assert words(agent, admin, "  ", "gt-aaaaa") == []
    first = words(agent, admin, "make", "gt-aaaaa")
    (admin / recipe.STAMP).write_text(first[-3] + "\n")
    assert words(agent, admin, "make", "gt-aaaaa") == []
    assert words(agent, admin, "make all", "gt-aaaaa") != []
    assert words(agent, admin, "make", "gt-bbbbb") != []


def worktree(home: Home, name: str) -> Path:
    """Where a hub keeps what it knows of a worktree."""
    made = home.rig("api").hub / "worktrees" / name
    made.mkdir(parents=True)
    return made


def test_ports_are_the_same_at_each_start_and_nobody_elses(home: Home) -> None:
    home.runtime.mkdir(parents=True)
    nux, slit = worktree(home, "nux"), worktree(home, "slit")
    block = ports(home, nux, 5)
    assert ports(home, nux, 0) == []
    assert (len(block), ports(home, nux, 5)) == (5, block)
    assert not set(block) & set(ports(home, slit, 5))
    with socket.socket() as taken:
        free = ports(home, worktree(home, "ace"), 3)
        taken.bind(("127.0.0.1", free[-1]))
        taken.listen()
        (home.rig("api").hub / "worktrees/ace" / recipe.BLOCK).unlink()
        assert free[-1] not in ports(home, worktree(home, "dag"), 3)
    assert environment(block) == {"RGT_PORT": str(block[0]), "RGT_PORTS": " ".join(map(str, block))}
    assert environment([]) == {}


def test_more_ports_than_there_are_is_said(home: Home) -> None:
    home.runtime.mkdir(parents=True)
    with pytest.raises(RgtError, match="no 20000 ports in a row"):
        ports(home, worktree(home, "nux"), 20_000)
