"""Places in a repository that a gate or a conflict points at; shaped as editors want them, bounded for histories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from rgt.model.base import Model
from rgt.model.plain import without_codes

Severity = Literal["error", "warning", "info"]
MOST = 50
"""Diagnostics that are kept of one gate."""
MESSAGE = 500
"""Characters of a message."""
ROOM = 12_000
"""Characters of JSON of all diagnostics of one gate: they travel through workflow histories."""
PATH, SHORT, TEST = 300, 60, 200


class Diagnostic(Model):
    """One problem that a gate has found. Lines and columns count from 1; 0 means that nobody said."""

    path: str
    """File, relative to the top of the repository, as the tested tree has it."""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    """The column after the last character."""
    severity: Severity = "error"
    code: str = ""
    """The tool's own code for the problem, such as `E0308` or `no-unused-vars`."""
    source: str = ""
    """The tool: pytest, ruff, rustc."""
    message: str = ""
    test: str = ""
    """Id of the test that failed, as its runner takes it."""
    yours: int = 0
    """The line in the author's own head, when it is another one there than `line`."""

    @property
    def place(self) -> str:
        """`path:line:column`, as much of it as is known."""
        return ":".join([self.path, *(str(n) for n in (self.line, self.line and self.column) if n)])

    def words(self) -> str:
        """The message with its code, on one line."""
        text = " ".join(self.message.split())
        return f"{text} [{self.code}]" if self.code and self.code not in text else text


class Clash(Model):
    """A place where two sides changed the same lines. The ranges hold first and last line, 0 when there are none."""

    path: str
    target_line: int = 0
    """First line in the target's file."""
    target_end: int = 0
    yours_line: int = 0
    """First line in the file of the author's head."""
    yours_end: int = 0

    @property
    def place(self) -> str:
        """`path, lines 3-5 (target: 3-9)`."""
        yours, target = _range(self.yours_line, self.yours_end), _range(self.target_line, self.target_end)
        return f"{self.path}, {yours} (target: {target})" if self.yours_line or self.target_line else self.path


def _range(first: int, last: int) -> str:
    if not first:
        return "no line"
    return f"line {first}" if last <= first else f"lines {first}-{last}"


class Kept(Model):
    """Diagnostics as they are kept, and how many more there were."""

    diagnostics: list[Diagnostic] = Field(default_factory=list)
    cut: int = 0


def clean(found: Diagnostic) -> Diagnostic:
    """The diagnostic without terminal codes and control characters, every text of bearable length."""
    short = {"path": PATH, "code": SHORT, "source": SHORT, "message": MESSAGE, "test": TEST}
    return found.model_copy(update={name: _cut(getattr(found, name), size) for name, size in short.items()})


def bounded(found: Iterable[Diagnostic], rank: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> Kept:
    """At most 50 of the diagnostics in 12,000 characters: no place twice, and what the author has changed first.

    `rank` has the author's changed lines by file, as ranges with both ends. Of several diagnostics on one line and
    with one message the first counts.
    """
    distinct: dict[tuple[str, int, str], Diagnostic] = {}
    for one in map(clean, found):
        if one.path:
            distinct.setdefault((one.path, one.line, one.message), one)
    ranges = rank or {}

    def order(one: Diagnostic) -> tuple[bool, int]:
        changed = ranges.get(one.path)
        on_line = any(first <= one.line <= last for first, last in changed or ())
        return one.severity != "error", 0 if on_line else 1 if changed is not None else 2

    kept: list[Diagnostic] = []
    room = ROOM
    for one in sorted(distinct.values(), key=order)[:MOST]:
        room -= len(one.model_dump_json())
        if room < 0:
            break
        kept.append(one)
    return Kept(diagnostics=kept, cut=len(distinct) - len(kept))


def _cut(text: str, size: int) -> str:
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in without_codes(text)).strip()
    return text if len(text) <= size else text[: size - 1] + "…"
