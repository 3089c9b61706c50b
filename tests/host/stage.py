"""A stage for a scripted agent: a repository, the real `hook.py`, a socket that keeps what it is told in the place of
the town, and a small shell script in the place of rgt."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rgt.host.runtimes.presets import Launch, command, environment, load_preset
from rgt.model.guard import policy_for
from rgt.model.home import Home
from rgt.model.runtime import Mode
from rgt.model.script import parse_script
from rgt.model.tokens import token

RGT = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case $1 in
done) [ ! -e "$CALLS.refuse" ] || { echo "refused: no commits"; exit 4; } ;;
esac
"""


EVERY = "*"


class Town:
    """Listens where a gateway would, and gives to each event the answer that is put down for it."""

    def __init__(self, home: Home) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: dict[str, list[dict[str, Any]]] = {}
        """Event, or `EVERY` → what its hooks are answered, one after the other."""
        home.runtime.mkdir(parents=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(home.socket))
        self.socket.listen()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, connection.makefile("rwb") as stream:
                for line in stream:
                    asked = json.loads(line)
                    self.heard.append(asked)
                    answers = self.answers.get(asked["args"]["event"]) or self.answers.get(EVERY) or [{}]
                    stream.write(json.dumps({"id": asked.get("id"), "ok": answers.pop(0)}).encode() + b"\n")
                    stream.flush()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def context(text: str, event: str = "SessionStart") -> dict[str, Any]:
    """An answer that tells the agent something."""
    return {"out": {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}}


class Stage:
    """A worktree, an agent directory, a town that listens, and an rgt that records how it is called."""

    def __init__(self, root: Path) -> None:
        self.worktree, self.agent_dir = root / "wt", root / "agent"
        self.calls_file = root / "calls"
        self.worktree.mkdir()
        self.agent_dir.mkdir()
        rgt = root / "rgt"
        rgt.write_text(RGT)
        rgt.chmod(0o755)
        self.home = Home(root / "home")
        self.town = Town(self.home)
        self.town.answers["SessionStart"] = [context("You are api/nux.\n")]
        self.env = {
            **os.environ,
            "RGT_BIN": str(rgt),
            "RGT_AGENT_DIR": str(self.agent_dir),
            "CALLS": str(self.calls_file),
            "GTR_ROOT": str(self.home.root),
            "GTR_TOKEN": token("k" * 32, "polecat/api/nux", 1),
            "GTR_AGENT": "polecat/api/nux",
            "GTR_WORK_ITEM": "gt-3f8k2",
            "GTR_TITLE": "Round cash",
            "GTR_NONCE": "n0nce",
        }
        self.running: list[subprocess.Popen[str]] = []
        self.git("init", "-q")
        self.git("commit", "-q", "--allow-empty", "-m", "Start")

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.worktree, check=True, capture_output=True, text=True).stdout

    def launch(self, script: str | None, mode: Mode = "start") -> subprocess.Popen[str]:
        """Start the agent in a process group of its own, as a pane would."""
        if script is not None:
            parse_script(script)
            (self.agent_dir / "script.toml").write_text(script)
        launch = Launch(sys.executable, self.agent_dir, mode)
        preset = load_preset(self.home, "scripted")
        process = subprocess.Popen(
            command(preset, launch),
            cwd=self.worktree,
            env=self.env | environment(preset, launch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def play(self, script: str | None, mode: Mode = "start") -> tuple[int, str]:
        """Run the agent to its own end: exit code and what was on its screen."""
        process = self.launch(script, mode)
        out, _ = process.communicate(timeout=20)
        return process.returncode, out

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def events(self) -> list[str]:
        return [asked["args"]["event"] for asked in self.town.heard]

    def guarded(self) -> None:
        """Write down what the guard holds a polecat to."""
        made = policy_for(
            "polecat",
            worktree=str(self.worktree),
            branch="main",
            hub=str(self.worktree / ".git"),
            target="main",
            home=str(self.home.root),
            agent_dir=str(self.agent_dir),
        )
        (self.agent_dir / "policy.json").write_text(json.dumps(made))

    def close(self) -> None:
        """End what still runs."""
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.town.close()

    def stopped(self) -> bool:
        """Whether the last that it reported is the end of a turn."""
        return self.events()[-1:] == ["Stop"]

    def ring(self, text: str) -> None:
        """Ring the bell of the agent, with something that it is told then."""
        self.town.answers["FileChanged"] = [{"err": text, "code": 2}]
        (self.agent_dir / "bell").write_text(f"{time.time_ns()}\n")
