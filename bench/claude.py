"""Claude Code as a polecat, from its start until it is ready, beside the bare program in tmux; its model is a stub."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.figures import Figure
from bench.harness import alternately, commandline, count, live, repository, timed, wait_for
from rgt.host import processes
from tests.claude.conftest import KEY, PROGRAM
from tests.claude.stub import Stub, stub
from tests.story.inside import nobody_has
from tests.town import LiveTown

REST = 3.0
"""Seconds before each start."""
BARE = "`claude` in tmux, configured as fresh, in a worktree that is there"


def run() -> list[Figure]:
    """Measure until its model hears of the work: before that it has started, read its files and run its hooks."""
    if not PROGRAM.exists():
        print("  Claude Code is not installed: run scripts/install-claude.sh", flush=True)
        return []
    with stub() as api, live(with_program()) as town:
        settings = f'[runtime]\ndefault = "claude"\n[runtime.claude]\nbase_url = "{api.url}"\n'
        town.home.town_toml.write_text(town.home.town_toml.read_text() + settings)
        town.add_rig("api", repository(town, "api"))
        bare = Bare(town, api, repository(town, "bare"))
        own: list[float] = []
        slung, alone = alternately(count(15), rested(lambda: polecat(town, api, own)), rested(bare.start))
        bare.stop()
    return [
        Figure("Claude Code: sling → it asks its model", slung, BARE, alone, {"times": 1.2}),
        Figure("Claude Code: its process → it asks its model", own[1:], BARE, alone, {"times": 1.2}),
    ]


def rested(start: Callable[[], float]) -> Callable[[], float]:
    """Both come to a machine that was idle for as long, in which the town has filled its pool again: some machines are
    slower after a rest."""

    def measure() -> float:
        time.sleep(REST)
        return start()

    return measure


def with_program() -> dict[str, str]:
    """The environment of a town that finds Claude Code, with a key that is none."""
    return {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "ANTHROPIC_API_KEY": KEY}


class Bare:
    """The floor: the program with a first prompt, and nothing of ours around it."""

    def __init__(self, town: LiveTown, api: Stub, worktree: Path) -> None:
        self.api = api
        self.worktree = worktree
        self.root = town.root / "bare-claude"
        quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        self.env = {**town.env, **quiet, "ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": KEY}
        self.tmux = ["tmux", "-S", str(town.root / "bare.tmux"), "-f", str(town.home.tmux_conf)]
        self.starts = 0

    def start(self) -> float:
        """Milliseconds from `tmux new-session` until the model is asked; afterwards its process is gone."""
        self.starts += 1
        name = f"bare-{self.starts}-of-these"
        config = self.root / name
        config.mkdir(parents=True)
        # Without this it would wait at dialogs.
        state = {"hasCompletedOnboarding": True, "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []}}
        state["projects"] = {str(self.worktree): {"hasTrustDialogAccepted": True}}
        (config / ".claude.json").write_text(json.dumps(state))
        self.api.bodies.clear()
        began = time.perf_counter()
        words = ["new-session", "-d", "-s", name, "-c", str(self.worktree), "-e", f"CLAUDE_CONFIG_DIR={config}"]
        claude = ["claude", "--permission-mode", "dontAsk", f"say {name}"]
        timed([*self.tmux, *words, *claude], self.env, self.worktree)
        took = heard(self.api, name, began)
        pid = subprocess.check_output([*self.tmux, "display-message", "-p", "-t", name, "#{pane_pid}"], env=self.env)
        timed([*self.tmux, "kill-session", "-t", name], self.env, self.worktree)
        # It goes on for a quarter of a second, which would be taken from whatever is measured next.
        wait_for(lambda: not psutil.pid_exists(int(pid)))
        return took

    def stop(self) -> None:
        """End its tmux server."""
        subprocess.run([*self.tmux, "kill-server"], env=self.env, capture_output=True, timeout=20)


def polecat(town: LiveTown, api: Stub, own: list[float]) -> float:
    """Milliseconds from a sling until the model of its agent is asked, those of its process alone go to `own`;
    afterwards the agent is gone."""
    item = town.create("say hello")
    api.bodies.clear()
    began = time.perf_counter()
    timed(commandline("sling", item, "--target", "api"), town.env, town.root)
    took, now = heard(api, item, began), time.clock_gettime(time.CLOCK_BOOTTIME)
    [pid] = [row["pid"] for row in town.working() if row["item"] == item]
    process = processes.identify(pid)
    assert process
    own.append((now - process.started / os.sysconf("SC_CLK_TCK")) * 1e3)
    town.rgt("unsling", item)
    nobody_has(town, item)
    return took


def heard(api: Stub, text: str, began: float) -> float:
    """Milliseconds until the model is asked something with this text."""
    wait_for(lambda: any(body.get("tools") and text in json.dumps(body) for body in list(api.bodies)))
    return (time.perf_counter() - began) * 1e3
