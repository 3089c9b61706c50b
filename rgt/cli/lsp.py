"""`rgt lsp`: the language server for editors, a program of its own."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from rgt.cli.session import session


async def lsp(
    ctx: typer.Context,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak on stdio, as it does in any case.")] = False,
) -> None:
    """Serve the town to an editor as a language server (on stdio)."""
    session(ctx).must_be_local("rgt lsp")
    os.execv(sys.executable, [sys.executable, "-P", "-m", "rgt.lsp"])


def add_to(app: typer.Typer) -> None:
    """Add `lsp`."""
    app.command()(lsp)
