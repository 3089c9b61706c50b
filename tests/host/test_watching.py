"""Deaths are told once, soon and with how they happened, whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rgt.host import processes, sessions
from rgt.host.sessions import Session
from rgt.host.tmux import Tmux
from rgt.host.watching import Watcher
from tests.eventually import aeventually, eventually
from tests.host.test_sessions import clear, launch_deaf, spec

Told = list[tuple[str, Session]]
NEVER = 1000.0


class Receiver:
    """Keeps what it is told; fails `fail` times for the session named `bad`."""

    def __init__(self, bad: str = "", fail: int = 0) -> None:
        self.told: Told = []
        self.calls = 0
        self.bad, self.fail = bad, fail

    async def __call__(self, kind: str, session: Session) -> None:
        if session.name == self.bad:
            self.calls += 1
            if self.calls <= self.fail:
                raise OSError("the server is away")
        self.told.append((kind, session))

    def dead(self) -> list[Session]:
        return [s for kind, s in self.told if kind in ("dead", "gone")]

    async def has(self, count: int) -> bool:
        return len(self.dead()) >= count

    async def wait(self, count: int, timeout: float = 5.0) -> list[Session]:
        await aeventually(lambda: self.has(count), timeout, 0.001)
        return self.dead()


@pytest.fixture
async def tmux(tmp: Path) -> AsyncIterator[Tmux]:
    server = Tmux(tmp / "s", tmp / "tmux.conf")
    yield server
    await clear(server, tmp)


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def watcher(tmux: Tmux, receiver: Receiver) -> AsyncIterator[Watcher]:
    """One without the net, so that only pidfds speak."""
    watcher = Watcher(tmux, receiver, net=NEVER)
    yield watcher
    await watcher.close()


@pytest.mark.parametrize(("script", "status", "sig"), [("exit 7", 7, None), ("kill -9 $$", None, 9)])
async def test_a_death_is_told_with_how_it_happened_b48(
    tmux: Tmux, watcher: Watcher, receiver: Receiver, tmp: Path, script: str, status: int | None, sig: int | None
) -> None:
    session = await sessions.launch(tmux, spec(tmux, f"while [ ! -e {tmp}/go ]; do sleep 0.01; done; {script}"))
    watcher.watch(session)
    (tmp / "go").touch()
    [dead] = await receiver.wait(1)
    assert (dead.nonce, dead.alive, dead.status, dead.signal) == (session.nonce, False, status, sig)


async def test_a_killed_agent_is_told_within_a_tenth_of_a_second_b48(
    tmux: Tmux, watcher: Watcher, receiver: Receiver
) -> None:
    """The best of five: a busy machine delays some."""
    took = []
    for told in range(1, 6):
        session = await sessions.launch(tmux, spec(tmux, name=f"n{told}"))
        watcher.watch(session)
        await asyncio.sleep(0)
        t0 = time.perf_counter()
        os.kill(session.pid, signal.SIGKILL)
        await receiver.wait(told)
        took.append(time.perf_counter() - t0)
    assert min(took) < 0.1


async def test_who_was_dead_before_the_watch_began_is_told(tmux: Tmux, watcher: Watcher, receiver: Receiver) -> None:
    session = await sessions.launch(tmux, spec(tmux, "exit 4"))
    eventually(lambda: not processes.alive(session.proc))
    watcher.watch(session)
    assert [s.status for s in await receiver.wait(1)] == [4]


async def test_twenty_die_at_once_and_each_is_told_once(tmux: Tmux, receiver: Receiver) -> None:
    watcher = Watcher(tmux, receiver, net=0.05)
    all_of_them = [await sessions.launch(tmux, spec(tmux, name=f"n{i}")) for i in range(20)]
    for session in all_of_them:
        watcher.watch(session)
        watcher.watch(session)
    for session in all_of_them:
        os.kill(session.pid, signal.SIGKILL)
    await receiver.wait(20)
    for session in all_of_them:
        watcher.watch(session)
    await watcher.adopt()
    await asyncio.sleep(0.2)
    assert sorted(s.name for s in receiver.dead()) == sorted(s.name for s in all_of_them)
    await watcher.close()


async def test_an_unwatched_session_ends_in_silence(tmux: Tmux, watcher: Watcher, receiver: Receiver) -> None:
    quiet, loud = await sessions.launch(tmux, spec(tmux)), await sessions.launch(tmux, spec(tmux, name="slit"))
    watcher.watch(quiet)
    watcher.watch(loud)
    watcher.unwatch(quiet)
    await sessions.end(tmux, quiet)
    os.kill(loud.pid, signal.SIGKILL)
    assert [s.name for s in await receiver.wait(1)] == [loud.name]


async def test_a_new_worker_adopts_what_runs_and_restarts_nothing_b49(tmux: Tmux, receiver: Receiver) -> None:
    before = Watcher(tmux, receiver, net=NEVER)
    alive, dead = (
        await sessions.launch(tmux, spec(tmux)),
        await sessions.launch(tmux, spec(tmux, "exit 5", name="slit")),
    )
    before.watch(alive)
    await before.close()
    eventually(lambda: not processes.alive(dead.proc))
    took = []
    for receives in (Receiver(), Receiver(), receiver):
        after = Watcher(tmux, receives, net=NEVER)
        t0 = time.perf_counter()
        found = await after.adopt()
        took.append(time.perf_counter() - t0)
        if receives is not receiver:
            await after.close()
    assert min(took) < 0.5, "the best of three: a busy machine delays some"
    assert {s.nonce for s in found} == {alive.nonce, dead.nonce}
    assert [s.status for s in await receiver.wait(1)] == [5]
    assert [s for kind, s in receiver.told if kind == "alive"] == [alive]
    assert processes.alive(alive.proc)
    os.kill(alive.pid, signal.SIGKILL)
    assert (await receiver.wait(2))[1].signal == 9
    await after.close()


@pytest.mark.parametrize("deaf", [False, True])
async def test_the_death_of_tmux_is_the_death_of_its_agents(
    tmux: Tmux, watcher: Watcher, receiver: Receiver, deaf: bool
) -> None:
    """Agents may ignore the hang-up: they are ended before they are told dead."""
    names = [f"n{i}" for i in range(3)]
    started = [await (launch_deaf(tmux, n) if deaf else sessions.launch(tmux, spec(tmux, name=n))) for n in names]
    for session in started:
        watcher.watch(session)
    server = await tmux.server_pid()
    assert server
    await aeventually(lambda: followed(watcher))
    os.kill(server, signal.SIGKILL)
    dead = await receiver.wait(3)
    assert {s.nonce for s in dead} == {s.nonce for s in started}
    assert not any(processes.alive(s.proc) for s in started)


async def followed(watcher: Watcher) -> bool:
    """Whether the watcher has its eye on the tmux server."""
    return watcher.server is not None


async def test_a_session_closed_under_a_deaf_agent_is_found_by_the_net(tmux: Tmux, receiver: Receiver) -> None:
    watcher = Watcher(tmux, receiver, net=0.1)
    session = await launch_deaf(tmux)
    other = await sessions.launch(tmux, spec(tmux, name="slit"))
    watcher.watch(session)
    watcher.watch(other)
    await tmux.kill_session(session.name)
    assert [s.nonce for s in await receiver.wait(1)] == [session.nonce]
    assert not processes.alive(session.proc)
    assert processes.alive(other.proc)
    await watcher.close()


async def test_a_socket_cleaned_from_tmp_kills_nobody(tmux: Tmux, receiver: Receiver) -> None:
    watcher = Watcher(tmux, receiver, net=0.1)
    session = await sessions.launch(tmux, spec(tmux))
    watcher.watch(session)
    await aeventually(lambda: followed(watcher))
    tmux.socket.unlink()
    await aeventually(tmux.server_pid, what="the socket to come back")
    assert processes.alive(session.proc)
    assert receiver.dead() == []
    await watcher.close()


async def test_a_failing_receiver_is_asked_again_and_holds_up_nobody(tmux: Tmux) -> None:
    receiver = Receiver(bad="gtr-api/nux", fail=2)
    watcher = Watcher(tmux, receiver, net=NEVER)
    bad, good = await sessions.launch(tmux, spec(tmux)), await sessions.launch(tmux, spec(tmux, name="slit"))
    for session in (bad, good):
        watcher.watch(session)
        os.kill(session.pid, signal.SIGKILL)
    assert [s.name for s in await receiver.wait(2)] == [good.name, bad.name]
    assert receiver.calls == 3
    await watcher.close()
