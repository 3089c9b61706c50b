"""What can be written at a place of a TOML text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rgt.lsp.toml.spots import Spot, spot
from rgt.lsp.toml.telling import about
from rgt.model.toml import table
from rgt.model.toml_reader import BARE, Document, Path, Span
from rgt.model.toml_schema import Key, Keys, Schema, Shape, as_toml

DEEPEST = 4
"""Headers are offered to this depth."""


@dataclass(frozen=True)
class Item:
    """One thing that can be written."""

    label: str
    kind: Literal["key", "table", "value"]
    span: Span
    """What it replaces."""
    text: str
    snippet: str = ""
    """The same with `$1` where a person goes on; empty: just the text."""
    detail: str = ""
    """Type, in words."""
    doc: str = ""
    """What it means, in Markdown."""
    wanted: bool = False
    """Whether the table is wrong without it."""

    def typed_as(self, written: str) -> str:
        """The label with the brackets or quotes of what is `written` already, for editors that compare the two."""
        return (re.match(r"[\['\"]*", written) or [""])[0] + self.label.strip("[]'\"")


def completions(schema: Schema, document: Document, offset: int) -> list[Item]:
    """What can be written at an offset, the most likely first."""
    at = spot(document, offset)
    if at is None:
        return []
    if at.kind == "header":
        return list(_headers(schema, document, at))
    if at.kind == "value":
        return list(_values(schema, document, at))
    items = sorted(_keys(schema, document, at), key=lambda item: not item.wanted)
    return [*items, *_headers(schema, document, at)] if at.alone else items


def template(key: Key) -> tuple[str, str]:
    """A first value for a key, and the same as a snippet."""
    shape = key.shape
    if shape.choices and shape.kind != "truth":
        words = ",".join(c.strip('"') for c in shape.choices)
        return shape.choices[0], f'"${{1|{words}|}}"'
    if shape.kind == "truth":
        other = "false" if key.default == "true" else "true"
        return other, other
    if shape.tables:
        return "[{  }]", "[{ $1 }]"
    if shape.kind == "number":
        return key.default or "0", f"${{1:{key.default or '0'}}}"
    if shape.kind == "text" and key.default not in ("", '""'):
        return key.default, f'"${{1:{_escaped(key.default[1:-1])}}}"'
    return {"list": ("[]", "[$1]"), "table": ("{  }", "{ $1 }")}.get(shape.kind, ('""', '"$1"'))


def _keys(schema: Schema, document: Document, at: Spot) -> Iterator[Item]:
    goes_on = document.text[at.span.end :].lstrip(" \t")[:1] in ("=", ".")
    for name, key in schema.keys(at.path).known.items():
        given = document.where.get((*at.path, name))
        if given is not None and given != at.span:
            continue
        if at.alone and (key.shape.kind == "table" or key.shape.tables) and key.shape.kind != "any":
            continue
        written = _quoted(name)
        plain, snippet = template(key)
        text = written if goes_on else f"{written} = {plain}"
        more = "" if goes_on else f"{_escaped(written)} = {snippet}"
        yield Item(name, "key", at.span, text, more, key.shape.label, about(key), key.required)


def _headers(schema: Schema, document: Document, at: Spot) -> Iterator[Item]:
    for path, doc in _tables(schema, (), schema.keys(()), 0):
        header = table(path) if not any(isinstance(p, str) and _quoted(p) != p for p in path) else ""
        given = document.table(path)
        many = bool(path) and isinstance(path[-1], int)
        if header and (many or given is None or given.header == at.span):
            yield Item(header, "table", at.span, header, "", "a list of tables" if many else "a table", doc)


def _tables(schema: Schema, path: Path, keys: Keys, depth: int) -> Iterator[tuple[Path, str]]:
    if depth == DEEPEST:
        return
    for name, key in keys.known.items():
        tail: Path = (name, 0) if key.shape.tables else (name,)
        if key.shape.kind == "table" or key.shape.tables:
            yield (*path, *tail), about(key)
            yield from _tables(schema, (*path, *tail), schema.keys((*path, name)), depth + 1)
    if keys.rest and keys.rest.kind == "table":
        for name, word in schema.words.get(keys.names, {}).items():
            yield (*path, name), word.doc


def _values(schema: Schema, document: Document, at: Spot) -> Iterator[Item]:
    shape = schema.shape(at.path)
    if shape is None:
        return
    gap = " " if document.text[at.span.start - 1 : at.span.start] == "=" else ""
    key = schema.key(at.path)
    element = bool(at.path) and isinstance(at.path[-1], int)
    default = "" if key is None or element else key.default
    for choice, doc in _choices(schema, shape):
        mark = "default" if choice == default else shape.label if choice not in shape.choices else ""
        yield Item(choice, "value", at.span, gap + choice, "", mark, doc or (about(key) if key else ""))
    if default and not shape.choices and default != '""':
        yield Item(default, "value", at.span, gap + default, "", "default", about(key) if key else "")


def _choices(schema: Schema, shape: Shape) -> Iterator[tuple[str, str]]:
    yield from ((choice, "") for choice in shape.choices)
    yield from ((as_toml(name), word.doc) for name, word in schema.words.get(shape.known, {}).items())


def _quoted(name: str) -> str:
    return name if BARE.fullmatch(name) else as_toml(name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
