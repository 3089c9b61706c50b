"""What all benchmarks share: a town of their own, timed processes, and the socket of the gateway."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.eventually import eventually
from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import RGT, LiveTown

QUICK = bool(os.environ.get("BENCH_QUICK"))
HERE = Path(__file__).parent
LIMITS = "[limits]\nmax_polecats = 500\nmin_free_mb = 0\nmax_load = 0\n"
"""A busy machine slows a benchmark down; it must not keep it from starting agents."""
AGENT = 'name = "bench"\ncommand = ["bash", {agent}]\nready = "delay"\nready_seconds = 0.1\n[env]\nBENCH = {events}\n'


def count(full: int) -> int:
    """How often to measure: `full` times, or in quick mode a fifth of it, but at least 3 times."""
    return max(3, full // 5) if QUICK else full


@contextlib.contextmanager
def scratch(env: Mapping[str, str] | None = None) -> Iterator[LiveTown]:
    """A town that does not run yet, in a home of its own; afterwards nothing of it is left."""
    with scratch_dir("rgtb-") as root:
        town = LiveTown(root, dict(env or {}))
        town.home.runtimes.mkdir(parents=True, mode=0o700)
        town.home.town_toml.write_text(LIMITS)
        events = root / "events"
        events.mkdir()
        preset = AGENT.format(agent=json.dumps(str(HERE / "agent.sh")), events=json.dumps(str(events)))
        (town.home.runtimes / "bench.toml").write_text(preset)
        try:
            yield town
        finally:
            town.run("stop")
            eventually(lambda: not town.leftovers(), 20, 0.1, f"left behind: {town.leftovers()}")


@contextlib.contextmanager
def live(env: Mapping[str, str] | None = None) -> Iterator[LiveTown]:
    """A town that runs, with `env` beside its own environment."""
    with scratch(env) as town:
        town.rgt("start")
        yield town


def repository(town: LiveTown, name: str, files: int = 200) -> Path:
    """A repository of so many files in the town's scratch directory."""
    path = town.root / name
    git_env = os.environ.get("GIT_CONFIG_GLOBAL")
    os.environ["GIT_CONFIG_GLOBAL"] = town.env["GIT_CONFIG_GLOBAL"]
    try:
        make_repo(path, {f"d{i % 50}/f{i}.py": f"x = {i}\n" * 20 for i in range(files)})
    finally:
        if git_env is None:
            del os.environ["GIT_CONFIG_GLOBAL"]
        else:
            os.environ["GIT_CONFIG_GLOBAL"] = git_env
    return path


# --- time


def timed(argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> tuple[float, bytes]:
    """Milliseconds of a whole process from exec to exit, and what it printed; it must succeed."""
    began = time.perf_counter()
    done = subprocess.run(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    took = (time.perf_counter() - began) * 1e3
    assert done.returncode == 0, f"{argv} → {done.returncode}: {done.stderr.decode()}"
    return took, done.stdout


def alternately(n: int, *runs: Callable[[], float]) -> list[list[float]]:
    """Measure in turns, A B C A B C …, so that a busy moment hits all of them; the first round is for warming up."""
    values: list[list[float]] = [[] for _ in runs]
    for index in range(n + 1):
        for run, seen in zip(runs, values, strict=True):
            took = run()
            if index:
                seen.append(took)
    return values


def wait_for(probe: Callable[[], Any], timeout: float = 60.0, every: float = 0.001) -> Any:
    """The first true answer of `probe`, looked for every millisecond."""
    return eventually(probe, timeout, every)


def commandline(*argv: str) -> list[str]:
    """The command line `rgt argv…`."""
    return [str(RGT), *argv]


# --- agents of the runtime `bench` (agent.sh)


def fifo(town: LiveTown, item: str) -> None:
    """Make the pipe at which the agent of `item` will wait."""
    os.mkfifo(town.root / "events" / f"{item}.go")


def running_since(town: LiveTown, item: str, timeout: float = 60.0) -> float:
    """When the agent of `item` ran its first line, in seconds since the epoch."""
    return float(_noted(town, f"{item}.running", 1, timeout)[0])


def let_go(town: LiveTown, item: str) -> None:
    """Let the waiting agent of `item` go on."""
    (town.root / "events" / f"{item}.go").write_text("go\n")


def finished(town: LiveTown, item: str) -> tuple[float, float]:
    """When the agent of `item` called `rgt done`, and when it had its answer, in seconds since the epoch."""
    asked, answered, code = _noted(town, f"{item}.done", 3)
    assert code == "0", (town.root / "events" / f"{item}.out").read_text()
    return float(asked), float(answered)


def _noted(town: LiveTown, name: str, words: int, timeout: float = 60.0) -> list[str]:
    file = town.root / "events" / name

    def read() -> list[str]:
        found = file.read_text().split() if file.exists() else []
        return found if len(found) == words else []

    found: list[str] = wait_for(read, timeout)
    return found


# --- the gateway


class Gateway:
    """A JSON-lines connection to the town's worker."""

    def __init__(self, town: LiveTown) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(town.home.socket))
        self.lines = self.socket.makefile("r")

    def send(self, op: str, **args: Any) -> None:
        """Ask without waiting for the answer."""
        self.socket.sendall(json.dumps({"v": "1", "id": op, "op": op, "args": args}).encode() + b"\n")

    def read(self) -> dict[str, Any]:
        """The next line."""
        return self.parse(self.lines.readline())

    @staticmethod
    def parse(line: str) -> dict[str, Any]:
        """A line as the message that it is."""
        found: dict[str, Any] = json.loads(line)
        assert "error" not in found, found
        return found

    def call(self, op: str, **args: Any) -> Any:
        """One operation and its answer."""
        self.send(op, **args)
        return self.read()["ok"]

    def close(self) -> None:
        """Hang up."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def many_items(town: LiveTown, n: int, at_once: int = 20) -> list[str]:
    """Create so many work items; gives their ids."""
    gateway = Gateway(town)
    ids: list[str] = []
    for first in range(0, n, at_once):
        batch = range(first, min(n, first + at_once))
        for index in batch:
            gateway.send("work.create", title=f"item number {index} of a town with a lot to do")
        ids += [gateway.read()["ok"]["value"]["id"] for _ in batch]
    rows = eventually(lambda: len(gateway.call("work.list")["rows"]) >= n, 120, 0.2, f"{n} items in the live copy")
    assert rows
    gateway.close()
    return ids


# --- the machine


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    cpu = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), 0)
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory / 1048576:.1f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "git": _said("git", "--version").split()[-1],
        "tmux": _said("tmux", "-V").split()[-1],
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


PYTHON = sys.executable
