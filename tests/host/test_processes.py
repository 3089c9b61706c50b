"""Who a process is, who carries a mark, and that ending a tree ends all of it and nothing else."""

from __future__ import annotations

import asyncio
import os
import pty
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rgt.host import processes
from rgt.host.processes import Proc
from tests.eventually import eventually

Popen = subprocess.Popen[bytes]


@pytest.fixture
def started() -> Iterator[list[Popen]]:
    """Processes that a test starts; they are gone afterwards whatever happened."""
    procs: list[Popen] = []
    yield procs
    for proc in procs:
        proc.kill()
        proc.wait()


def shell(started: list[Popen], script: str, **env: str) -> Proc:
    """Run a shell script as the leader of its own session."""
    process = subprocess.Popen(["sh", "-c", script], env={**os.environ, **env}, start_new_session=True)
    started.append(process)
    proc = processes.identify(process.pid)
    assert proc
    return proc


@contextmanager
def at_a_prompt(started: list[Popen]) -> Iterator[Proc]:
    """A shell in a terminal, as the leader of its own session, that has asked for a command."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            # Nobody starts with a signal ignored that this run was told to ignore, as `nohup` does.
            ["sh", "-i"], stdin=its, stdout=its, stderr=its, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )  # fmt: skip
        started.append(process)
        os.close(its)
        assert terminal.read(1)
        proc = processes.identify(process.pid)
        assert proc
        yield proc


def test_a_pid_alone_is_nobody(started: list[Popen]) -> None:
    proc = shell(started, "exec sleep 60")
    assert processes.alive(proc)
    assert not processes.alive(Proc(proc.pid, proc.started + 1))
    started[0].kill()
    eventually(lambda: not processes.alive(proc), what="a zombie counts as dead")


async def test_gone_waits_for_the_end_and_for_no_longer_than_told(started: list[Popen]) -> None:
    proc = shell(started, "exec sleep 60")
    assert not await processes.gone(proc, 0.05)
    started[0].kill()
    assert await processes.gone(proc, 5.0)
    assert await processes.gone(proc, 0.0)


async def test_end_ends_the_whole_tree_reparented_ones_too_and_no_other_b46(started: list[Popen], tmp: Path) -> None:
    nonce = secrets.token_hex(8)
    (tmp / "away.sh").write_text(f"trap '' TERM HUP\necho $$ > {tmp}/away\nwhile :; do sleep 0.1; done\n")
    (tmp / "group.sh").write_text(f"set -m\nsleep 61 &\necho $! > {tmp}/group\n")
    # The shells in between end at once, so that their children have no parent of ours any more.
    away, group = f"sh -c 'setsid sh {tmp}/away.sh &'", f"sh {tmp}/group.sh"
    proc = shell(started, f"{away}; {group}; trap '' TERM; while :; do sleep 0.1; done", NONCE_TEST=nonce)
    other = shell(started, "exec sleep 60", NONCE_TEST="another")
    eventually(lambda: all((tmp / n).exists() and (tmp / n).read_text().strip() for n in ("away", "group")))
    pids = [proc.pid, *(int((tmp / n).read_text()) for n in ("away", "group"))]
    tree = [processes.identify(pid) for pid in pids]
    assert all(tree)

    await processes.end(proc, 0.2, {"NONCE_TEST": nonce})

    assert [p for p in tree if p and processes.alive(p)] == []
    assert processes.find_by_env("NONCE_TEST", nonce) == []
    assert processes.alive(other)


async def test_end_lets_a_process_clean_up_first(started: list[Popen], tmp: Path) -> None:
    proc = shell(started, f"trap 'echo bye > {tmp}/bye; exit' TERM; touch {tmp}/up; while :; do sleep 0.05; done")
    eventually((tmp / "up").exists)
    await processes.end(proc, 5.0)
    assert (tmp / "bye").read_text() == "bye\n"


async def test_end_hangs_up_on_a_shell_at_its_prompt(started: list[Popen]) -> None:
    """Which ignores SIGTERM; it is not waited for until it is killed."""
    with at_a_prompt(started) as proc:
        async with asyncio.timeout(20):
            await processes.end(proc, 60.0)
        assert started[0].wait(5) == -signal.SIGHUP


async def test_end_leaves_a_process_that_got_the_pid_later_b46(started: list[Popen]) -> None:
    proc = shell(started, "exec sleep 60")
    await processes.end(Proc(proc.pid, proc.started - 1), 0.0)
    assert processes.alive(proc)


def test_find_by_env_wants_every_variable_whole(started: list[Popen]) -> None:
    mark = secrets.token_hex(8)
    proc = shell(started, "exec sleep 60", MARK_TEST=mark, TOWN_TEST="a")
    eventually(lambda: processes.find_by_env("MARK_TEST", mark) == [proc])
    assert processes.find_by_env("MARK_TEST", mark, TOWN_TEST="a") == [proc]
    assert processes.find_by_env("MARK_TEST", mark, TOWN_TEST="b") == []
    assert processes.find_by_env("MARK_TEST", mark[:-1]) == []


def test_ancestors_env_finds_the_agent_above_a_caller_in_under_a_millisecond(started: list[Popen], tmp: Path) -> None:
    (tmp / "0.sh").write_text(f"echo $$ > {tmp}/pid\nsleep 60\n:\n")
    for i in range(1, 5):
        (tmp / f"{i}.sh").write_text(f"sh {tmp}/{i - 1}.sh\n:\n")
    deep = f"env -i sh {tmp}/4.sh; :"
    proc = shell(started, deep, GTR_AGENT="polecat/api/nux", GTR_NONCE="n1")
    pid = int(eventually(lambda: (tmp / "pid").exists() and (tmp / "pid").read_text().strip()))
    try:
        want = {"GTR_AGENT": "polecat/api/nux", "GTR_NONCE": "n1"}
        assert processes.environ(pid).get("GTR_AGENT") is None
        both = ("GTR_AGENT", "GTR_NONCE")
        assert processes.ancestors_env(pid, both, ("GTR_AGENT", "NOT_THERE"), both) == [want, {}, want]
        best = 1.0
        for _ in range(20):
            t0 = time.perf_counter()
            processes.ancestors_env(pid, ("GTR_AGENT", "GTR_NONCE"))
            best = min(best, time.perf_counter() - t0)
        assert best < 0.001
    finally:
        for kin in processes.family(proc):
            with suppress(ProcessLookupError):
                os.kill(kin.pid, 9)


def test_has_process_inside_knows_who_works_in_a_directory(started: list[Popen], tmp: Path) -> None:
    (tmp / "in" / "deep").mkdir(parents=True)
    (tmp / "inner").mkdir()
    argv = [sys.executable, "-IS", "-c", "import time; time.sleep(60)"]
    started.append(subprocess.Popen(argv, cwd=tmp / "in" / "deep"))
    assert eventually(lambda: processes.has_process_inside(tmp / "in"))
    assert not processes.has_process_inside(tmp / "inner")
