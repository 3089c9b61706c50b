"""What is wrong with a town on this machine, why, and what to do; what is safe to repair is repaired on request.

Only this home is looked at: its files, its sockets, its tmux servers, its processes by pid and start time.
A check that breaks becomes a failed check of its name, the others go on.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from rgt.host import doctor_rig, doctor_runtimes, processes
from rgt.host.config import Env, read_env, read_town
from rgt.host.daemon import daemon_child, daemon_pid
from rgt.host.install import Check, folders, install
from rgt.host.install import check as check_programs
from rgt.host.processes import Proc
from rgt.host.server import find_server, server_version, version_file
from rgt.host.tmux import Tmux
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.ids import NAME

SOCKET_LIMIT = 100
"""Bytes of a unix socket's path that every system takes."""
LEAST_FREE, LITTLE_FREE = 200, 2_000
"""MB of free disk below which nothing works for long, and below which a warning is due."""
MANY_LOGS = 2_000
"""MB of logs above which a warning is due."""
DAEMONS = ("temporal", "worker")
"""Programs that run under a supervisor."""

Probe = Callable[[Home], AsyncIterator[Check]]


async def examine(home: Home) -> list[Check]:
    """Look at everything that can be seen from this machine without asking Temporal; nothing is changed."""
    found = check_programs()
    for name, probe in PROBES.items():
        found += await _alone(name, "", probe(home))
    for rig in rig_names(home):
        for name, look in doctor_rig.PROBES.items():
            found += await _alone(name, rig, look(home, rig))
    return found


async def fix(home: Home, checks: list[Check]) -> list[str]:
    """Repair what is `fixable` in `checks` and say what was done, a line each; what fails is said too."""
    done: list[str] = []
    for check in checks:
        if check.ok or not check.fixable:
            continue
        about = f"rig {check.rig}: {check.name}" if check.rig else check.name
        try:
            repair = doctor_rig.FIXES[check.name](home, check.rig) if check.rig else FIXES[check.name](home)
            done += [f"{about}: {line}" for line in await repair]
        except RgtError as e:
            done.append(f"{about}: not repaired: {e.line()}")
        except OSError as e:
            done.append(f"{about}: not repaired: {e}")
    return done


def rig_names(home: Home) -> list[str]:
    """The rigs that have a directory in this home."""
    with suppress(OSError):
        return sorted(p.name for p in home.rigs.iterdir() if p.is_dir() and NAME.fullmatch(p.name))
    return []


async def _alone(name: str, rig: str, results: AsyncIterator[Check]) -> list[Check]:
    found: list[Check] = []
    try:
        async for check in results:
            found.append(check.model_copy(update={"name": name, "rig": rig}))
    except RgtError as e:
        found.append(Check(name=name, rig=rig, ok=False, cause=e.message, remedy=e.hint or "see `rgt log`"))
    except Exception as e:
        cause = f"could not be checked: {type(e).__name__}: {e}"
        found.append(Check(name=name, rig=rig, ok=False, cause=cause, remedy="report it with this line"))
    return found or [Check(name=name, rig=rig, ok=True)]


async def _home(home: Home) -> AsyncIterator[Check]:
    missing = [path for path, _ in folders(home) if not path.is_dir()]
    if missing:
        yield Check.bad(f"{missing[0]} is missing", "`rgt install` makes it", fixable=True)
        return
    if home.root.stat().st_uid != os.getuid():
        yield Check.bad(f"{home.root} belongs to another user", "set GTR_ROOT to a home of your own")
    elif home.root.stat().st_mode & 0o077:
        yield Check.bad(f"other users can look into {home.root}", f"`chmod 700 {home.root}`", fixable=True)
    elif not os.access(home.root, os.W_OK):
        yield Check.bad(f"{home.root} cannot be written", "make it writable, or set GTR_ROOT to another home")


async def _key(home: Home) -> AsyncIterator[Check]:
    if not home.key.exists():
        yield Check.bad(f"{home.key} is missing", "`rgt install` makes a new one; restart the agents", fixable=True)
    elif not re.fullmatch(r"[0-9a-f]{64}\s*", home.key.read_text()):
        yield Check.bad(f"{home.key} is damaged", "move it away, then `rgt install` and restart the agents")
    elif home.key.stat().st_mode & 0o077:
        yield Check.bad(f"other users can read {home.key}", f"`chmod 600 {home.key}`", fixable=True)


async def _config(home: Home) -> AsyncIterator[Check]:
    config = read_town(home)
    for key in ("tls_cert", "tls_key"):
        path = getattr(config.temporal, key)
        if path and not os.access(path, os.R_OK):
            yield Check.bad(f"temporal.{key}: {path} cannot be read", "see `rgt config explain`")
    for key in ("api_key_env", "payload_key_env"):
        variable = getattr(config.temporal, key)
        if variable and not os.environ.get(variable):
            yield Check.bad(f"temporal.{key}: {variable} is not set", f"export {variable} where `rgt start` runs")


async def _tmux_conf(home: Home) -> AsyncIterator[Check]:
    if not home.tmux_conf.is_file():
        yield Check.warn(f"{home.tmux_conf} is missing", "`rgt install` makes it", fixable=True)


async def _socket(home: Home) -> AsyncIterator[Check]:
    length = len(os.fsencode(home.socket))
    if length > SOCKET_LIMIT:
        yield Check.warn(f"the path of the gateway's socket has {length} bytes", "a shorter GTR_ROOT works everywhere")
    if home.socket.exists() and not _answers(home.socket):
        yield Check.bad(f"nobody listens on {home.socket}", "`rgt start`", fixable=not _runs(home, "worker"))


async def _daemons(home: Home) -> AsyncIterator[Check]:
    for pidfile in sorted(home.runtime.glob("*.pid")):
        if not _runs(home, pidfile.stem):
            yield Check.bad(f"{pidfile.name} names processes that are gone", "`rgt start`", fixable=True)


async def _env(home: Home) -> AsyncIterator[Check]:
    if not home.env_json.exists():
        return
    env = read_env(home)
    if env == Env():
        yield Check.bad(f"{home.env_json} cannot be read", "`rgt stop`, then `rgt start`", fixable=not _any_runs(home))
        return
    for name, pid, started in (
        ("worker", env.worker_pid, env.worker_start),
        ("temporal", env.temporal_pid, env.temporal_start),
    ):
        if pid and not _lives(pid, started) and not _runs(home, name):
            cause = f"{name} should run as process {pid}, which is gone"
            yield Check.bad(cause, "`rgt start`", fixable=not _any_runs(home))


async def _tmux_servers(home: Home) -> AsyncIterator[Check]:
    for path in (home.agents_tmux, home.daemon_tmux):
        if path.exists() and await Tmux(path, home.tmux_conf).server_pid() is None:
            yield Check.bad(f"no tmux server answers on {path}", "`rgt start`", fixable=not _answers(path))


async def _sessions(home: Home) -> AsyncIterator[Check]:
    if not home.agents_tmux.exists():
        return
    rigs = rig_names(home)
    for pane in await Tmux(home.agents_tmux, home.tmux_conf).panes():
        rig, slash, _ = pane.session.removeprefix("gtr-").partition("/")
        if slash and rig != "dog" and rig not in rigs:
            see = f"look with `tmux -S {home.agents_tmux} attach -t '={pane.session}'`, then close it"
            yield Check.warn(f"session {pane.session} belongs to no rig of this town", see)
        elif not pane.session.startswith("gtr-"):
            yield Check.warn(f"session {pane.session} is none of ours", "close it, or move it to your own tmux server")


async def _database(home: Home) -> AsyncIterator[Check]:
    if not home.town_db.exists():
        return
    version = server_version(find_server())
    try:
        made_by = version_file(home).read_text().strip()
    except OSError:
        made_by = "an unknown version"
    if made_by != version:
        yield Check.bad(f"the database was made by temporal {made_by}, this is {version}", "`rgt start --migrate`")


async def _disk(home: Home) -> AsyncIterator[Check]:
    place = next(p for p in (home.root, *home.root.parents) if p.is_dir())
    free = shutil.disk_usage(place).free // 1_000_000
    if free < LEAST_FREE:
        yield Check.bad(f"{free} MB are free at {home.root}", "free disk space")
    elif free < LITTLE_FREE:
        yield Check.warn(f"{free} MB are free at {home.root}", "free disk space soon")
    else:
        yield Check.good(f"{free // 1000} GB free")


async def _logs(home: Home) -> AsyncIterator[Check]:
    places = [home.logs, *(home.rig(rig).runs for rig in rig_names(home))]
    size = sum(f.lstat().st_size for place in places for f in place.rglob("*") if f.is_file()) // 1_000_000
    if size > MANY_LOGS:
        yield Check.warn(f"logs take {size} MB", f"delete old ones under {home.logs} and {home.rigs}/*/runs")
    else:
        yield Check.good(f"{size} MB")


async def _runtimes(home: Home) -> AsyncIterator[Check]:
    async for check in doctor_runtimes.runtimes(home, rig_names(home)):
        yield check


PROBES: dict[str, Probe] = {
    "home": _home,
    "key": _key,
    "town.toml": _config,
    "tmux.conf": _tmux_conf,
    "gateway socket": _socket,
    "pid files": _daemons,
    "env.json": _env,
    "tmux servers": _tmux_servers,
    "sessions": _sessions,
    "database": _database,
    "disk": _disk,
    "logs": _logs,
    "runtimes": _runtimes,
}


def _answers(path: Path) -> bool:
    """Whether somebody accepts connections on this unix socket; unsure counts as yes."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            folder = os.open(path.parent, os.O_RDONLY)
        except OSError:
            return False
        try:
            # A path that is too long for the system is reached through its directory's descriptor.
            long = len(os.fsencode(path)) > SOCKET_LIMIT and processes.PROC
            probe.connect(f"/proc/self/fd/{folder}/{path.name}" if long else str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        finally:
            os.close(folder)
    return True


def _runs(home: Home, name: str) -> bool:
    return daemon_pid(home, name) is not None or daemon_child(home, name) is not None


def _any_runs(home: Home) -> bool:
    return any(_runs(home, name) for name in DAEMONS)


def _lives(pid: int, started: int) -> bool:
    return processes.alive(Proc(pid, started)) if started else processes.identify(pid) is not None


async def _install(home: Home) -> list[str]:
    made = [f"made {step.path}" for step in install(home) if step.state == "made"]
    if home.root.stat().st_mode & 0o077:
        home.root.chmod(0o700)
        made.append(f"{home.root} is for its owner only")
    return made


async def _fix_key(home: Home) -> list[str]:
    if not home.key.exists():
        return await _install(home)
    home.key.chmod(0o600)
    return [f"{home.key} is for its owner only"]


async def _fix_socket(home: Home) -> list[str]:
    return _remove([home.socket] if not _answers(home.socket) and not _runs(home, "worker") else [])


async def _fix_pid_files(home: Home) -> list[str]:
    return _remove([p for p in home.runtime.glob("*.pid") if not _runs(home, p.stem)])


async def _fix_env(home: Home) -> list[str]:
    return _remove([home.env_json] if not _any_runs(home) else [])


async def _fix_tmux_servers(home: Home) -> list[str]:
    return _remove([p for p in (home.agents_tmux, home.daemon_tmux) if p.is_socket() and not _answers(p)])


def _remove(paths: list[Path]) -> list[str]:
    for path in paths:
        path.unlink(missing_ok=True)
    return [f"removed {path}" for path in paths]


FIXES: dict[str, Callable[[Home], Awaitable[list[str]]]] = {
    "home": _install,
    "key": _fix_key,
    "tmux.conf": _install,
    "gateway socket": _fix_socket,
    "pid files": _fix_pid_files,
    "env.json": _fix_env,
    "tmux servers": _fix_tmux_servers,
}
