"""The command tree: one module per group."""

from __future__ import annotations

import typer

from rgt.cli import agents, completions, config, demo, doctor, feed, log, queue, rigs, status, system, work

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
for module in (system, status, feed, log, doctor, work, queue, agents, rigs, config, completions, demo):
    module.add_to(app)
