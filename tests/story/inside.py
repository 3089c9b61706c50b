"""Acting as an agent of a town under test: in its worktree, with its environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgt.host import processes
from rgt.host.runtimes.presets import SHIPPED
from tests.eventually import eventually
from tests.town import RGT, LiveTown, Ran

RUN = str(SHIPPED / "run.py")
"""What runs the programs that agents' runtimes run."""


@dataclass
class Inside:
    """One process of one agent, as it was when it was looked at."""

    town: LiveTown
    pid: int
    env: dict[str, str]
    cwd: Path

    @property
    def nonce(self) -> str:
        """The mark of this generation."""
        return self.env["GTR_NONCE"]

    @property
    def directory(self) -> Path:
        """Its generated files."""
        return self.town.home.agent_dir(self.env["GTR_AGENT"])

    def run(self, *argv: str) -> Ran:
        """`rgt argv…` as this agent."""
        done = subprocess.run(
            [str(RGT), *argv],
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def hook(self, event: str, out: int = subprocess.PIPE, **data: object) -> subprocess.Popen[str]:
        """Begin to run the hook that its runtime runs at `event`, with `out` for its standard output."""
        argv = [sys.executable, "-IS", RUN, "hook", "event"]
        pipe = subprocess.PIPE
        running = subprocess.Popen(argv, env=self.env, cwd=self.cwd, stdin=pipe, stdout=out, stderr=pipe, text=True)
        assert running.stdin is not None
        with running.stdin:
            running.stdin.write(json.dumps({"hook_event_name": event, "session_id": "s1", **data}))
        running.stdin = None
        return running

    def told(self, event: str = "PostToolUse") -> str:
        """What its hook prints for the agent at `event`."""
        out, err = self.hook(event).communicate(timeout=30)
        assert not err
        said = json.loads(out or "{}")
        return str(said.get("hookSpecificOutput", {}).get("additionalContext", ""))

    def git(self, *argv: str) -> str:
        """Git in its worktree."""
        return self.town.git(*argv, cwd=self.cwd)

    def commit(self, path: str, text: str) -> str:
        """Commit a file in its worktree; gives the commit."""
        (self.cwd / path).write_text(text)
        self.git("add", path)
        self.git("commit", "--quiet", "--message", f"add {path}")
        return self.git("rev-parse", "HEAD")

    def running(self) -> str:
        """Command lines of its processes, a line each."""
        found = []
        for proc in processes.find_by_env("GTR_NONCE", self.nonce):
            with suppress(OSError):
                found.append(Path(f"/proc/{proc.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        return "\n".join(found)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)

    def leave(self) -> None:
        """End at once after a handoff, unless the worker was quicker."""
        with suppress(ProcessLookupError):
            self.kill()


def agent_of(town: LiveTown, item: str, *, after: Inside | None = None, timeout: float = 60) -> Inside:
    """Wait until an item has an agent with a running process, another one than `after`."""

    def probe() -> Inside | None:
        for row in town.agents():
            if row["item"] == item and row["pid"] and row["state"] not in ("starting", "parking"):
                inside = _look(town, row)
                if inside and (after is None or inside.nonce != after.nonce):
                    return inside
        return None

    found = eventually(probe, timeout, 0.05, f"{item} has an agent")
    assert found is not None
    return found


def nobody_has(town: LiveTown, item: str, timeout: float = 60) -> None:
    """Wait until no agent has the item."""
    eventually(lambda: all(a["item"] != item for a in town.agents()), timeout, 0.05, f"{item} is on no hook")


def _look(town: LiveTown, row: dict[str, Any]) -> Inside | None:
    proc = Path("/proc") / str(row["pid"])
    try:
        words = (proc / "environ").read_bytes().decode().split("\0")
        cwd = (proc / "cwd").readlink()
    except OSError:
        return None
    env = dict(w.split("=", 1) for w in words if "=" in w)
    # The mark is there from the first moment, the rest once its launcher has read it.
    return Inside(town, row["pid"], env, cwd) if "GTR_TOKEN" in env else None
