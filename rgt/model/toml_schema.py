"""What a TOML file of a model may hold: its tables and keys with their sentences, types, defaults and choices."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rgt.model.fields import Duration, Known
from rgt.model.toml_reader import Path

Kind = Literal["text", "truth", "number", "list", "table", "any"]
LABELS: dict[Any, tuple[Kind, str]] = {
    str: ("text", "text"),
    bool: ("truth", "true or false"),
    int: ("number", "a whole number"),
    float: ("number", "a number"),
    Duration: ("text", 'a time such as "10m"'),
}
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True)
class Word:
    """Something a town has and files name, such as a runtime."""

    doc: str = ""
    base: BaseModel | None = None
    """What a table of this name changes single keys of; none: it may hold anything."""
    settings: Mapping[str, str] | None = None
    """Keys that such a table may have besides, each with its sentence; none: any."""


Words = Mapping[str, Mapping[str, Word]]
"""What there is, by kind (see `rgt.model.fields.Known`) and name."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What a value may be."""

    kind: Kind = "any"
    label: str = "anything"
    """In words."""
    choices: tuple[str, ...] = ()
    """The only values there are, as TOML has them."""
    known: str = ""
    """Kind of the words that it is one of."""
    item: Shape | None = None
    """What each element of a list is."""
    model: type[BaseModel] | None = None
    """Whose fields the keys of a table are."""
    rest: Shape | None = None
    """What every other key of a table holds."""
    names: str = ""
    """Kind of the words that those other keys are."""
    word: Word | None = None
    """What this table changes single keys of."""

    @property
    def tables(self) -> bool:
        """Whether it is a list of tables."""
        return self.item is not None and self.item.kind == "table"


@dataclass(frozen=True, eq=False)
class Key:
    """One key of a table."""

    name: str
    doc: str
    shape: Shape
    required: bool = False
    default: str = ""
    """What holds without it, as TOML has it; empty: nothing, or a table."""


@dataclass(frozen=True, eq=False)
class Keys:
    """What a table may hold."""

    known: Mapping[str, Key] = field(default_factory=dict)
    rest: Shape | None = None
    """What every other key holds; none: there may be no other."""
    names: str = ""


class Schema:
    """The tables of a `model`, with the `words` that a town has."""

    def __init__(self, model: type[BaseModel], words: Words | None = None) -> None:
        self.model = model
        self.words = words or {}

    def shape(self, path: Path) -> Shape | None:
        """What the value at `path` may be; none when nothing can stand there."""
        at: Shape | None = _of_model(self.model)
        for part in path:
            at = self.inside(at, part) if at else None
        return at

    def inside(self, shape: Shape, part: str | int) -> Shape | None:
        """What one key of a table, or one element of a list, may be."""
        if isinstance(part, int):
            return shape.item or (shape if shape.kind == "table" else None)
        keys = self._keys(shape.item if shape.item and shape.kind == "list" else shape)
        if part in keys.known:
            return keys.known[part].shape
        word = self.words.get(keys.names, {}).get(part)
        return replace(keys.rest, word=word) if keys.rest and word else keys.rest

    def keys(self, path: Path) -> Keys:
        """What the table at `path` may hold; nothing when there can be no table."""
        shape = self.shape(path)
        if shape is not None and shape.tables:
            shape = shape.item
        return self._keys(shape) if shape else Keys()

    def key(self, path: Path) -> Key | None:
        """The key at `path`, without an index at its end."""
        while path and isinstance(path[-1], int):
            path = path[:-1]
        return self.keys(path[:-1]).known.get(str(path[-1])) if path else None

    def places(self) -> Iterator[tuple[Path, Keys]]:
        """The top of the file and each of its tables."""
        yield (), self.keys(())
        for name, key in self.keys(()).known.items():
            if key.shape.kind == "table":
                yield (name,), self.keys((name,))
            elif key.shape.tables:
                yield (name, 0), self.keys((name,))

    def _keys(self, shape: Shape) -> Keys:
        if shape.word and shape.word.base:
            return _changing(shape.word)
        known = _fields(shape.model) if shape.model else {}
        return Keys(known, shape.rest, shape.names)


def as_toml(value: object) -> str:
    """A default as TOML has it; empty for tables and nothing."""
    if isinstance(value, Duration):
        value = str(value)
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else ""


def number(n: float) -> str:
    """A number as people write it."""
    return str(int(n)) if n == int(n) else f"{n:g}"


@functools.cache
def _fields(model: type[BaseModel]) -> dict[str, Key]:
    return {info.alias or name: _key(info.alias or name, info) for name, info in model.model_fields.items()}


def _key(name: str, info: FieldInfo) -> Key:
    shape = _shape(info.annotation, info.metadata)
    default = "" if info.is_required() else as_toml(info.get_default(call_default_factory=True))
    return Key(name, info.description or "", shape, info.is_required(), default)


def _changing(word: Word) -> Keys:
    """The keys of a table that changes a preset: those of its model but for its name, then its own settings."""
    base = word.base
    known: dict[str, Key] = {}
    for name, key in _fields(type(base)).items() if base else ():
        if name != "name":
            known[name] = replace(key, required=False, default=as_toml(getattr(base, name)))
    settings = word.settings or {}
    known |= {name: Key(name, doc, Shape()) for name, doc in settings.items() if name not in known}
    return Keys(known, Shape() if word.settings is None else None)


@functools.cache
def _of_model(model: type[BaseModel]) -> Shape:
    rest = Shape()
    if model.model_config.get("extra") != "allow":
        return Shape("table", "a table", model=model)
    hint = get_type_hints(model, include_extras=True).get("__pydantic_extra__")
    rest = _shape(hint, ()) if hint else rest
    return Shape("table", "a table", model=model, rest=rest.rest or Shape(), names=rest.names)


def _shape(annotation: Any, metadata: Any) -> Shape:
    """What a field of this type may hold; `metadata` are the marks and bounds beside the type."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(args[0], (*metadata, *args[1:]))
    known = next((m.kind for m in metadata if isinstance(m, Known)), "")
    if origin in (Union, UnionType):
        shapes = [_shape(a, metadata) for a in args if a is not type(None)]
        first = shapes[0]
        for other in shapes[1:]:
            item, label = first.item or other.item, f"{first.label} or {other.label}"
            first = replace(first, label=label, choices=(*first.choices, *other.choices), item=item)
        return first
    if origin is Literal:
        choices = tuple(as_toml(a) for a in args)
        return Shape("text", _or([c.strip('"') for c in choices]), choices)
    if origin is list:
        item = _shape(args[0], ())
        return Shape("list", "a list of tables" if item.kind == "table" else f"a list, each {item.label}", item=item)
    if origin is dict:
        key, value = _shape(args[0], ()), _shape(args[1], ())
        return Shape("table", "a table", rest=value, names=key.known)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _of_model(annotation)
    kind, label = LABELS.get(annotation, ("any", "anything"))
    choices = ("true", "false") if kind == "truth" else ()
    return Shape(kind, label + _bounds(metadata), choices, known)


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _bounds(metadata: Any) -> str:
    found = {name: getattr(m, name) for m in metadata for name in BOUNDS if hasattr(m, name)}
    if "ge" in found and "le" in found:
        return f", {number(found['ge'])} to {number(found['le'])}"
    said = [f"{BOUNDS[name]} {number(bound)}" for name, bound in found.items()]
    said += [f"at most {m.max_length} characters" for m in metadata if getattr(m, "max_length", None)]
    return "".join(f", {bound}" for bound in said)
