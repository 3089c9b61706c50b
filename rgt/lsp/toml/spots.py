"""Where in a TOML text an offset lies: in a key, a header or a value, and of which table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rgt.model.toml_reader import Document, Part, Path, Span, Value


@dataclass(frozen=True)
class Spot:
    """What can be written at an offset."""

    kind: Literal["key", "header", "value"]
    path: Path
    """The table of a key, or the way to the value."""
    span: Span
    """What is written there already, and would be replaced."""
    alone: bool = False
    """Whether the key begins a line and nothing comes after it."""


def spot(document: Document, offset: int) -> Spot | None:
    """Where an offset lies; none in comments and long texts."""
    text = document.text
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    value, part = value_at(document, offset), part_at(document, offset)
    if part is None and (value is None or value.kind != "text") and "#" in text[start:offset]:
        return None
    ends = min([at for at in (text.find("\n", offset), text.find("\r", offset)) if at >= 0], default=len(text))
    if part and part.header:
        table = next(t for t in document.tables if t.header.start <= part.span.start <= t.header.end)
        return Spot("header", (), table.header)
    if part:
        first = text[start : part.span.start].strip() == ""
        alone = first and text[part.span.end : ends].strip() == ""
        return Spot("key", part.path[:-1], part.span, alone)
    if value is None:
        if text[start:offset].strip():
            return None
        return Spot("key", document.table_at(offset), Span(offset, offset), text[offset:ends].strip() == "")
    if value.kind == "table":
        return Spot("key", value.path, Span(offset, offset))
    if value.kind == "list":
        before = [v for p, v in document.values.items() if p[:-1] == value.path and v.span.end <= offset]
        return Spot("value", (*value.path, len(before)), Span(offset, offset))
    if value.kind == "absent":
        return Spot("value", value.path, Span(offset, offset))
    long = text.startswith(('"""', "'''"), value.span.start)
    return None if long else Spot("value", value.path, value.span)


def part_at(document: Document, offset: int) -> Part | None:
    """The word of a key or header at an offset; the one that ends there before the one that begins."""
    return next((p for p in document.parts if p.span.start <= offset <= p.span.end), None)


def value_at(document: Document, offset: int) -> Value | None:
    """The innermost value at an offset; of a list or inline table, what is between its brackets."""
    found = None
    for value in document.values.values():
        start, end = value.span
        inner = value.kind in ("list", "table")
        closed = inner and end - start > 1 and document.text[end - 1] in "]}"
        if (start + inner <= offset <= end - closed) and (found is None or start >= found.span.start):
            found = value
    return found
