"""The reference part of `docs/lsp.md`, made from the code; `python -m rgt.lsp.reference` writes it."""

from __future__ import annotations

import re
import typing
from pathlib import Path
from typing import Any

from lsprotocol import types
from pydantic import BaseModel

from rgt.client.here import Outside
from rgt.client.socket import SocketTown
from rgt.lsp.editor import COMMANDS, OWN
from rgt.lsp.registry import Command
from rgt.lsp.server import RgtServer
from rgt.lsp.settings import Values
from rgt.model.home import Home
from rgt.model.tokens import PERSON

PAGE = Path(__file__).parents[2] / "docs" / "lsp.md"
BLOCK = re.compile(r"(<!-- (\w+): written by `python -m rgt.lsp.reference` -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with fresh blocks."""
    made = {"commands": commands, "editor": editor, "announce": announce, "settings": settings}
    return BLOCK.sub(lambda m: f"{m[1]}\n{made[m[2]]()}\n\n{m[3]}", text)


def offered() -> dict[str, Command]:
    """The commands that a person's editor is told of."""
    home = Home(Path("/"))
    server = RgtServer(Outside(home, PERSON, SocketTown(home)))
    server.greet(types.InitializeParams(capabilities=types.ClientCapabilities()))
    return server.commands


def commands() -> str:
    """Workspace commands with what their object may hold."""
    rows = [f"| `{c.name}` | {c.title} | {_fields(c.args)} |" for _, c in sorted(offered().items())]
    return "\n".join(["| command | what it does | its object |", "|---|---|---|", *rows])


def editor() -> str:
    """Commands of the editor's own."""
    rows = [f"| `{name}` | `{given}` | {what} |" for name, (given, what) in COMMANDS.items()]
    return "\n".join(["| command | its object | what the editor does |", "|---|---|---|", *rows])


def announce() -> str:
    """What an editor may announce below `experimental.rgt`."""
    return "\n".join(["| key | meaning |", "|---|---|", *(f"| `{key}` | {what} |" for key, what in OWN.items())])


def settings() -> str:
    """Settings with their defaults."""
    rows = [f"| `rgt.{f.alias}` | `{str(f.default).lower()}` | {f.description} |" for f in Values.model_fields.values()]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _fields(args: type[BaseModel]) -> str:
    """`id`, `message?`: a question mark for what may be left out."""
    names = [f"`{name}{'' if f.is_required() else '?'}`{_hint(f.annotation)}" for name, f in args.model_fields.items()]
    return ", ".join(names) or "nothing"


def _hint(annotation: Any) -> str:
    return {list: " list", bool: " yes or no", int: " number"}.get(typing.get_origin(annotation) or annotation, "")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
