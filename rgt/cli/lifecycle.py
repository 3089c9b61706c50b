"""Starting and stopping a town: Temporal and the worker, each under a supervisor, and the waiting for them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rgt
from rgt.client.socket import SocketTown
from rgt.client.town import Town
from rgt.host import daemon, server, sessions
from rgt.host.config import Env, read_env, read_town, write_env
from rgt.host.install import check, install
from rgt.host.processes import identify
from rgt.host.tmux import Tmux
from rgt.model import operations as ops
from rgt.model.care import SHOWN
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.times import iso
from rgt.model.tokens import Identity

READY_WITHIN = 40.0
HEARD_WITHIN = 5.0
"""Seconds in which every rig has heard that the town is up."""
KEEPER = (sys.executable, "-P", "-m", "rgt.cli.worker")
"""The supervisor of the worker."""
DEFAULT_PORT = 7233


async def start(home: Home, progress: Callable[[str], None]) -> dict[str, Any]:
    """Bring the town up and wait until it answers a real question; steps that are done already are skipped."""
    install(home)
    town = SocketTown(home)
    with _alone(home):
        if not await _answers(town):
            _programs()
            progress("starting Temporal and the worker")
            await _start_daemons(home)
            await _ready(home, town)
            _record(home)
        await town.call(ops.TOWN_UP, ops.None_())
        await awake(town)
    env = read_env(home)
    return {
        "home": str(home.root),
        "temporal": env.temporal_address,
        "namespace": env.namespace,
        "worker": daemon.daemon_child(home, "worker"),
    }


async def watch(home: Home, say: Callable[[str], None]) -> None:
    """Show what the worker prints until SIGINT or SIGTERM, or until the town is stopped from elsewhere."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    try:
        with daemon.log_file(home, "worker").open(errors="replace") as log:
            log.seek(0, os.SEEK_END)
            while not stopping.is_set() and daemon.daemon_pid(home, "worker"):
                say(log.read())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await stopping.wait()
            say(log.read())
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _programs() -> None:
    """Refuse to start without a program that everything needs."""
    lacking = next((c for c in check() if c.ok is False), None)
    if lacking is not None:
        raise RgtError("missing", f"{lacking.name} is {lacking.cause}", lacking.remedy)


def worker_env(home: Home) -> dict[str, str]:
    """Environment of the worker: the caller's, with this home named."""
    env = {"GTR_ROOT": str(home.root), "TMUX_TMPDIR": str(home.tmux_tmpdir)}
    return {k: v for k, v in env.items() if v}


async def _start_daemons(home: Home) -> None:
    """Start Temporal, when it is ours, and the worker, whose imports take longest, side by side."""
    env = await _settled(home)
    argv = []
    if env.temporal_managed and not daemon.daemon_pid(home, "temporal"):
        port = int(env.temporal_address.rpartition(":")[2])
        server.prepare_server(home, port)
        argv = server.server_argv(home, port, env.namespace)
    write_env(home, env)
    started = [daemon.start_daemon(home, "worker", [], worker_env(home), keeper=KEEPER)]
    if argv:
        started.append(daemon.start_daemon(home, "temporal", argv, {}, lock=server.lock_file(home)))
    ended = await asyncio.gather(*started, return_exceptions=True)
    if failures := [e for e in ended if isinstance(e, BaseException)]:
        await _stop_daemons(home)
        raise failures[-1]


async def _stop_daemons(home: Home) -> None:
    await daemon.stop_daemon_server(home)
    home.env_json.unlink(missing_ok=True)


async def _settled(home: Home) -> Env:
    """Where this town's Temporal is, or is going to be."""
    config = read_town(home)
    before = read_env(home)
    namespace = config.namespace or ("default" if home.is_default else home.tag)
    env = Env(
        temporal_address=config.temporal_address,
        namespace=namespace,
        agents_tmux=str(home.agents_tmux),
        daemon_tmux=str(home.daemon_tmux),
        version=rgt.__version__,
        started_at=iso(datetime.now(UTC)),
    )
    if config.temporal_address:
        await _given_temporal(env)
        return env
    env.temporal_managed = True
    if daemon.daemon_pid(home, "temporal") or daemon.daemon_pid(home, "worker"):
        # A worker that still runs asks at the old address: Temporal comes back there.
        env.temporal_address = before.temporal_address
    if not env.temporal_address:
        env.temporal_address = f"{server.HOST}:{DEFAULT_PORT if home.is_default else server.free_port()}"
    return env


async def _given_temporal(env: Env) -> None:
    """Check that a Temporal which is not ours can carry a town, and register what a town needs there."""
    from rgt.client.temporal import connect
    from rgt.worker.namespace import prepare

    try:
        client = await connect(env.temporal_address, env.namespace)
    except RgtError as e:
        if e.code == "unreachable":
            e.hint = "start it, or remove temporal_address from town.toml"
        raise
    await prepare(client)


async def _ready(home: Home, town: SocketTown) -> None:
    end = asyncio.get_running_loop().time() + READY_WITHIN
    while not await _answers(town):
        for name in ("temporal", "worker"):
            failure = daemon.daemon_failure(home, name)
            if failure and daemon.daemon_pid(home, name) is None:
                await _stop_daemons(home)
                said = failure.removeprefix("rgt: ")
                if said != failure:
                    message, _, hint = said.partition(" — ")
                    raise RgtError("refused", message, hint)
                raise RgtError("failed", f"{name} does not start: {failure}", f"see {daemon.log_file(home, name)}")
        if asyncio.get_running_loop().time() > end:
            log = daemon.log_file(home, "worker")
            raise RgtError("failed", f"the town was not ready within {READY_WITHIN:g} s", f"see {log}")
        await asyncio.sleep(0.02)


async def _answers(town: SocketTown) -> bool:
    try:
        async with asyncio.timeout(10):
            await town.call(ops.NEEDS, ops.RigFilter())
    except (RgtError, TimeoutError):
        return False
    return True


def _record(home: Home) -> None:
    env = read_env(home)
    pid = daemon.daemon_child(home, "temporal")
    proc = identify(pid) if pid else None
    if proc:
        env.temporal_pid, env.temporal_start = proc.pid, proc.started
        write_env(home, env)


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One `start` or `stop` at a time."""
    home.runtime.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


async def awake(town: Town) -> None:
    """Wait until every rig has heard that the town is up: what is asked next is not told that it sleeps."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARD_WITHIN):
            while any(r.state == "down" for r in (await town.call(ops.ROWS, ops.RigFilter())).rows):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def asleep(town: Town) -> None:
    """Wait until every agent has ended."""
    while True:
        rows = (await town.call(ops.ROWS, ops.RigFilter())).rows
        busy = [r for r in rows if r.kind == "polecat" and r.state not in ("asleep", "parked")]
        busy += [r for r in rows if r.kind == "crew" and r.state in ("starting", "running", *SHOWN)]
        if not busy:
            return
        await asyncio.sleep(0.05)


async def stop(home: Home, who: Identity, town: Town, *, keep_agents: bool) -> dict[str, Any]:
    """Down, then end the worker, Temporal and the tmux servers of this home."""
    if who.agent:
        raise RgtError("denied", f"a {who.role} may not stop the town", "ask with `rgt escalate`")
    if not home.runtime.is_dir():
        return {"home": str(home.root), "stopped": False}
    with _alone(home):
        ran = any(daemon.daemon_pid(home, n) for n in ("worker", "temporal"))
        if ran and not keep_agents:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    await _down(town)
        await daemon.stop_daemon(home, "worker")
        await daemon.stop_daemon(home, "temporal")
        await daemon.stop_daemon_server(home)
        tmux = Tmux(home.agents_tmux, home.tmux_conf)
        if not keep_agents:
            for session in await sessions.list_sessions(tmux):
                await sessions.end(tmux, session)
            await tmux.kill_server()
        for left in (home.socket, home.env_json):
            left.unlink(missing_ok=True)
    return {"home": str(home.root), "stopped": ran}


async def _down(town: Town) -> None:
    try:
        await town.call(ops.TOWN_DOWN, ops.None_())
        await asleep(town)
    except RgtError as e:
        if e.code != "unreachable":
            raise


def rgt_bin() -> Path:
    """The `rgt` program of this installation."""
    return Path(sys.executable).parent / "rgt"
