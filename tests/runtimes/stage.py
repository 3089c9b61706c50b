"""An agent about to start: its directory, its worktree, and a program that notes how it was called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgt.host.runtimes import presets
from rgt.host.runtimes.provision import Where
from rgt.host.runtimes.starting import Prepared, prepare
from rgt.host.sandbox import Fence
from rgt.model.guard import policy_for
from rgt.model.home import Home
from rgt.model.runtime import Choice, Mode, Preset

NAMES = sorted(file.stem for file in presets.SHIPPED.glob("*.toml"))
"""Every shipped runtime."""
SECRET = "sk-5ecret-" + "5ecret-" * 8
"""As long as keys are: Claude Code is told the end of one, by which it knows that it was approved."""
KEYS = {"codex": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY", "copilot": "COPILOT_GITHUB_TOKEN"}
PROMPT = '-x "quotes" `ticks` $HOME $(id) \\n 日本語 😀\n\nsecond line' + "\nfiller" * 400
DEFAULT = Choice("")
SESSION = "0cb916db-26aa-40f2-86b5-1ba81b225fd2"
RECORD = """\
#!{python}
import json, os, sys
stdin = "" if os.isatty(0) else sys.stdin.read()
with open({file!r}, "a") as f:
    f.write(json.dumps([sys.argv[1:], stdin]) + "\\n")
"""


@dataclass
class Stage:
    """Where one agent starts, and what was made for it."""

    root: Path

    @property
    def home(self) -> Home:
        """The town's home."""
        return Home(self.root / "gtr", tmux_tmpdir=self.root)

    @property
    def agent_dir(self) -> Path:
        """The agent's directory."""
        return self.root / "agent"

    @property
    def worktree(self) -> Path:
        """Where it works."""
        return self.root / "wt"

    def where(self, mode: Mode = "start", **more: Any) -> Where:
        """A start of the agent."""
        self.worktree.mkdir(exist_ok=True)
        given = {"prompt": PROMPT, "resume": "You were restarted.", "session": SESSION, "python": sys.executable}
        return Where(
            self.agent_dir,
            self.worktree,
            self.root / "hub.git",
            mode=mode,
            address="api/nux",
            **{"policy": self.policy(), **given, **more},
        )

    def policy(self) -> dict[str, Any]:
        """What the guard holds its agent to."""
        return policy_for(
            "polecat",
            worktree=str(self.worktree),
            branch="polecat/nux/gt-00001",
            hub=str(self.root / "hub.git"),
            target="main",
            home=str(self.home.root),
            rig_path="",
            agent_dir=str(self.agent_dir),
        )

    def prepare(self, preset: Preset, mode: Mode = "start", choice: Choice = DEFAULT, **more: Any) -> Prepared:
        """Make everything ready for a start."""
        fence = Fence(self.home, self.home.rig("api"), self.worktree, self.agent_dir)
        return prepare(preset, self.where(mode, **more), fence, choice)

    def calls(self, preset: Preset, prepared: Prepared) -> tuple[list[str], str]:
        """Arguments and standard input that the program gets when the start is carried out."""
        bin = self.root / "bin"
        bin.mkdir(exist_ok=True)
        file = self.root / "called"
        file.unlink(missing_ok=True)
        program = bin / Path(preset.command[0]).name
        program.write_text(RECORD.format(python=sys.executable, file=str(file)))
        program.chmod(0o755)
        env = {"PATH": f"{bin}:{os.environ['PATH']}", **prepared.env}
        subprocess.run(prepared.argv, cwd=self.worktree, env=env, stdin=subprocess.DEVNULL, timeout=20, check=True)
        argv, stdin = json.loads(file.read_text())
        return argv, stdin

    def keep_session(self, preset: Preset) -> None:
        """Leave what the runtime leaves of a session that can go on."""
        if preset.kept:
            file = self.agent_dir / preset.kept.replace("*", "x").replace("{session}", SESSION)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(preset.kept_has)
