"""Background programs: started once, found again, stopped whole, and each town's its own."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from rgt.host import daemon, processes
from rgt.host.tmux import Tmux
from rgt.model.errors import RgtError
from rgt.model.home import Home
from tests.eventually import eventually

SLEEP = ["sleep", "60"]


@pytest.fixture
async def town(home: Home) -> AsyncIterator[Home]:
    home.runtime.mkdir(parents=True)
    yield home
    await daemon.stop_daemon_server(home)


async def test_started_once_however_often(town: Home) -> None:
    assert daemon.daemon_pid(town, "worker") is None
    first = await daemon.start_daemon(town, "worker", SLEEP, {})
    assert await daemon.start_daemon(town, "worker", SLEEP, {}) == first == daemon.daemon_pid(town, "worker")
    child = daemon.daemon_child(town, "worker")
    assert child
    eventually(lambda: Path(f"/proc/{child}/cmdline").read_bytes() == b"sleep\x0060\x00")
    assert [p.session for p in await daemon.daemon_tmux(town).panes()] == ["worker"]


async def test_the_program_has_its_environment_and_log(town: Home) -> None:
    os.environ["GTR_AGENT"] = "polecat/api/nux"
    script = 'echo "$KEY ${GTR_AGENT-nobody}"; exec sleep 60'
    await daemon.start_daemon(town, "worker", ["sh", "-c", script], {"KEY": "it's; here"})
    eventually(lambda: daemon.log_file(town, "worker").read_text() == "it's; here nobody\n")


async def test_stop_is_complete_and_may_be_repeated_b46(town: Home) -> None:
    supervisor = await daemon.start_daemon(town, "worker", SLEEP, {})
    other = await daemon.start_daemon(town, "temporal", SLEEP, {})
    child = daemon.daemon_child(town, "worker")
    assert child
    for _ in range(2):
        await daemon.stop_daemon(town, "worker")
    assert processes.identify(supervisor) is None
    assert processes.identify(child) is None
    assert daemon.daemon_pid(town, "temporal") == other
    assert [p.session for p in await daemon.daemon_tmux(town).panes()] == ["temporal"]
    for _ in range(2):
        await daemon.stop_daemon_server(town)
    assert processes.identify(other) is None
    assert not town.daemon_tmux.exists()
    assert list(town.runtime.glob("*.pid*")) == []


async def test_a_program_that_hears_nothing_is_killed_in_the_end(town: Home) -> None:
    script = f"trap '' TERM; touch {town.root}/up; while :; do sleep 0.1; done"
    await daemon.start_daemon(town, "worker", ["sh", "-c", script], {})
    eventually((town.root / "up").exists)
    child = daemon.daemon_child(town, "worker")
    assert child
    await daemon.stop_daemon(town, "worker", grace=0.3)
    assert processes.identify(child) is None


async def test_a_killed_supervisor_is_replaced_and_there_are_never_two_programs(town: Home) -> None:
    first = await daemon.start_daemon(town, "worker", SLEEP, {})
    old = daemon.daemon_child(town, "worker")
    assert old
    os.kill(first, signal.SIGKILL)
    eventually(lambda: daemon.daemon_pid(town, "worker") is None)
    second = await daemon.start_daemon(town, "worker", SLEEP, {})
    assert second != first
    assert processes.identify(old) is None
    assert daemon.daemon_child(town, "worker")


async def test_a_killed_tmux_server_takes_its_programs_along(town: Home) -> None:
    await daemon.start_daemon(town, "worker", SLEEP, {})
    child = daemon.daemon_child(town, "worker")
    server = await daemon.daemon_tmux(town).server_pid()
    assert child
    assert server
    os.kill(server, signal.SIGKILL)
    eventually(lambda: processes.identify(child) is None)
    assert await daemon.start_daemon(town, "worker", SLEEP, {})


async def test_a_wrong_configuration_ends_it_and_is_told_in_one_line_b84(town: Home) -> None:
    with suppress(RgtError):
        await daemon.start_daemon(town, "worker", ["sh", "-c", "echo first; echo the port is bad >&2; exit 64"], {})
    eventually(lambda: daemon.daemon_failure(town, "worker") == "the port is bad")
    eventually(lambda: daemon.daemon_pid(town, "worker") is None)
    assert await daemon.start_daemon(town, "worker", SLEEP, {})
    assert daemon.daemon_failure(town, "worker") is None


async def test_a_lock_that_another_has_is_told_in_one_line_b84(town: Home) -> None:
    lock = town.runtime / "db.lock"
    fd = os.open(lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(RgtError) as e:
        await daemon.start_daemon(town, "temporal", SLEEP, {}, lock)
    os.close(fd)
    assert e.value.message == f"temporal did not start: {lock} is locked by another server"
    assert await daemon.start_daemon(town, "temporal", SLEEP, {}, lock)


async def test_why_a_program_ended_can_be_asked(town: Home) -> None:
    script = f"test -e {town.root}/once && exec sleep 60; touch {town.root}/once; echo out of luck >&2; exit 1"
    with suppress(RgtError):  # when it ends before it was seen to run
        await daemon.start_daemon(town, "worker", ["sh", "-c", script], {})
    assert eventually(lambda: daemon.daemon_failure(town, "worker")) == "out of luck"
    eventually(lambda: daemon.daemon_child(town, "worker"), what="the second try runs")


async def test_two_towns_do_not_meet_b45(town: Home, tmp: Path) -> None:
    other = Home(tmp / "other", tmux_tmpdir=tmp)
    other.runtime.mkdir(parents=True)
    try:
        here, there = [await daemon.start_daemon(t, "worker", SLEEP, {}) for t in (town, other)]
        assert here != there
        await daemon.stop_daemon_server(town)
        assert processes.identify(here) is None
        assert daemon.daemon_pid(other, "worker") == there
        assert daemon.daemon_child(other, "worker")
    finally:
        await daemon.stop_daemon_server(other)


async def test_stop_leaves_other_tmux_servers_alone_b44(town: Home, tmp: Path) -> None:
    users = Tmux(tmp / "users-own", tmp / "users.conf")
    try:
        pid = await users.new_session("worker", SLEEP, tmp, {}, {})
        await daemon.start_daemon(town, "worker", SLEEP, {})
        await daemon.stop_daemon_server(town)
        assert [p.pid for p in await users.panes()] == [pid]
    finally:
        await users.kill_server()
