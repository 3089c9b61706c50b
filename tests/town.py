"""A whole town for a test: real Temporal, real tmux, real worker, in a home of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from pydantic import BaseModel

from rgt.cli.agents import agent_row
from rgt.client.socket import SocketTown
from rgt.host import daemon
from rgt.model import operations as ops
from rgt.model.config import RigConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import Operation
from tests.eventually import eventually
from tests.scratch import scratch_env

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
RGT = Path(sys.executable).parent / "rgt"


@dataclass
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its answer as JSON."""
        return json.loads(self.out)

    def error(self) -> dict[str, Any]:
        """The `error` object of a failed `--json` command."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


@dataclass
class LiveTown:
    """A town under test, driven through its command line as a person would."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {**scratch_env(self.root), "GTR_ROOT": str(self.root / "gtr"), **self.env}
        self.env["PATH"] = f"{RGT.parent}{os.pathsep}{self.env['PATH']}"

    @property
    def home(self) -> Home:
        """Its home."""
        return Home.of(self.env)

    def run(self, *argv: str, cwd: Path | None = None, stdin: str = "", env: dict[str, str] | None = None) -> Ran:
        """Run `rgt argv…` whatever comes of it."""
        done = subprocess.run(
            [str(RGT), *argv],
            env={**self.env, **(env or {})},
            cwd=cwd or self.root,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def rgt(self, *argv: str, cwd: Path | None = None, stdin: str = "") -> str:
        """Run `rgt argv…`, which must succeed; gives what it printed."""
        ran = self.run(*argv, cwd=cwd, stdin=stdin)
        assert ran.code == 0, f"rgt {' '.join(argv)} → {ran.code}: {ran.err}{ran.out}"
        return ran.out

    def ask(self, *argv: str) -> Any:
        """The JSON answer of `rgt argv… --json`."""
        return json.loads(self.rgt(*argv, "--json"))

    def add_rig(self, name: str, path: Path, *gates: str, **options: str) -> None:
        """Add a repository as a rig; without gates it lands ungated."""
        words = [w for g in gates for w in ("--gate", g)] or ["--no-gates"]
        words += [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", v)]
        self.rgt("rig", "add", name, "--path", str(path), *words)

    def call(self, operation: Operation[A, R], args: A, token: str = "") -> R:
        """Carry out one operation through the gateway, without the command line."""
        # In a thread: an asynchronous test has a loop already.
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(asyncio.run, SocketTown(self.home, token).call(operation, args)).result()

    def look(self, operation: Operation[A, R], args: A) -> R | None:
        """As `call`, for those who wait: None while no worker answers. No process is started."""
        try:
            return self.call(operation, args)
        except RgtError as e:
            if e.code != "unreachable":
                raise
            return None

    def found_rig(self, name: str, **config: Any) -> None:
        """Add a rig with any setting that rig.toml may hold."""
        self.call(ops.RIG_ADD, ops.RigAdd(name=name, config=RigConfig.model_validate(config)))

    def create(self, title: str, script: str = "", *options: str, description: str = "") -> str:
        """Create a work item whose scripted agent does `script` (TOML); gives its id."""
        text = description + (f"\n```rgt-script\n{script}\n```\n" if script else "")
        made = self.run("work", "create", title, "--description", "-", "--json", *options, stdin=text)
        assert made.code == 0, made.err
        return str(made.json()["id"])

    def sling(self, *ids: str, target: str) -> None:
        """Sling items to a rig or agent with the scripted runtime."""
        self.rgt("sling", *ids, "--target", target, "--runtime", "scripted")

    def item(self, id: str) -> dict[str, Any]:
        """The whole item."""
        found: dict[str, Any] = self.ask("work", "show", id)
        return found

    def becomes(self, id: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """Wait until the item is in one of the states, and the lists say so too."""

        def probe() -> dict[str, Any] | None:
            found = self.look(ops.WORK_SHOW, ops.Id(id=id))
            if found is None or found.value["state"] not in states:
                return None
            listed = self.look(ops.WORK_LIST, ops.WorkFilter())
            rows = {r.id: r.state for r in listed.rows} if listed else {}
            return found.value if rows.get(id) == found.value["state"] else None

        try:
            return eventually(probe, timeout, 0.1)
        except AssertionError as e:
            told = f"{self.run('log', id).out}\n{self.run('status').out}\n{self.worker_log()}"
            raise AssertionError(f"{id} did not become {states}: {self.item(id)}\n{told}") from e

    def worker_log(self, lines: int = 30) -> str:
        """The last lines of what the worker printed."""
        return "\n".join((self.home.logs / "worker.log").read_text(errors="replace").splitlines()[-lines:])

    def agents(self, *roles: str) -> list[dict[str, Any]]:
        """Agents of these roles (default: polecats and crew)."""
        return [a for a in self.ask("agents", "list") if a["role"] in (roles or ("polecat", "crew"))]

    def working(self, count: int = 1, timeout: float = 30) -> list[dict[str, Any]]:
        """Wait until so many polecats run a process; gives them."""

        def probe() -> list[dict[str, Any]] | None:
            town = self.look(ops.ROWS, ops.RigFilter())
            rows = [agent_row(r) for r in town.rows if r.kind == "polecat"] if town else []
            found = [a for a in rows if a["pid"] and a["state"] in ("working", "idle", "waiting")]
            return found if len(found) >= count else None

        found = eventually(probe, timeout, 0.05, f"{count} working polecats, have {self.agents()}")
        assert found is not None
        return found

    def pid(self, daemon_name: str) -> int:
        """Pid of the supervised `worker` or `temporal`."""
        pid = eventually(lambda: daemon.daemon_child(self.home, daemon_name), 20)
        assert pid is not None
        return pid

    def kill(self, daemon_name: str) -> int:
        """SIGKILL to `worker` or `temporal`; gives the pid that died."""
        pid = self.pid(daemon_name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def tmux(self, *argv: str) -> str:
        """Run tmux against the agents' server."""
        words = ["tmux", "-S", str(self.home.agents_tmux), "-f", str(self.home.tmux_conf), *argv]
        return subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=20, check=True).stdout

    def git(self, *argv: str, cwd: Path) -> str:
        """Run git in `cwd`."""
        done = subprocess.run(["git", *argv], cwd=cwd, env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"git {' '.join(argv)}: {done.stderr}"
        return done.stdout.rstrip("\n")

    def hub_target(self, rig: str, target: str = "main") -> str:
        """Head of the target in the hub."""
        return self.git("rev-parse", f"refs/rgt/target/{target}", cwd=self.home.rig(rig).hub)

    def leftovers(self) -> list[str]:
        """Processes that still carry this home, and sockets that are still there."""
        mine = [p for p in processes_of(self.home.root) if p.pid != os.getpid()]
        sockets = [str(p) for p in (self.home.socket, self.home.agents_tmux, self.home.daemon_tmux) if p.exists()]
        return [f"{p.pid} {' '.join(_argv(p))[:120]}" for p in mine] + sockets

    def stop(self) -> None:
        """Stop it and see that nothing of it is left."""
        ran = self.run("stop")
        assert ran.code == 0, ran.err
        eventually(lambda: not self.leftovers(), 10, 0.1, f"left behind: {self.leftovers()}")


def processes_of(root: Path) -> list[psutil.Process]:
    """Live processes whose environment names this home, or whose command line does (Temporal's)."""
    found = []
    for process in psutil.process_iter():
        try:
            named = any(f"{root}/" in word for word in process.cmdline())
            mine = named or process.environ().get("GTR_ROOT") == str(root)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _argv(process: psutil.Process) -> Sequence[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def steps(*steps: str, list_name: str = "start") -> str:
    """A script: each step is `do key=value …` as TOML lines, such as `steps('do = "done"')`."""
    return "\n".join(f"[[{list_name}]]\n{step}" for step in steps)


def change(path: str, text: str, message: str = "change", *, finish: bool = True) -> str:
    """A script that writes a file, commits it and is done."""
    made = [
        f'do = "write"\npath = {json.dumps(path)}\ntext = {json.dumps(text)}',
        f'do = "commit"\nmessage = {json.dumps(message)}',
    ]
    return steps(*made, *(['do = "done"'] if finish else []))
