"""Processes of this machine: who is who beyond a reused pid, who carries our mark, and how a whole tree ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/self/stat").exists()
"""Whether this system has Linux's /proc; elsewhere psutil answers, more slowly."""

if not PROC:
    import psutil


@dataclass(frozen=True)
class Proc:
    """One process for ever: a pid and its start time (clock ticks since boot; without /proc 1/100 s of the epoch)."""

    pid: int
    started: int


@dataclass(frozen=True)
class Kin:
    """Where a living process stands among the others."""

    proc: Proc
    parent: int
    group: int
    session: int


def identify(pid: int) -> Proc | None:
    """The process that has this pid now; None when there is none or only its zombie is left."""
    kin = _kin(pid)
    return kin.proc if kin else None


def alive(proc: Proc) -> bool:
    """Whether exactly this process still runs; another one that got its pid does not count."""
    return identify(proc.pid) == proc


async def gone(proc: Proc, timeout: float) -> bool:
    """Wait until the process ended; False when it still runs after `timeout` seconds."""
    ended = asyncio.Event()
    fd = open_pidfd(proc, ended.set)
    try:
        async with asyncio.timeout(timeout):
            if fd is not None:
                await ended.wait()
            while True:
                if not alive(proc):
                    return True
                await asyncio.sleep(0.02)
    except TimeoutError:
        return not alive(proc)
    finally:
        close_pidfd(fd)


def open_pidfd(proc: Proc, callback: Callable[[], object]) -> int | None:
    """Have the running loop call `callback` once the process is dead; gives the descriptor for `close_pidfd`.

    None when the process is dead already or the system has no pidfd: then the caller asks `alive`.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        fd = os.pidfd_open(proc.pid)
    except OSError:
        return None
    # Only now is it sure that the descriptor is not of a process that got the pid in between.
    if not alive(proc):
        os.close(fd)
        return None
    asyncio.get_running_loop().add_reader(fd, callback)
    return fd


def close_pidfd(fd: int | None) -> None:
    """Undo `open_pidfd`."""
    if fd is not None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)


async def end(proc: Proc, grace: float = 3.0, mark: Mapping[str, str] | None = None) -> None:
    """End a process and everything it started, first with SIGTERM, those that ignore it with SIGHUP, after `grace`
    seconds with SIGKILL.

    That is its process group, its terminal session, its descendants, and whoever carries all of `mark` in the
    environment, so that children which went away from their parents are found too. Nothing happens to a process
    that merely got the same pid; when `proc` is dead, only the marked ones are ended.
    """
    known = family(proc, mark)
    _signal(known, signal.SIGTERM)
    # An interactive shell is deaf to it, but goes when its terminal does.
    _signal({p for p in known if _ignores(p.pid, signal.SIGTERM)}, signal.SIGHUP)
    if known:
        await asyncio.gather(*(gone(p, grace) for p in known))
    quiet = 0
    for _ in range(20):
        # Who forked while being looked at shows up in the next round, as does who was just starting another
        # program: for a moment that one has no environment to be known by.
        left = {p for p in known if alive(p)} | family(proc, mark)
        left |= {kin for p in left for kin in family(p)}
        quiet = 0 if left else quiet + 1
        if quiet == 2 or (quiet and not mark):
            return
        if not left:
            await asyncio.sleep(0.005)
        _signal(left, signal.SIGKILL)
        await asyncio.gather(*(gone(p, 1.0) for p in left))
        known |= left


def family(proc: Proc, mark: Mapping[str, str] | None = None) -> set[Proc]:
    """The living processes that `end` would end, never the caller itself."""
    everyone = list(_everyone())
    found: set[int] = set()
    if any(k.proc == proc for k in everyone):
        found = {k.proc.pid for k in everyone if proc.pid in (k.proc.pid, k.group, k.session)}
    if mark:
        found |= {k.proc.pid for k in everyone if _carries(k.proc.pid, mark)}
    while True:
        more = {k.proc.pid for k in everyone if k.parent in found} - found
        if not more:
            break
        found |= more
    return {k.proc for k in everyone if k.proc.pid in found and k.proc.pid != os.getpid()}


def find_by_env(name: str, value: str, **also: str) -> list[Proc]:
    """The user's living processes whose environment at their start had `name=value` and all of `also`."""
    want = {name: value, **also}
    return [k.proc for k in _everyone() if _carries(k.proc.pid, want)]


def ancestors_env(pid: int, names: tuple[str, ...]) -> dict[str, str] | None:
    """The named variables of the first process, from `pid` upwards, whose environment has them all; else None."""
    for _ in range(64):
        if _names(pid, names):
            env = environ(pid)
            return {n: env[n] for n in names}
        kin = _kin(pid)
        if kin is None or kin.parent <= 1:
            return None
        pid = kin.parent
    return None


def environ(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or another user's."""
    if not PROC:
        with suppress(psutil.Error, OSError):
            return psutil.Process(pid).environ()
        return {}
    pairs = (p.partition(b"=") for p in _environ_bytes(pid).split(b"\0") if p)
    return {os.fsdecode(k): os.fsdecode(v) for k, _, v in pairs}


def has_process_inside(directory: Path) -> bool:
    """Whether a living process of this user works in `directory` or below it."""
    root = os.path.realpath(directory)
    for kin in _everyone():
        cwd = _cwd(kin.proc.pid)
        if cwd == root or cwd.startswith(root + os.sep):
            return True
    return False


def _signal(procs: set[Proc], number: signal.Signals) -> None:
    for proc in procs:
        with suppress(ProcessLookupError, PermissionError):
            if alive(proc):
                os.kill(proc.pid, number)


def _ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process has said that this signal does nothing to it; without /proc that is not known."""
    with suppress(OSError, ValueError, IndexError):
        mask = _read(f"/proc/{pid}/status").partition(b"\nSigIgn:")[2].split()[0]
        return bool(int(mask, 16) >> (number - 1) & 1)
    return False


def _everyone() -> Iterator[Kin]:
    """All living processes of this user."""
    uid = os.getuid()
    if PROC:
        with os.scandir("/proc") as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.name.isdigit() and entry.stat().st_uid == uid and (kin := _kin(int(entry.name))):
                        yield kin
        return
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == uid and (kin := _kin(process.pid)):
                yield kin


def _kin(pid: int) -> Kin | None:
    if not PROC:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            proc = Proc(pid, int(process.create_time() * 100))
            return Kin(proc, process.ppid(), os.getpgid(pid), os.getsid(pid))
        except (psutil.Error, OSError):
            return None
    try:
        stat = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name in brackets may hold spaces and brackets itself: fields count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return None
    return Kin(Proc(pid, int(fields[19])), int(fields[1]), int(fields[2]), int(fields[3]))


def _carries(pid: int, want: Mapping[str, str]) -> bool:
    if not PROC:
        env = environ(pid)
        return all(env.get(k) == v for k, v in want.items())
    raw = b"\0" + _environ_bytes(pid)
    return all(b"\0" + os.fsencode(f"{k}={v}") + b"\0" in raw for k, v in want.items())


def _names(pid: int, names: tuple[str, ...]) -> bool:
    """Whether the environment has all these names; the whole of it is decoded only then."""
    if not PROC:
        env = environ(pid)
        return all(n in env for n in names)
    raw = b"\0" + _environ_bytes(pid)
    return all(b"\0" + os.fsencode(n) + b"=" in raw for n in names)


def _environ_bytes(pid: int) -> bytes:
    try:
        return _read(f"/proc/{pid}/environ")
    except OSError:
        return b""


def _cwd(pid: int) -> str:
    if not PROC:
        with suppress(psutil.Error, OSError):
            return psutil.Process(pid).cwd()
        return ""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    with os.fdopen(fd, "rb", buffering=0) as file:
        return file.read()
