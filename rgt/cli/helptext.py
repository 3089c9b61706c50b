"""The help pages as text, which `bin/rgt` prints without starting anything, and the same as documentation.

`python -m rgt.cli.helptext` writes both; a test holds them against the command tree. Pages of `help.txt` are separated
by form feeds; the first line of each is the command line that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rgt
from rgt.cli.app import program

FILE = Path(__file__).with_name("help.txt")
DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
COLUMNS = 80


def commands(node: Any = None, path: tuple[str, ...] = ("rgt",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group of the tree with its words, groups before what they hold, hidden ones left out."""
    node = node if node is not None else program()
    yield path, node
    for name, child in getattr(node, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, (*path, name))


def page(path: tuple[str, ...], node: Any) -> str:
    """What `--help` of this command prints on a terminal of 80 columns."""
    context: Any = None
    parent: Any = program()
    for index, word in enumerate(path):
        parent = parent if index == 0 else parent.commands[word]
        context = parent.context_class(
            parent, info_name=word, parent=context, terminal_width=COLUMNS - 2, **parent.context_settings
        )
    return str(node.get_help(context)).rstrip() + "\n"


def text() -> str:
    """The whole file."""
    pages = [
        f"rgt version\nrgt {rgt.__version__}\n",
        f"rgt --version\nrgt {rgt.__version__}\n",
        f'rgt version --json\n{{"version": "{rgt.__version__}"}}\n',
    ]
    for path, node in commands():
        name = " ".join(path) if hasattr(node, "commands") else " ".join([*path, "--help"])
        pages.append(f"{name}\n{page(path, node)}")
    return "".join(f"\f{p}" for p in pages)


def document() -> str:
    """`docs/commands.md`: every command with its help."""
    parts = ["# Commands\n\nWritten by `python -m rgt.cli.helptext`. What `--json` prints is in [json.md](json.md).\n"]
    for path, node in commands():
        heading = "##" if len(path) <= 2 else "###"
        parts.append(f"{heading} {' '.join(path)}\n\n```text\n{page(path, node)}```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(text())
    DOCUMENT.write_text(document())
