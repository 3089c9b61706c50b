"""What runs at every use of a tool: the guard's decision, and an event that goes to the gateway, with mail too."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.harness import alternately, commandline, count, fifo, live, repository, running_since, timed
from rgt.model.guard import policy_for
from tests.story.inside import RUN, Inside, agent_of
from tests.town import LiveTown

LINE = 'cd src && pytest -q -k "push and not kill" 2>&1 | tail -20 && git commit -am "$(cat message)"'


def run() -> list[Figure]:
    """Measure; the floor is a Python that does nothing."""
    with live() as town:
        directory, worktree = town.root / "agent", town.root / "worktree"
        directory.mkdir()
        worktree.mkdir()
        where = {"worktree": str(worktree), "hub": str(town.root / "hub.git"), "home": str(town.home.root)}
        policy = policy_for("polecat", branch="polecat/nux/gt-1", target="main", **where)
        (directory / "policy.json").write_text(json.dumps(policy))
        env = {**town.env, "RGT_AGENT_DIR": str(directory)}
        tool = {"tool_name": "Bash", "tool_input": {"command": LINE}, "session_id": "s", "cwd": str(worktree)}

        def call(job: str, name: str) -> float:
            return _timed([RUN, "hook", job], {"hook_event_name": name, **tool}, env, worktree)

        guard, event, floor = alternately(
            count(100),
            lambda: call("guard", "PreToolUse"),
            lambda: call("event", "PostToolUse"),
            lambda: _timed(["-c", "pass"], {}, env, worktree),
        )
        agent = _agent(town)
        [working] = alternately(count(50), lambda: _event(agent))
        [letter] = alternately(count(50), lambda: _event(agent, "have you seen the failing test?"))
    name = "a Python that does nothing"
    return [
        Figure("hook: the guard decides", guard, name, floor, {"median": 40}),
        Figure("hook: an event and its answer", event, name, floor, {"median": 40}),
        Figure("hook: an event of an agent at work", working, name, floor, {"median": 40}),
        Figure("hook: an event that gives a letter", letter, name, floor, {"median": 40}),
    ]


def _agent(town: LiveTown) -> Inside:
    """An agent that waits, whose hooks we run."""
    town.add_rig("api", repository(town, "api"))
    item = town.create("hooks")
    fifo(town, item)
    timed(commandline("sling", item, "--target", "api", "--runtime", "bench"), town.env, town.root)
    running_since(town, item)
    return agent_of(town, item)


def _event(agent: Inside, letter: str = "") -> float:
    """One use of a tool, at which the agent is given the letter."""
    if letter:
        agent.town.rgt("mail", "send", agent.env["GTR_ADDRESS"], letter)
    given = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "session_id": "s"}
    return _timed([RUN, "hook", "event"], given, agent.env, agent.cwd, letter)


def _timed(words: list[str], given: dict[str, Any], env: dict[str, str], cwd: Path, says: str = "") -> float:
    argv, text = [sys.executable, "-IS", *words], json.dumps(given).encode()
    began = time.perf_counter()
    done = subprocess.run(argv, input=text, env=env, cwd=cwd, capture_output=True, timeout=60)
    took = (time.perf_counter() - began) * 1e3
    right = says in done.stdout.decode() and bool(says) == bool(done.stdout)
    assert done.returncode == 0 and right, f"{argv} → {done.returncode}: {done.stdout!r} {done.stderr!r}"
    return took
