"""Files of an agent that runs Claude Code: what it must find so that no dialog waits for a person, and its settings."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from rgt.host import nolinks
from rgt.host.runtimes import claude_notes
from rgt.host.runtimes.provision import Where, api_key, program, setting, write_json
from rgt.model.errors import RgtError
from rgt.model.guard import permissions

TOKEN, KEY = "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"
HOME, STATE = "claude", "claude/.claude.json"
"""Its configuration directory, and what it remembers there, below the agent's directory."""
LARGEST = 16 << 20
"""Bytes of what it remembers."""
TIMEOUT = 20
"""Seconds that a hook may take."""
EVENTS = (
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "StopFailure",
    "Notification",
    "PermissionRequest",
    "PreCompact",
)
"""Events that the town hears of."""
SHOWN = 20
"""Last characters of an API key by which Claude Code remembers that a person approved of it."""


def provision(where: Where) -> dict[str, str]:
    """Write settings.json and the configuration directory; gives CLAUDE_CONFIG_DIR and what logs it in."""
    env = environment(where)
    write_json(where, STATE, _state(where, env.get(KEY, "")))
    nolinks.write(where.agent_dir, f"{HOME}/CLAUDE.md", claude_notes.notes(where.worktree))
    write_json(where, "settings.json", _settings(where))
    write_json(where, "ask.json", {"disableAllHooks": True, **_helper(where)})
    servers = {"rgt": {"command": where.rgt, "args": ["mcp"]}} if setting(where, "mcp", False) else {}
    write_json(where, "mcp.json", {"mcpServers": servers})
    nolinks.write(where.agent_dir, "bell", "", watched=True)
    # As root, Claude Code works without asking only where it is told that nothing else is at stake.
    root = {"IS_SANDBOX": "1"} if os.geteuid() == 0 else {}
    return {**env, **root, **_shell(where)}


def environment(where: Where) -> dict[str, str]:
    """Where it keeps its sessions, and what logs it in."""
    url = setting(where, "base_url", "")
    return {
        "CLAUDE_CONFIG_DIR": str(where.agent_dir / HOME),
        **_login(where),
        **({"ANTHROPIC_BASE_URL": url} if url else {}),
    }


def _helper(where: Where) -> dict[str, str]:
    return {"apiKeyHelper": setting(where, "helper", "")} if setting(where, "auth", "") == "helper" else {}


def _login(where: Where) -> dict[str, str]:
    """Variables that log it in. A refresh token is never copied: two users of one end each other's session."""
    auth = setting(where, "auth", "setup-token" if os.environ.get(TOKEN) else "api-key")
    if auth == "api-key":
        found = api_key(where, KEY)
        return {KEY: next(iter(found.values()))} if found else {}
    if auth == "setup-token":
        name = setting(where, "token_env", TOKEN)
        return {TOKEN: value} if (value := os.environ.get(name, "")) else {}
    if auth == "helper":
        if not setting(where, "helper", ""):
            raise RgtError("invalid", "[runtime.claude] auth = helper needs `helper`", "a command that prints a key")
        return {}
    raise RgtError("invalid", f"`auth` must be setup-token, api-key or helper, not {auth[:40]}", "see docs/runtimes.md")


def _state(where: Where, key: str) -> dict[str, Any]:
    """`.claude.json`, with what Claude Code itself has written there before."""
    try:
        state = json.loads(nolinks.read(where.agent_dir, STATE, LARGEST))
    except (OSError, ValueError, RecursionError):
        state = {}
    if not isinstance(state, dict):
        state = {}
    state["hasCompletedOnboarding"] = True
    # A key so short is of no real account, and would stand here whole.
    if len(key) >= 2 * SHOWN:
        state["customApiKeyResponses"] = {"approved": [key[-SHOWN:]], "rejected": []}
    # Trust is looked up for the worktree and for the repository that it belongs to.
    projects = state["projects"] = _table(state.get("projects"))
    for place in filter(None, (str(where.worktree), str(where.hub), where.rig_path)):
        projects[place] = {**_table(projects.get(place)), "hasTrustDialogAccepted": True}
    return state


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shell(where: Where) -> dict[str, str]:
    """Its tools run in login shells, which set PATH anew: the town's own programs come first again."""
    bin = Path(where.rgt).parent
    if not bin.is_absolute():
        return {}
    nolinks.write(where.agent_dir, "shell.sh", f'export PATH={shlex.quote(str(bin))}:"$PATH"\n')
    return {"CLAUDE_ENV_FILE": str(where.agent_dir / "shell.sh")}


def _settings(where: Where) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "tui": "default",  # the main screen: scrollback and capture work
        "skipDangerousModePermissionPrompt": True,
        "includeCoAuthoredBy": False,
        "autoUpdates": False,
        # Its own notes would tell the next item of this one; what is to be kept is in checkpoints.
        "autoMemoryEnabled": False,
        **({"permissions": permissions(where.policy)} if "role" in where.policy else {}),
        "hooks": {event: [{"hooks": [_hook(where, "event")]}] for event in EVENTS},
        **_helper(where),
    }
    # By default a hook that is missing, fails or takes too long lets everything pass.
    settings["hooks"]["PreToolUse"] = [{"matcher": "*", "hooks": [_hook(where, "guard", onFailure="block")]}]
    # A change of the bell wakes a session that waits.
    settings["hooks"]["FileChanged"] = [{"hooks": [_hook(where, "bell", asyncRewake=True)]}]
    return settings


def _hook(where: Where, job: str, **more: Any) -> dict[str, Any]:
    command = shlex.join(program(where, "hook", job))
    return {"type": "command", "command": command, "timeout": TIMEOUT, **more}
