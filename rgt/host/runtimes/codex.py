"""Files of an agent that runs Codex: a CODEX_HOME of its own, with its configuration and hooks."""

from __future__ import annotations

import shlex
from pathlib import Path

import tomlkit

from rgt.host import nolinks
from rgt.host.runtimes.provision import TOWN_VARIABLES, Where, api_key, hook_words, setting, write_json
from rgt.model.errors import RgtError

EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "PreCompact", "SessionEnd")
TIMEOUT = 20
"""Seconds that a hook may take."""
KEY = "OPENAI_API_KEY"


def provision(where: Where) -> dict[str, str]:
    """Write config.toml and hooks.json; gives CODEX_HOME and the API key."""
    nolinks.write(where.agent_dir, "codex/config.toml", tomlkit.dumps(_config(where)))
    hooks = {event: [_hook(where, "event")] for event in EVENTS}
    write_json(where, "codex/hooks.json", {"hooks": {**hooks, "PreToolUse": [_hook(where, "guard")]}})
    auth = setting(where, "auth", "api-key")
    if auth not in ("api-key", "shared"):
        raise RgtError("invalid", f"`auth` must be api-key or shared, not {auth[:40]}", "see docs/runtimes.md")
    home = where.agent_dir / "codex"
    nolinks.remove(where.agent_dir, "codex/auth.json")
    if auth == "shared":
        # A copy would be worthless once either side refreshes its token.
        (home / "auth.json").symlink_to(Path("~/.codex/auth.json").expanduser())
    return {"CODEX_HOME": str(home), **(api_key(where, KEY) if auth == "api-key" else {})}


def _config(where: Where) -> dict[str, object]:
    key = setting(where, "key_env", KEY)
    config: dict[str, object] = {
        # The fences are the guard, the sandbox of the town, and that only the merge queue moves the target.
        "approval_policy": "never",
        "sandbox_mode": "danger-full-access",
        "check_for_update_on_startup": False,
        "notice": {"hide_full_access_warning": True},
        "analytics": {"enabled": False},
        # By default a shell would not get GTR_TOKEN, for its name.
        "shell_environment_policy": {"inherit": "all", "ignore_default_excludes": True, "exclude": [key]},
        # Of a place that is not trusted it asks whether to open it.
        "projects": {path: {"trust_level": "trusted"} for path in _places(where)},
    }
    if setting(where, "auth", "api-key") == "api-key":
        url = setting(where, "base_url", "https://api.openai.com/v1")
        provider = {"name": "OpenAI", "base_url": url, "env_key": key, "wire_api": "responses"}
        config |= {"model_provider": "town", "model_providers": {"town": provider}}
    if setting(where, "mcp", False):
        config["mcp_servers"] = {"rgt": {"command": where.rgt, "args": ["mcp"], "env_vars": list(TOWN_VARIABLES)}}
    return config


def _places(where: Where) -> list[str]:
    return [str(path) for path in (where.worktree, where.hub, where.rig_path) if str(path)]


def _hook(where: Where, job: str) -> dict[str, object]:
    command = shlex.join(hook_words(where, "codex", job))
    return {"hooks": [{"type": "command", "command": command, "timeout": TIMEOUT}]}
