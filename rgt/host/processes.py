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


def ancestors_env(pid: int, *wanted: tuple[str, ...]) -> list[dict[str, str]]:
    """For each list of names the variables of the first process, from `pid` upwards, whose environment has them all;
    empty where none has."""
    found: list[dict[str, str]] = [{} for _ in wanted]
    for _ in range(64):
        raw = _environ_bytes(pid)
        for at, names in enumerate(wanted):
            # The whole of it is decoded only for who has them.
            if not found[at] and all(b"\0" + os.fsencode(n) + b"=" in b"\0" + raw for n in names):
                env = _decoded(raw)
                found[at] = {n: env[n] for n in names}
        kin = _kin(pid)
        if all(found) or kin is None or kin.parent <= 1:
            break
        pid = kin.parent
    return found


def environ(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or another user's."""
    if not PROC:
        with suppress(psutil.Error, OSError):
            return psutil.Process(pid).environ()
        return {}
    return _decoded(_environ_bytes(pid))


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
    raw = b"\0" + _environ_bytes(pid)
    return all(b"\0" + os.fsencode(f"{k}={v}") + b"\0" in raw for k, v in want.items())


def _environ_bytes(pid: int) -> bytes:
    """`NAME=value` after `NAME=value`, each ended by a NUL."""
    if not PROC:
        return b"".join(os.fsencode(f"{k}={v}") + b"\0" for k, v in environ(pid).items())
    try:
        return _read(f"/proc/{pid}/environ")
    except OSError:
        return b""


def _decoded(raw: bytes) -> dict[str, str]:
    pairs = (p.partition(b"=") for p in raw.split(b"\0") if p)
    return {os.fsdecode(k): os.fsdecode(v) for k, _, v in pairs}


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
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)
