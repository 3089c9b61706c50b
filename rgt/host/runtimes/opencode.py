"""Files of an agent that runs opencode: its configuration, its sessions, and a plugin that speaks for its hooks."""

from __future__ import annotations

from rgt.host import nolinks
from rgt.host.runtimes.provision import Where, api_key, hook_words, setting, write_json


def provision(where: Where) -> dict[str, str]:
    """Write opencode.json; gives where it and the sessions are, and the API key.

    Configuration is given as a file, not as a directory: into a directory opencode would install packages.
    """
    home = where.agent_dir / "opencode"
    allow = dict.fromkeys(("edit", "bash", "webfetch", "external_directory", "doom_loop"), "allow")
    config: dict[str, object] = {
        "autoupdate": False,
        "share": "disabled",
        "permission": {**allow, "question": "deny"},
        "plugin": [str(where.runtimes / "opencode_plugin.js")],
    }
    if setting(where, "mcp", False):
        config["mcp"] = {"rgt": {"type": "local", "command": [where.rgt, "mcp"], "enabled": True}}
    write_json(where, "opencode/opencode.json", config)
    goes_on = where.mode == "resumed" and nolinks.status(where.agent_dir, "opencode/opencode.db")
    write_json(where, "opencode/hooks.json", {job: hook_words(where, "opencode", job) for job in ("event", "guard")})
    return {
        "OPENCODE_CONFIG": str(home / "opencode.json"),
        "OPENCODE_DB": str(home / "opencode.db"),
        "RGT_HOOKS": str(home / "hooks.json"),
        # With a session that goes on, opencode does not read the option for the prompt: the plugin says it.
        **({"RGT_SAY": str(where.agent_dir / "prompt")} if goes_on else {}),
        **api_key(where, "ANTHROPIC_API_KEY"),
    }
