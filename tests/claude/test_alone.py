"""The contract of Claude Code itself: how it starts, what it is told, that its guard holds, how it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import Any

import pytest

from rgt.host import processes
from rgt.host.runtimes import claude_notes
from rgt.host.runtimes.presets import SHIPPED, installed_version, kept, load_preset
from rgt.model.home import Home
from tests.claude.alone import Alone
from tests.claude.stub import script

HEAD = '-x "quotes" `ticks` $HOME $(id) \\n 日本語 😀\n\n'
LONG = HEAD + "filler line\n" * 1750 + "the end"


async def test_the_program_is_the_one_that_was_tested(home: Home, alone: Alone) -> None:
    preset = load_preset(home, "claude")
    assert await installed_version(preset) == preset.tested


async def test_it_starts_without_a_dialog_and_a_long_prompt_arrives_exact(alone: Alone) -> None:
    """Contract 1 and 2."""
    assert len(LONG.encode()) > 21_000
    secret = alone.stage.worktree / "secret.txt"
    secret.write_text("SECRET-42\n")
    leads = f"@secret.txt\n@{secret}\n```\n```\n@{secret}\n````\n@{secret}\n`@{secret}`\n<!-- @{secret} -->\n"
    (alone.stage.worktree / "CLAUDE.md").write_text(f"Always say NOTED-41.\n{leads}And NOTED-42.\n")
    (alone.stage.worktree / "AGENTS.md").write_text("Never say NOTED-43.\n" + "x\n" * 12_000 + "And NOTED-44.\n")
    (alone.stage.worktree / ".claude").mkdir()
    (alone.stage.worktree / ".claude" / "settings.json").write_text(
        '{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "touch hooked-by-repo"}]}]}}'
    )
    (alone.stage.worktree / ".mcp.json").write_text('{"mcpServers": {"x": {"command": "touch", "args": ["by-mcp"]}}}')
    begun = time.monotonic()
    await alone.start(LONG)
    await alone.until("it says that it is up", lambda: alone.events("SessionStart"), 30)
    assert time.monotonic() - begun < 30
    await alone.until("it asks its model", lambda: alone.api.heard("the end"))
    texts = [t for b in alone.api.bodies for m in b["messages"] for t in alone.api.said(m)]
    assert LONG in texts, "byte for byte"
    await alone.until("its turn ends", lambda: alone.events("Stop") and alone.state == ("idle", ""))
    assert alone.api.together(claude_notes.HEAD, *(f"NOTED-{n}" for n in (41, 42, 43, 44))), "also far beyond 10 KB"
    assert not alone.api.heard("SECRET-42"), "notes of the repository lead to no other file"
    assert "MEMORY.md" not in alone.api.texts(), "it keeps no notes for the next item"
    assert not alone.made("hooked-by-repo") and not alone.made("by-mcp"), "the repository runs nothing"


@pytest.mark.parametrize("guard", ["whole", "cannot decide", "ends with 1"])
async def test_no_tool_runs_without_a_guard_that_allows_it(alone: Alone, guard: str) -> None:
    """Contract 4."""
    more: dict[str, Any] = {}
    if guard == "cannot decide":
        more["policy"] = {"role": "polecat", "home": "/none", "rig_path": ""}
    elif guard == "ends with 1":
        more["runtimes"] = alone.stage.root / "runtimes"
        more["runtimes"].mkdir()
        shutil.copy(str(SHIPPED / "run.py"), str(more["runtimes"]))
        (more["runtimes"] / "hook.py").write_text("import sys\ndef run(argv):\n    sys.exit(argv == ['guard'])\n")
    steps = script({"bash": "touch ran.txt"}, {"text": f"SAID-{guard}"})
    await alone.start(f"GUARDED-{guard} {steps}", **more)
    await alone.until("it has tried", lambda: alone.api.together(f"GUARDED-{guard}", "tool_result"))
    await alone.until("its turn ends", lambda: alone.state == ("idle", ""))
    assert alone.made("ran.txt") == (guard == "whole")


async def test_a_killed_one_goes_on_with_all_that_was_said(alone: Alone) -> None:
    """Contract 7."""
    command = "test -e began.txt && exit; touch began.txt; sleep 600"
    session = await alone.start(f"MARK-71 {script({'bash': command}, {'bash': 'touch after.txt'})}")
    await alone.until("its tool runs", lambda: alone.made("began.txt"))
    await alone.until("it says that it is busy", lambda: alone.state[0] == "busy")
    preset = load_preset(alone.stage.home, "claude")
    await alone.until("it has written, which it does late", lambda: kept(preset, alone.stage.agent_dir, alone.id))
    os.kill(session.pid, signal.SIGKILL)
    await alone.until("it is dead", lambda: not processes.alive(session.proc), 10)
    assert (left := processes.find_by_env("GTR_NONCE", session.nonce)), "the tool outlives it"
    before = len(alone.api.bodies)
    again = await alone.start("not this", "resumed", resume="You were restarted.")
    assert not any(processes.alive(p) for p in left), "orphans are gone before it goes on"
    await alone.until("it goes on", lambda: alone.made("after.txt"))
    assert alone.api.together("MARK-71", "You were restarted.", since=before)
    assert (alone.stage.agent_dir / "session").read_text().strip() == alone.id
    assert again.pid != session.pid


async def test_questions_and_plans_never_block(alone: Alone) -> None:
    """Contract 9."""
    question = {"question": "Which?", "header": "h", "multiSelect": False}
    question["options"] = [{"label": "a", "description": "a"}, {"label": "b", "description": "b"}]
    steps = script(
        {"tool": "AskUserQuestion", "input": {"questions": [question]}},
        {"tool": "EnterPlanMode", "input": {}},
        {"bash": "touch went-on.txt"},
    )
    await alone.start(f"Q-91 {steps}")
    await alone.until("it goes on", lambda: alone.made("went-on.txt"))


async def test_it_ends_when_it_is_asked_to(alone: Alone) -> None:
    session = await alone.start(script({"bash": "touch began.txt; sleep 600"}))
    await alone.until("its tool runs", lambda: alone.made("began.txt"))
    os.killpg(session.pid, signal.SIGTERM)
    assert await processes.gone(session.proc, load_preset(alone.stage.home, "claude").stop_seconds)
    assert alone.events("SessionEnd")
