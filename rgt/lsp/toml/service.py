"""All that an editor can ask about a TOML text of one model; places are offsets into the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ValidationError

from rgt.lsp.toml.completing import Item, completions
from rgt.lsp.toml.fixing import Fix, fixes
from rgt.lsp.toml.outline import Fold, Symbol, folds, symbols
from rgt.lsp.toml.telling import Hover, hover
from rgt.model.toml import Problem, distinct, laid_over, nearest, problems, unknown, validate
from rgt.model.toml_reader import Document, Path, Span, read
from rgt.model.toml_schema import Schema, Shape, Words


class Service:
    """Language services for the files of a `model`, in a town that has these `words`.

    `name` is what the key `name` must say, for files that are named as what is in them.
    """

    def __init__(self, model: type[BaseModel], words: Words | None = None, name: str = "") -> None:
        self.schema = Schema(model, words)
        self.name = name
        self._read = read("")

    def diagnostics(self, text: str) -> list[Problem]:
        """What is wrong, in the order of the text."""
        document = self._document(text)
        found = validate(self.schema, document, self.schema.model)[1]
        if any(p.kind == "deep" for p in found):
            return found
        if top := self.schema.shape(()):
            found += _of_words(self.schema, document, (), document.plain, top)
        if self.name and document.plain.get("name") not in (self.name, None) and ("name",) in document.values:
            span, message = document.values["name",].span, f"`name` is not that of the file, {self.name}"
            found.append(Problem("value", span, ("name",), message, f"did you mean {self.name}?", self.name))
        return distinct(found)

    def completions(self, text: str, offset: int) -> list[Item]:
        """What can be written at an offset."""
        return completions(self.schema, self._document(text), offset)

    def hover(self, text: str, offset: int) -> Hover | None:
        """What the key, table or value at an offset means."""
        return hover(self.schema, self._document(text), offset)

    def fixes(self, text: str, span: Span) -> list[Fix]:
        """What can be done about the problems that touch a piece of the text."""
        touching = [p for p in self.diagnostics(text) if p.span.start <= span.end and span.start <= p.span.end]
        return fixes(self.schema, self._document(text), touching)

    def symbols(self, text: str) -> list[Symbol]:
        """The tables with their keys."""
        return symbols(self._document(text))

    def folds(self, text: str) -> list[Fold]:
        """Tables and lists that stretch over several lines."""
        return folds(self._document(text))

    def _document(self, text: str) -> Document:
        if self._read.text != text:
            self._read = read(text)
        return self._read


def _of_words(schema: Schema, document: Document, path: Path, value: object, shape: Shape) -> Iterator[Problem]:
    """Names of things that the town has not, and tables that change one which it has."""
    if isinstance(value, dict):
        if shape.word and shape.word.base:
            yield from _changes(schema, document, path, value, shape.word.base)
            return
        named = schema.words.get(shape.names, {})
        for key, within in value.items():
            at, inner = (*path, key), schema.inside(shape, key)
            if named and key not in named and inner is shape.rest and at in document.where and isinstance(within, dict):
                yield _no_word(shape.names, key, at, document.where[at], named)
            if inner:
                yield from _of_words(schema, document, at, within, inner)
    elif isinstance(value, list) and shape.item:
        for index, element in enumerate(value):
            yield from _of_words(schema, document, (*path, index), element, shape.item)
    elif shape.known and isinstance(value, str) and path in document.values:
        known = schema.words.get(shape.known, {})
        if known and value and value not in known:
            yield _no_word(shape.known, value, path, document.values[path].span, known)


def _no_word(kind: str, given: str, path: Path, span: Span, known: Iterable[str]) -> Problem:
    instead = nearest(given, known)
    hint = f"did you mean {instead}?" if instead else f"there are: {', '.join(sorted(known))}"
    return Problem("word", span, path, f"there is no {kind} `{given[:60]}`", hint, instead)


def _changes(
    schema: Schema, document: Document, path: Path, given: dict[str, object], base: BaseModel
) -> Iterator[Problem]:
    keys = schema.keys(path)
    for key in given:
        if key not in keys.known and (keys.rest is None or key == "name") and (*path, key) in document.where:
            at = (*path, key)
            said = unknown(schema, at, given[key])
            yield Problem("unknown", document.where[at], at, said.message, said.hint, said.instead)
    try:
        laid_over(base, given)
    except ValidationError as e:
        yield from problems(schema, document, e, path)
