"""The command tree: one module per group, of which a process imports those that it needs."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import typer

MODULES = {
    "system": ("install", "start", "stop", "up", "down", "sessions", "version", "worker"),
    "status": ("status",),
    "feed": ("feed",),
    "log": ("log",),
    "doctor": ("doctor",),
    "work": ("work", "sling", "unsling", "hook", "done", "escalate", "prime"),
    "queue": ("mq", "needs"),
    "agents": ("agents", "polecat", "crew", "attach"),
    "memory": ("checkpoint", "handoff", "session"),
    "mail": ("mail", "chat"),
    "rigs": ("rig",),
    "costs": ("cost", "budget"),
    "config": ("config",),
    "completions": ("completions", "complete"),
    "lsp": ("lsp",),
    "mcp": ("mcp",),
    "editor": ("editor",),
    "demo": ("demo",),
}
"""Modules of this package in the order of the help page, with the first words of their commands."""


@functools.cache
def program(word: str = "") -> Any:
    """The command tree; of the commands that begin with `word` alone, when there are such."""
    app = typer.Typer(
        name="rgt",
        help="The town of AI coding agents that lives in your editor.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Every command takes --json (one JSON document on stdout) and -q (no remarks).",
    )
    # With one command alone, typer would make it the whole program.
    app.callback()(lambda: None)
    for name in [name for name, words in MODULES.items() if word in words] or MODULES:
        importlib.import_module(f"rgt.cli.{name}").add_to(app)
    return typer.main.get_command(app)
