"""Programs of the town that run in the background: each under a supervisor, in a tmux server of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rgt.host import processes, supervisor
from rgt.host.processes import Proc
from rgt.host.tmux import Tmux
from rgt.model.errors import RgtError
from rgt.model.home import Home

START_WITHIN = 30.0
"""Seconds in which a supervisor must have started its program; one that fails says so at once."""
KEEPER = (sys.executable, "-IS", supervisor.__file__)
"""The supervisor of any program."""


def daemon_tmux(home: Home) -> Tmux:
    """The tmux server of the daemons; people may attach to it, agents never live in it."""
    return Tmux(home.daemon_tmux, home.tmux_conf)


def log_file(home: Home, name: str) -> Path:
    """What the program prints; the part before is in `<name>.log.1`."""
    return home.logs / f"{name}.log"


async def start_daemon(
    home: Home,
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    lock: Path | None = None,
    keeper: Sequence[str] = KEEPER,
) -> int:
    """Run `argv` under a supervisor, unless it does already; gives the supervisor's pid once the program started.

    `keeper` is the supervisor's own command, for one that holds the program in itself. `env` comes on top of the
    environment of the daemons' tmux server, from which GTR_, RGT_ and TEMPORAL_ variables are dropped. `lock` is a file
    that the program keeps locked. Raises `failed` with the program's last words when it does not start.
    """
    if running := daemon_pid(home, name):
        return running
    home.logs.mkdir(parents=True, exist_ok=True)
    await _end_child(home, name)
    pidfile = _pidfile(home, name)
    for left in (pidfile, _failed(home, name)):
        left.unlink(missing_ok=True)
    words = [*keeper, "--name", name, "--pidfile", str(pidfile)]
    words += ["--log", str(log_file(home, name)), *(["--lock", str(lock)] if lock else []), "--", *argv]
    opened, end = False, time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        opened = opened or await _open(home, name, words, env)
        if (pid := daemon_pid(home, name)) and _procs(home, name)[1:]:
            return pid
        if reason := daemon_failure(home, name):
            raise RgtError("failed", f"{name} did not start: {reason}", f"see {log_file(home, name)}")
        await asyncio.sleep(0.005)
    raise RgtError("failed", f"{name} did not start within {START_WITHIN:g} s", f"see {log_file(home, name)}")


def daemon_pid(home: Home, name: str) -> int | None:
    """Pid of the supervisor, None when it does not run."""
    procs = _procs(home, name)
    return procs[0].pid if procs and _alive(procs[0]) else None


def daemon_child(home: Home, name: str) -> int | None:
    """Pid of the supervised program, None when it does not run at the moment."""
    procs = _procs(home, name)
    return procs[1].pid if procs[1:] and _alive(procs[1]) else None


def daemon_failure(home: Home, name: str) -> str | None:
    """The last line of what the program said before its last unexpected end since the start; None without one."""
    try:
        code, *said = _failed(home, name).read_text().splitlines()
    except (OSError, ValueError):
        return None
    return said[-1] if said else f"it ended with {code}"


async def stop_daemon(home: Home, name: str, grace: float = supervisor.GRACE + 2) -> None:
    """End a supervised program and its supervisor; after `grace` seconds they are killed. Fine when nothing runs."""
    procs = _procs(home, name)
    if procs and _alive(procs[0]):
        # The supervisor alone: it hands the signal on, and twice would look like impatience.
        with suppress(ProcessLookupError):
            os.kill(procs[0].pid, signal.SIGTERM)
        if not await processes.gone(_exact(procs[0]), grace):
            await processes.end(_exact(procs[0]), 0.0)
    await _end_child(home, name)
    await daemon_tmux(home).kill_session(name)
    for left in (_pidfile(home, name), _failed(home, name)):
        left.unlink(missing_ok=True)


async def stop_daemon_server(home: Home) -> None:
    """End all daemons of this home and their tmux server. Fine when nothing runs."""
    for pidfile in home.runtime.glob("*.pid"):
        await stop_daemon(home, pidfile.stem)
    await daemon_tmux(home).kill_server()


async def _open(home: Home, name: str, words: Sequence[str], env: Mapping[str, str]) -> bool:
    """Open the daemon's session; False while the process of an earlier one starts or ends in it."""
    tmux = daemon_tmux(home)
    for pane in await tmux.panes():
        if pane.session == name:
            if processes.identify(pane.pid):
                return False
            await tmux.kill_session(name)
    try:
        await tmux.new_session(name, words, home.root, env, {})
    except RgtError as e:
        if e.code != "exists":
            raise
        return False
    return True


async def _end_child(home: Home, name: str) -> None:
    """End a program that outlived its supervisor."""
    for proc in _procs(home, name)[1:]:
        if _alive(proc):
            await processes.end(_exact(proc), 1.0)


def _procs(home: Home, name: str) -> list[Proc]:
    """Supervisor and program as the pidfile has them."""
    try:
        lines = _pidfile(home, name).read_text().splitlines()
        return [Proc(int(pid), int(started)) for pid, started in (line.split() for line in lines)]
    except (OSError, ValueError):
        return []


def _exact(proc: Proc) -> Proc:
    """A supervisor without /proc does not know start times."""
    return proc if proc.started else processes.identify(proc.pid) or proc


def _alive(proc: Proc) -> bool:
    return processes.alive(_exact(proc))


def _pidfile(home: Home, name: str) -> Path:
    return home.runtime / f"{name}.pid"


def _failed(home: Home, name: str) -> Path:
    return home.runtime / f"{name}.pid.failed"
