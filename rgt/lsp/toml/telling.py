"""What a key, table or value of a TOML text means, in Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from rgt.lsp.toml.spots import part_at, value_at
from rgt.model.toml_reader import Document, Path, Span
from rgt.model.toml_schema import Key, Schema


@dataclass(frozen=True)
class Hover:
    """What is said about a piece of the text."""

    span: Span
    text: str


def hover(schema: Schema, document: Document, offset: int) -> Hover | None:
    """What the word of a key or header, or the value, at an offset means; none when nobody knows it."""
    if part := part_at(document, offset):
        said = _said(schema, part.path)
        return Hover(part.span, said) if said else None
    value = value_at(document, offset)
    if value is None or value.kind == "absent":
        return None
    shape, text = schema.shape(value.path), document.text[slice(*value.span)].strip("\"'")
    word = schema.words.get(shape.known, {}).get(text) if shape else None
    said = f"**{text}**\n\n{word.doc}" if word and word.doc else _said(schema, value.path)
    return Hover(value.span, said) if said else None


def about(key: Key) -> str:
    """The sentence of a key, and what holds without it."""
    if key.required:
        return f"{key.doc}\n\nMust be given."
    return f"{key.doc}\n\nDefault: `{key.default}`" if key.default else key.doc


def _said(schema: Schema, path: Path) -> str:
    names = ".".join(part for part in path if isinstance(part, str))
    if key := schema.key(path):
        return f"**{names}**: {key.shape.label}\n\n{about(key)}"
    shape = schema.shape(path)
    return f"**{names}**\n\n{shape.word.doc}" if shape and shape.word and shape.word.doc else ""
