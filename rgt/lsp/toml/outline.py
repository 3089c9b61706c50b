"""The outline of a TOML text: its tables and keys, and what can be folded."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from rgt.model.lines import Lines
from rgt.model.toml_reader import Document, Span


@dataclass(frozen=True)
class Symbol:
    """A table or a key."""

    name: str
    span: Span
    """All of it."""
    key: Span
    """Its name."""
    inner: tuple[Symbol, ...] | None = None
    """The keys of a table; none for a key."""
    detail: str = ""


class Fold(NamedTuple):
    """Lines that can be folded, counted from 0; both are of it."""

    first: int
    last: int


def symbols(document: Document) -> list[Symbol]:
    """Keys at the top, then each table with its keys, in the order of the text."""
    keys = [
        Symbol(document.text[slice(*entry.key)], entry.span, entry.key)
        for entry in document.entries
        if not entry.inline and entry.key.end > entry.key.start
    ]
    starts = [key.span.start for key in keys]
    headers = [table.header.start for table in document.tables]
    bounds = [bisect_left(starts, at) for at in [*headers, len(document.text)]]
    found = keys[: bounds[0]]
    for at, table in enumerate(document.tables):
        named = document.values.get((*table.path, "name"))
        detail = document.text[slice(*named.span)].strip("\"' ") if named else ""
        inner = tuple(keys[bounds[at] : bounds[at + 1]])
        text = document.text[slice(*table.header)]
        found.append(Symbol(text, Span(table.header.start, table.end), table.header, inner, detail))
    return found


def folds(document: Document) -> list[Fold]:
    """Tables, and values that stretch over several lines."""
    lines = Lines(document.text)
    spans = [Span(t.header.start, t.end) for t in document.tables]
    spans += [v.span for v in document.values.values() if v.kind != "absent"]
    found = {Fold(lines.position(s.start)[0], lines.position(s.end)[0]) for s in spans}
    return sorted(fold for fold in found if fold.last > fold.first)
