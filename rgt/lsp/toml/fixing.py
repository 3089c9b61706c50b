"""What can be done about problems of a TOML text, with one key press."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from rgt.lsp.toml.completing import template
from rgt.model.toml import Problem, table
from rgt.model.toml_reader import BARE, Document, Entry, Path, Span
from rgt.model.toml_schema import Schema, as_toml

BARE_VALUE = defaultdict(
    lambda: re.compile(r"(?!)"), number=re.compile(r"-?\d+(?:\.\d+)?"), truth=re.compile(r"true|false")
)
"""Text that is a value of another kind in quotes."""


class Edit(NamedTuple):
    """A piece of the text and what comes in its place."""

    span: Span
    text: str


class Fix(NamedTuple):
    """One way to put problems right."""

    title: str
    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    preferred: bool = False
    """Whether it is most likely what the person meant."""


def fixes(schema: Schema, document: Document, problems: list[Problem]) -> list[Fix]:
    """What can be done about these problems of the document, the most likely first."""
    found = [fix for problem in problems for fix in _fixes(schema, document, problem)]
    lacking = [p for p in problems if p.kind == "missing"]
    for holder in dict.fromkeys(p.path[:-1] for p in lacking):
        found.append(_add(schema, document, holder, tuple(p for p in lacking if p.path[:-1] == holder)))
    return sorted(found, key=lambda fix: not fix.preferred)


def applied(text: str, fix: Fix) -> str:
    """The text after a fix."""
    for span, new in sorted(fix.edits, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


def _fixes(schema: Schema, document: Document, problem: Problem) -> Iterator[Fix]:
    word, written = problem.instead, document.text[slice(*problem.span)]
    if problem.kind == "bare":
        yield Fix("Put it in quotes", (Edit(problem.span, as_toml(written)),), (problem,), True)
    elif problem.kind == "unknown":
        if word:
            new = word if BARE.fullmatch(word) else as_toml(word)
            yield Fix(f"Rename to `{word}`", (Edit(problem.span, new),), (problem,), True)
        yield from _move(schema, document, problem)
        yield from _remove(document, problem)
    elif problem.kind == "twice":
        yield from _remove(document, problem)
    elif problem.kind == "type":
        yield from _requote(schema, document, problem)
    elif word:
        value = document.values.get(problem.path)
        new = as_toml(word) if value and value.span == problem.span else word
        yield Fix(f"Change to {new}", (Edit(problem.span, new),), (problem,), True)


def _requote(schema: Schema, document: Document, problem: Problem) -> Iterator[Fix]:
    """A number in quotes loses them, what must be text gets them."""
    shape, value = schema.shape(problem.path), document.values.get(problem.path)
    if shape is None or value is None or value.span != problem.span:
        return
    written = document.text[slice(*value.span)]
    bare = written.strip("\"'")
    if shape.kind == "text" and value.kind == "scalar":
        yield Fix("Put it in quotes", (Edit(value.span, as_toml(written)),), (problem,), True)
    elif value.kind == "text" and BARE_VALUE[shape.kind].fullmatch(bare):
        yield Fix("Write it without quotes", (Edit(value.span, bare),), (problem,), True)


def _remove(document: Document, problem: Problem) -> Iterator[Fix]:
    """A key with its value, or a whole table."""
    name = document.text[slice(*problem.span)]
    entry = _entry(document, problem.span)
    if entry is not None:
        yield Fix(f"Remove `{name}`", (Edit(_whole(document, entry), ""),), (problem,))
    for given in document.tables:
        if given.header.start <= problem.span.start < given.header.end:
            lines = _lines(document.text, Span(given.header.start, given.end))
            yield Fix(f"Remove {document.text[slice(*given.header)]}", (Edit(lines, ""),), (problem,))


def _move(schema: Schema, document: Document, problem: Problem) -> Iterator[Fix]:
    """A key that belongs in another table goes there."""
    entry, name = _entry(document, problem.span), str(problem.path[-1])
    homes = [path for path, has in schema.places() if name in has.known and path != problem.path[:-1]]
    if entry is None or entry.inline or entry.key != problem.span:
        return
    line, whole = document.text[slice(*entry.span)], _whole(document, entry)
    for home in homes if len(homes) <= 2 else ():
        given = document.table(home)
        if home and given is None:
            gap = "" if document.text.endswith("\n") or whole.end == len(document.text) else "\n"
            put = Edit(Span(len(document.text), len(document.text)), f"{gap}\n{table(home)}\n{line}\n")
        elif given:
            put = Edit(Span(given.header.end, given.header.end), f"\n{line}")
        else:
            put = Edit(Span(0, 0), f"{line}\n")
        title = f"Move to {table(home)}"
        yield Fix(title, (Edit(whole, ""), put), (problem,), len(homes) == 1)


def _add(schema: Schema, document: Document, holder: Path, problems: tuple[Problem, ...]) -> Fix:
    """Keys that must be given, with a first value."""
    names = [str(p.path[-1]) for p in problems]
    known = schema.keys(holder).known
    lines = [f"{name} = {template(known[name])[0]}" for name in names]
    title = f"Add {' and '.join(f'`{name}`' for name in names)}"
    inline, header = document.values.get(holder), document.table(holder)
    if inline and inline.kind == "table":
        at = inline.span.start + 1
        empty = document.text[at : inline.span.end].strip(" \t}") == ""
        text = " " + ", ".join(lines) + (" " if empty else ",")
    elif header:
        at, text = header.header.end, "".join(f"\n{line}" for line in lines)
    else:
        prefix = "".join(f"{part}." for part in holder if isinstance(part, str))
        starts = [e.span.start for e in document.entries] + [t.header.start for t in document.tables]
        at, text = min(starts, default=len(document.text)), "".join(f"{prefix}{line}\n" for line in lines)
        text = f"\n{text}" if at and document.text[at - 1] not in "\r\n" else text
    return Fix(title, (Edit(Span(at, at), text),), problems, True)


def _entry(document: Document, key: Span) -> Entry | None:
    """The entry with a word of its key at this place."""
    return next((e for e in document.entries if e.key.start <= key.start and key.end <= e.key.end), None)


def _whole(document: Document, entry: Entry) -> Span:
    """An entry with its line or, in an inline table, its comma."""
    if not entry.inline:
        return _lines(document.text, entry.span)
    text, (start, end) = document.text, entry.span
    if after := re.compile(r"[ \t]*,[ \t]*").match(text, end):
        return Span(start, after.end())
    before = re.search(r",[ \t]*$", text[:start])
    return Span(before.start() if before else start, end)


def _lines(text: str, span: Span) -> Span:
    """The whole lines of a span, with a comment behind it."""
    start, end = span
    while start and text[start - 1] in " \t":
        start -= 1
    if after := re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|$)").match(text, end):
        end = after.end()
    return Span(start, end)
