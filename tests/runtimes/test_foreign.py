"""Hooks of runtimes that are not Claude Code: what they say is translated, and so is what they are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rgt.client.handlers.hooks import GIVING, said
from rgt.host.config import write_file
from rgt.host.runtimes import presets
from rgt.model.home import Home
from rgt.model.messages import AgentEvent
from tests.eventually import eventually
from tests.host.stage import EVERY, Town

GUARD = """\
import json, os, sys
def run(argv):
    answer = json.loads(os.environ["ANSWER"])
    if "out" in answer:
        print(json.dumps(answer["out"]))
    print(answer.get("err", ""), file=sys.stderr)
    sys.exit(answer.get("code", 0))
"""
DENY = {"hookSpecificOutput": {"permissionDecision": "deny", "permissionDecisionReason": "no pushes"}}
TELL = {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "mail", "watchPaths": ["/bell"]}}
MORE = {"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "more"}}
AGAIN = {"decision": "block", "reason": "more"}


def denial(event: str, reason: str) -> dict[str, Any]:
    inner = {"hookEventName": event, "permissionDecision": "deny", "permissionDecisionReason": reason}
    return {"hookSpecificOutput": inner}


def told(event: str) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": "mail"}}


DIALECTS: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("codex", "guard", "PreToolUse", {"out": DENY}, denial("PreToolUse", "no pushes")),
    ("codex", "guard", "PreToolUse", {"code": 1, "err": "broken"}, denial("PreToolUse", "broken")),
    ("codex", "guard", "PreToolUse", {"code": 2, "err": "no"}, denial("PreToolUse", "no")),
    ("codex", "guard", "PreToolUse", {}, {}),
    ("codex", "event", "PostToolUse", {"out": TELL}, told("PostToolUse")),
    ("codex", "event", "Stop", {"out": MORE}, AGAIN),
    ("codex", "event", "Stop", {"code": 1, "err": "broken"}, {}),
    ("gemini", "guard", "BeforeTool", {"out": DENY}, {"decision": "deny", "reason": "no pushes"}),
    ("gemini", "event", "AfterTool", {"out": TELL}, told("AfterTool")),
    ("gemini", "event", "AfterAgent", {"out": MORE}, {"decision": "deny", "reason": "more"}),
    (
        "copilot",
        "guard",
        "PreToolUse",
        {"out": DENY},
        {"permissionDecision": "deny", "permissionDecisionReason": "no pushes"},
    ),
    ("copilot", "event", "PostToolUse", {"out": TELL}, {"additionalContext": "mail"}),
    ("copilot", "event", "Stop", {"out": MORE}, AGAIN),
    (
        "opencode",
        "guard",
        "PreToolUse",
        {"code": 1},
        {"decision": "deny", "reason": "the guard failed with exit code 1"},
    ),
    ("opencode", "event", "Stop", {"out": MORE}, {"reason": "more"}),
]


@pytest.mark.parametrize(("runtime", "job", "event", "answer", "expected"), DIALECTS)
def test_hooks_are_translated_both_ways(
    tmp: Path, runtime: str, job: str, event: str, answer: dict[str, Any], expected: dict[str, Any]
) -> None:
    ran, asked = foreign(tmp, runtime, job, {"hook_event_name": event, "tool_name": "x"}, answer)
    assert (ran.returncode, json.loads(ran.stdout or "{}"), ran.stderr) == (0, expected, "")
    assert job == "guard" or asked[0]["event"] == {"AfterTool": "PostToolUse", "AfterAgent": "Stop"}.get(event, event)
    confirmed = [a["had"] for a in asked if "had" in a]
    assert confirmed == ([["r1"]] if expected and job == "event" else []), "what is dropped is not had"


def test_copilot_is_told_nothing_where_it_would_drop_it(tmp: Path) -> None:
    ran, asked = foreign(tmp, "copilot", "event", {"hook_event_name": "UserPromptSubmit"}, {})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert said(asked[0]["event"], {}, 1) == AgentEvent(kind="busy", generation=1)
    assert asked[0]["event"] not in GIVING


def test_a_guard_whose_program_is_missing_refuses(tmp: Path) -> None:
    for name in ("run.py", "foreign.py"):
        write_file(tmp / name, (presets.SHIPPED / name).read_text())
    given = '{"hook_event_name": "PreToolUse"}'
    for job in ("guard", "event"):
        argv = [sys.executable, "-IS", str(tmp / "run.py"), "foreign", "codex", job]
        ran = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=20)
        assert (ran.returncode, '"deny"' in ran.stdout) == (0, job == "guard"), ran.stderr


def foreign(
    tmp: Path, runtime: str, job: str, given: dict[str, Any], answer: dict[str, Any]
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """Run a hook of another runtime: its end, and what the town was told. `answer` is that of the town, or of the
    guard."""
    for name in ("run.py", "foreign.py", "hook.py"):
        write_file(tmp / name, (presets.SHIPPED / name).read_text())
    if job == "guard":
        write_file(tmp / "hook.py", GUARD)
    town = Town(Home(tmp / "gtr"))
    town.answers[EVERY] = [{**answer, "receipt": "r1"}]
    env = {"GTR_ROOT": str(tmp / "gtr"), "RGT_AGENT_DIR": str(tmp), "ANSWER": json.dumps(answer)}
    argv = [sys.executable, "-IS", str(tmp / "run.py"), "foreign", runtime, job]
    ran = subprocess.run(argv, input=json.dumps(given), env=env, capture_output=True, text=True, timeout=20)
    if job == "event" and ran.stdout:
        # The hook does not wait until that is heard.
        eventually(lambda: any("had" in asked["args"] for asked in town.heard))
    town.close()
    return ran, [asked["args"] for asked in town.heard]
