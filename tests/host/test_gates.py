"""Gates: what they say, what they see, and that nothing of them is left running."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from rgt.host.gates import LOG_LIMIT, run_gate
from rgt.model.queue import GateResult, GateSpec, Outcome
from tests.eventually import aeventually, eventually

STRAYS = """
sleep 1000 & echo $! >>pids
(sleep 1001 & echo $! >>pids) &
setsid sh -c 'echo $$ >>pids; exec sleep 1002' &
setsid sh -c 'setsid sleep 1003 & echo $! >>pids' >/dev/null 2>&1
while [ "$(wc -l <pids)" -lt 4 ]; do :; done
"""
"""Leaves four processes: a child, a grandchild, one of another session, an orphan of another session."""


async def gate(tmp: Path, run: str, timeout: float = 30.0, **env: str) -> GateResult:
    spec = GateSpec(name="test", run=run, timeout_seconds=timeout)
    return await run_gate(spec, tmp, tmp / "logs" / "test.log", env, lambda _: None)


def running(tmp: Path) -> list[int]:
    """Which of the processes that wrote their pid are alive (a zombie is not)."""
    pids = [int(p) for p in (tmp / "pids").read_text().split()]
    stats = {p: Path(f"/proc/{p}/stat") for p in pids}
    return [p for p, stat in stats.items() if stat.exists() and ") Z " not in stat.read_text()]


def nothing_left(tmp: Path) -> bool:
    return len((tmp / "pids").read_text().split()) == 4 and eventually(lambda: not running(tmp))


@pytest.mark.parametrize(
    ("run", "outcome", "code", "reason"),
    [
        ("true", "pass", 0, ""),
        ("echo no; exit 3", "fail", 3, ""),
        ("./is-not-there", "infra_error", 127, "command not found"),
        ("./not-executable", "infra_error", 126, "command cannot be executed"),
        ("kill -9 $$", "infra_error", -9, "killed by signal 9"),
        ("sh -c 'kill -11 $$'; exit $?", "infra_error", 139, "killed by signal 11"),
        ("echo collected 0 items", "infra_error", 0, "no tests collected"),
    ],
)
async def test_endings(tmp: Path, run: str, outcome: Outcome, code: int, reason: str) -> None:
    """B25"""
    (tmp / "not-executable").write_text("")
    got = await gate(tmp, run)
    assert (got.outcome, got.exit_code, got.reason) == (outcome, code, reason)


@pytest.mark.parametrize("runner", ["pytest -q -p no:cacheprovider", "unittest"])
async def test_real_runners_without_tests(tmp: Path, runner: str) -> None:
    """B25: zero tests collected"""
    (tmp / "t").mkdir()
    got = await gate(tmp, f"cd t && {sys.executable} -m {runner}")
    assert (got.outcome, got.reason) == ("infra_error", "no tests collected"), got.tail


@pytest.mark.parametrize(("ending", "outcome"), [("exit 0", "pass"), ("exit 1", "fail"), ("kill -9 $$", "infra_error")])
async def test_nothing_is_left_running(tmp: Path, ending: str, outcome: Outcome) -> None:
    """B25: not in success either"""
    got = await gate(tmp, STRAYS + ending)
    assert got.outcome == outcome
    assert nothing_left(tmp)


async def test_timeout_kills_grandchildren(tmp: Path) -> None:
    """B25"""
    got = await gate(tmp, STRAYS + "echo waiting; sleep 1004", timeout=1.0)
    assert (got.outcome, got.reason, got.exit_code) == ("infra_error", "timeout after 1 s", None)
    assert got.tail == "waiting\n" and 1.0 <= got.seconds < 5.0
    assert nothing_left(tmp)


async def test_cancelling_kills_everything(tmp: Path) -> None:
    task = asyncio.create_task(gate(tmp, STRAYS + "touch ready; sleep 1004"))

    async def ready() -> bool:
        return (tmp / "ready").exists()

    await aeventually(ready)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nothing_left(tmp)


async def test_environment_leads_nowhere_into_the_town(tmp: Path) -> None:
    os.environ |= {"GTR_TOKEN": "secret", "RGT_LANDING": "key", "TMUX": "/x", "GIT_DIR": "/x", "KEPT": "yes"}
    got = await gate(tmp, "env; readlink /proc/self/fd/0; pwd", CI="1")
    names = {line.partition("=")[0] for line in got.tail.splitlines()}
    assert {"KEPT", "CI", "RGT_GATE", "/dev/null", str(tmp)} <= names
    assert not names & {"GTR_TOKEN", "RGT_LANDING", "TMUX", "GIT_DIR"}


async def test_output_goes_to_the_log_and_its_size_to_the_beat(tmp: Path) -> None:
    beats: list[int] = []
    spec = GateSpec(name="test", run="printf one; sleep 1.2; printf two >&2")
    got = await run_gate(spec, tmp, tmp / "log", {}, beats.append)
    assert Path(got.log).read_text() == got.tail == "onetwo"
    assert beats == [3, 6]


async def test_endless_output_is_cut_but_its_end_is_kept(tmp: Path) -> None:
    got = await gate(tmp, f"head -c {LOG_LIMIT + 3_000_000} /dev/zero | tr '\\0' 'x'; echo; echo the end; exit 1")
    log = Path(got.log)
    assert got.outcome == "fail" and got.tail == "the end\n"
    assert LOG_LIMIT < log.stat().st_size < LOG_LIMIT + 100_000
    assert "bytes were left out" in (end := log.read_text()[-70_000:]) and end.endswith("the end\n")


async def test_tests_that_ran_long_before_the_end_count(tmp: Path) -> None:
    got = await gate(tmp, "echo 3 passed in 1s; head -c 200000 /dev/zero | tr '\\0' 'x'; echo; echo collected 0 items")
    assert got.outcome == "pass"


async def test_a_machine_that_cannot_run_it_blames_nobody(tmp: Path) -> None:
    spec = GateSpec(name="test", run="true")
    got = await run_gate(spec, tmp / "gone", tmp / "log", {}, lambda _: None)
    assert (got.outcome, got.reason) == ("infra_error", "cannot start: No such file or directory")
    full = await run_gate(GateSpec(name="test", run="echo x"), tmp, Path("/dev/full"), {}, lambda _: None)
    assert (full.outcome, full.reason) == ("infra_error", "disk full")


async def test_overhead_is_small(tmp: Path) -> None:
    async def once() -> float:
        start = time.perf_counter()
        assert (await gate(tmp, "true")).outcome == "pass"
        return time.perf_counter() - start

    # The best of some tells the cost of the code and not that of a busy machine.
    assert min([await once() for _ in range(10)]) < 0.015
