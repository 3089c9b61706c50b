"""Files of an agent that runs Copilot CLI: a COPILOT_HOME of its own, with settings and hooks."""

from __future__ import annotations

from rgt.host import nolinks
from rgt.host.runtimes.provision import TOWN_VARIABLES, Where, api_key, hook_words, setting, write_json

EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "Stop", "PreCompact", "SessionEnd")
"""Claude's names, for which Copilot gives Claude's keys."""
TIMEOUT = 20
"""Seconds that a hook may take."""


def provision(where: Where) -> dict[str, str]:
    """Write settings and hooks; gives COPILOT_HOME and the token."""
    trusted = [str(where.worktree)]
    settings = {
        "trustedFolders": trusted,
        "banner": "never",
        "showTipsOnStartup": False,
        "includeCoAuthoredBy": False,
        "autoUpdate": False,
        "keepAlive": "off",
        "ide": {"autoConnect": False},
    }
    write_json(where, "copilot/settings.json", settings)
    write_json(where, "copilot/config.json", {"trusted_folders": trusted})
    hooks = {event: [_hook(where, "event")] for event in EVENTS}
    hooks["PreToolUse"] = [_hook(where, "guard")]
    write_json(where, "copilot/hooks/rgt.json", {"version": 1, "hooks": hooks})
    mcp = "copilot/mcp-config.json"
    if setting(where, "mcp", False):
        passed = {name: f"${{{name}}}" for name in TOWN_VARIABLES}
        server = {"type": "local", "command": where.rgt, "args": ["mcp"], "env": passed, "tools": ["*"]}
        write_json(where, mcp, {"mcpServers": {"rgt": server}})
    else:
        nolinks.remove(where.agent_dir, mcp)
    return {"COPILOT_HOME": str(where.agent_dir / "copilot"), **api_key(where, "COPILOT_GITHUB_TOKEN")}


def _hook(where: Where, job: str) -> dict[str, object]:
    program, *args = hook_words(where, "copilot", job)
    return {"type": "command", "exec": program, "args": args, "timeoutSec": TIMEOUT}
