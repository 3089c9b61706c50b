"""Tables, trees and colours for terminals; quick, since the worker renders for everybody."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from rgt.model.times import age

COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}
STATES = {
    "open": "",
    "blocked": "red",
    "queued": "yellow",
    "assigned": "cyan",
    "in_progress": "cyan",
    "submitted": "blue",
    "merging": "magenta",
    "testing": "magenta",
    "merged": "green",
    "closed": "dim",
    "failed": "red",
    "starting": "yellow",
    "working": "cyan",
    "running": "cyan",
    "idle": "dim",
    "waiting": "yellow",
    "limited": "yellow",
    "stuck": "red",
    "paused": "red",
    "parked": "yellow",
    "down": "dim",
    "asleep": "dim",
    "lost": "red",
    "up": "green",
}
"""Colour of a state."""
PLAIN = str.maketrans(
    {"├": "|", "└": "`", "│": "|", "─": "-", "●": "*", "◐": "+", "○": "o", "✓": "+", "✗": "x"}
    | {"…": "...", "→": "->", "·": "-", "—": "-"}
)
"""What stands for the signs that we draw with."""
ESCAPE = "\ud800"
"""Stands for the ESC of our own colours until `on_terminal`; no text that is stored can have it."""
SAFE = {c: f"\\x{c & 0xFF:02x}" for c in (*range(32), *range(127, 160), *range(0xDC80, 0xDD00)) if c not in (9, 10)}
"""How characters are shown that a terminal would obey, and bytes that are none."""


@dataclass(frozen=True)
class Painter:
    """Draws for a terminal of so many columns, with or without colour."""

    columns: int
    colour: bool

    def paint(self, text: str, colour: str) -> str:
        """`text` in a colour of `COLOURS`."""
        if not self.colour or not colour:
            return text
        return f"{ESCAPE}[{COLOURS[colour]}m{text}{ESCAPE}[0m"

    def state(self, state: str) -> str:
        """A state in its colour."""
        return self.paint(state, STATES.get(state, ""))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int = -1, state: int = -1) -> str:
        """A table as wide as its cells; column `flexible` gives way when the terminal is narrow.

        Column `state` is coloured by its state."""
        if not rows:
            return ""
        head, *lines = self.columns_of([heads, *rows], flexible=flexible, state=state)
        return "\n".join([self.paint(head, "bold"), *lines])

    def columns_of(self, rows: Sequence[Sequence[str]], *, flexible: int = -1, state: int = -1) -> list[str]:
        """Rows as lines whose cells stand under each other, as in `table`."""
        rows = [[visible(cell) for cell in row] for row in rows]
        simple = all(cell.isascii() for row in rows for cell in row)
        measure = len if simple else cell_len
        widths = [max(measure(c) for c in column) for column in zip(*rows, strict=True)]
        over = sum(widths) + 2 * (len(widths) - 1) - self.columns
        if over > 0 and flexible >= 0:
            widths[flexible] = min(widths[flexible], max(12, widths[flexible] - over))
        lines = []
        for row in rows:
            cells = [_fit(c, w, simple) for c, w in zip(row, widths, strict=True)]
            if state >= 0 and self.colour:
                cells[state] = self.paint(cells[state], STATES.get(row[state], ""))
            lines.append("  ".join(cells).rstrip())
        return lines


def visible(text: str) -> str:
    """`text` with control characters as people can read them (`\\x1b`), so that it does nothing to a terminal."""
    return text if text.isprintable() else text.replace("\r\n", "\n").translate(SAFE)


def on_terminal(text: str) -> str:
    """What we have drawn, with our own colours, and nothing that agents or others have written does more than that."""
    return visible(text).replace(ESCAPE, "\x1b")


def width_of(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def cut_to(text: str, width: int) -> str:
    """`text`, shortened to so many columns."""
    text = visible(text)
    return text if width_of(text) <= width else _fit(text, width, text.isascii()).rstrip()


def _fit(cell: str, width: int, plain: bool) -> str:
    if plain:
        return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"
    return set_cell_size(cell, width) if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"


def plain(text: str) -> str:
    """`text` with the signs that we draw with in ASCII, for terminals that know no other."""
    return text.translate(PLAIN)


def clock(text: str) -> str:
    """A time of day where the worker runs, from ISO text: `01-31 13:00:00`."""
    return datetime.fromisoformat(text).astimezone().strftime("%m-%d %H:%M:%S")


def since(milliseconds: int) -> str:
    """How long ago this moment was, for a column `age`."""
    return age(int(time.time() - milliseconds / 1000)) if milliseconds else ""
