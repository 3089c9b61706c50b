"""Files of an agent that runs Gemini CLI: a home of its own with one settings file."""

from __future__ import annotations

import shlex

from rgt.host.runtimes.provision import TOWN_VARIABLES, Where, api_key, hook_words, setting, write_json

EVENTS = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "PreCompress", "SessionEnd", "Notification")
TIMEOUT = 20_000
"""Milliseconds that a hook may take."""


def provision(where: Where) -> dict[str, str]:
    """Write settings.json; gives the home and the API key."""
    settings: dict[str, object] = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "ui": {"hideBanner": True, "hideTips": True},
        "context": {"fileName": ["AGENTS.md", "GEMINI.md"]},
        "security": {
            "auth": {"selectedType": "gemini-api-key"},
            "folderTrust": {"enabled": False},
            "environmentVariableRedaction": {"allowed": list(TOWN_VARIABLES)},
        },
        "tools": {"exclude": ["ask_user"]},
        "hooksConfig": {"notifications": False},
        "hooks": {**{event: [_hook(where, "event")] for event in EVENTS}, "BeforeTool": [_hook(where, "guard")]},
    }
    if setting(where, "mcp", False):
        passed = {name: f"${name}" for name in TOWN_VARIABLES}
        settings["mcpServers"] = {"rgt": {"command": where.rgt, "args": ["mcp"], "env": passed, "trust": True}}
    write_json(where, "gemini/.gemini/settings.json", settings)
    return {"GEMINI_CLI_HOME": str(where.agent_dir / "gemini"), **api_key(where, "GEMINI_API_KEY")}


def _hook(where: Where, job: str) -> dict[str, object]:
    command = shlex.join(hook_words(where, "gemini", job))
    return {"hooks": [{"type": "command", "name": f"rgt-{job}", "command": command, "timeout": TIMEOUT}]}
