"""TOML text into typed models; what is wrong is said with its line, its column and a suggestion."""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rgt.model.errors import RgtError
from rgt.model.lines import Lines
from rgt.model.toml_reader import Document, Path, Span, read, shallow
from rgt.model.toml_schema import BOUNDS, Schema, number

M = TypeVar("M", bound=BaseModel)

TYPES: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    datetime.datetime: "a date",
    datetime.date: "a date",
    datetime.time: "a time of day",
}
WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
"""What pydantic's type errors ask for, in the words of TOML."""
NOT_TOML = ("syntax", "bare", "twice", "deep")
"""Kinds of problems that no model is needed for."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file."""

    kind: Literal["syntax", "bare", "twice", "deep", "unknown", "missing", "type", "value", "word"]
    """`word`: it names something that the town has not, which may come yet; all else is an error."""
    span: Span
    """The key or value that is wrong, for a missing key its table; offsets into the text."""
    path: Path
    """Way to it; empty where the text is no TOML."""
    message: str
    hint: str = ""
    instead: str = ""
    """The word that was probably meant."""


def load(model: type[M], text: str, name: str) -> M:
    """`text` as a `model`; raises `RgtError("invalid")` for the first problem, with `name` and its line in front.

    What is no TOML comes before all else. `data["problems"]` of the error lists all of them; lines and columns count
    from 1, `end` is the column after the last character.
    """
    with suppress(ValueError, RecursionError):
        plain = tomllib.loads(text)
        if shallow(plain):
            return model.model_validate(plain)
    # Something is wrong: where is found out only now, since it takes ten times as long.
    instance, found = check(model, text)
    if instance is not None:
        return instance
    lines = Lines(text)
    first = next((p for p in found if p.kind in NOT_TOML), found[0])
    at, said = _placed(first, lines), first.message
    if first.kind in ("syntax", "bare"):
        said = f"not TOML at column {at['column']}: {said}"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    data = {"file": name, "line": at["line"], "column": at["column"], "problems": [_placed(p, lines) for p in found]}
    raise RgtError("invalid", f"{name}:{at['line']}: {said}{more}", first.hint, data)


def check(model: type[M], text: str) -> tuple[M | None, list[Problem]]:
    """`text` as a `model` and no problems, or None and what is wrong, in the order of the file."""
    return validate(Schema(model), read(text), model)


def validate(schema: Schema, document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    """What was read as a `model`, or None and what is wrong, in the order of the file.

    In a file with mistakes in its syntax, what could be read is validated all the same.
    """
    found = [Problem(m.kind, m.span, (), _one_line(m.message)) for m in document.mistakes]
    if any(problem.kind == "deep" for problem in found):
        return None, found
    instance: M | None = None
    try:
        instance = model.model_validate(document.plain)
    except ValidationError as e:
        found += problems(schema, document, e)
    return None if found else instance, distinct(found)


def distinct(found: Iterable[Problem]) -> list[Problem]:
    """One problem a place, the first of each, but all that is missing there; in the order of the text."""
    places: dict[tuple[int, Path], Problem] = {}
    for problem in found:
        places.setdefault((problem.span.start, problem.path if problem.kind == "missing" else ()), problem)
    return sorted(places.values(), key=lambda problem: problem.span.start)


def problems(schema: Schema, document: Document, e: ValidationError, base: Path = ()) -> list[Problem]:
    """What a model says of the table at `base`; in a half-written file without what follows from its mistakes."""
    found = []
    for error in e.errors(include_url=False):
        context = error.get("ctx", {})
        path = _written((*base, *error["loc"], *context.get("at", ())), document.where, error["type"] == "missing")
        said = _said(schema, error, path)
        if document.mistakes and ("at" in context or (said.kind == "missing" and path in document.where)):
            continue
        span = _place(document, path, said.kind)
        if any(m.span.start < span.end and span.start < m.span.end for m in document.mistakes):
            continue
        found.append(Problem(said.kind, span, path, said.message, said.hint, said.instead))
    return found


def problem(model: type[BaseModel], e: ValidationError) -> Problem:
    """The first thing that is wrong with values that come from no text: message and hint, no place."""
    error = e.errors(include_url=False)[0]
    loc = error["loc"]
    path = _written(loc, {loc[:n]: Span(0, 0) for n in range(1, len(loc) + 1)}, error["type"] == "missing")
    return _said(Schema(model), error, path)


def laid_over(base: M, table: Mapping[str, Any]) -> M:
    """`base` with the keys of a table laid over it, as far as it has them, tables in it key by key; may be invalid."""
    values = base.model_dump()
    for key, value in table.items():
        if key in values and key != "name":
            both = isinstance(value, dict) and isinstance(values[key], dict)
            values[key] = {**values[key], **value} if both else value
    return type(base).model_validate(values)


def near(given: str, known: Iterable[str]) -> str:
    """A suggestion for a word that nobody knows; empty when none comes near."""
    return _meant(nearest(given, known))


def nearest(given: str, known: Iterable[str]) -> str:
    """The known word that comes nearest; empty when none comes near."""
    plain = {word.lower(): word for word in known}
    return next((plain[word] for word in difflib.get_close_matches(given.lower(), plain, n=1, cutoff=0.6)), "")


def keys(model: type[BaseModel], path: Path) -> dict[str, str]:
    """The keys that the table at `path` of a `model` may have, each with its sentence."""
    return {name: key.doc for name, key in Schema(model).keys(path).known.items()}


def table(path: Path) -> str:
    """How a reader finds the table at `path`: `[limits]`, `[[gate]]`, `the top of the file`."""
    names = ".".join(part for part in path if isinstance(part, str))
    if not names:
        return "the top of the file"
    return f"[[{names}]]" if isinstance(path[-1], int) else f"[{names}]"


def unknown(schema: Schema, path: Path, value: object) -> Problem:
    """The problem of a key that no table has at `path`, without its place."""
    key, holder = str(path[-1]), path[:-1]
    known = schema.keys(holder).known
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        tail: Path = (0,) if isinstance(value, list) else ()
        message = f"unknown table {table((*path, *tail))}"
    else:
        message = f"unknown key `{key}` {_in(holder)}"
    homes = [_in(at) for at, has in schema.places() if key in has.known and at != holder]
    instead = ""
    if 1 <= len(homes) <= 2:
        hint = f"`{key}` belongs {' or '.join(homes)}"
    elif instead := nearest(key, known):
        hint = _meant(instead)
    else:
        hint = f"known keys: {', '.join(known)}" if known else ""
    return Problem("unknown", Span(0, 0), path, _one_line(message), _one_line(hint), instead)


def _in(path: Path) -> str:
    return f"{'in' if path else 'at'} {table(path)}"


def _placed(p: Problem, lines: Lines) -> dict[str, Any]:
    line, column = lines.position(p.span.start)
    end_line, end = lines.position(p.span.end)
    places = {"line": line + 1, "column": column + 1, "end_line": end_line + 1, "end": end + 1}
    return {**places, "message": p.message, "hint": p.hint}


def _place(document: Document, path: Path, kind: str) -> Span:
    """A wrong value is marked itself, all else at its key or, where that is not written, its table."""
    if kind in ("type", "value") and path in document.values:
        return document.values[path].span
    return next((document.where[path[:n]] for n in range(len(path), 0, -1) if path[:n] in document.where), Span(0, 0))


def _said(schema: Schema, error: ErrorDetails, path: Path) -> Problem:
    """What an error means in the words of TOML; without its place."""
    context = error.get("ctx", {})
    kind, value = error["type"], error["input"]
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    hint = instead = ""
    sort: Literal["missing", "type", "value"] = "value"
    if kind == "extra_forbidden":
        return unknown(schema, path, value)
    if kind == "missing":
        sort, message = "missing", f"`{path[-1]}` is missing {_in(path[:-1])}"
    elif kind in WANTED:
        sort, message = "type", f"`{key}` must be {WANTED[kind]}, not {TYPES.get(type(value), 'this')}"
        known = schema.keys(path[:-1]).known
        hint = near(key, known) if key not in known else ""
    elif kind == "literal_error":
        message = f"`{key}` must be {context['expected']}".replace("'", "")
        instead = nearest(str(value), re.findall(r"'([^']*)'", context["expected"]))
        hint = _meant(instead)
    elif kind == "value_error":
        message = f"`{key}` is not valid: {context['error']}"
    elif kind == "string_too_short" or (kind == "too_short" and context.get("min_length") == 1):
        message = f"`{key}` must not be empty"
    elif kind == "string_too_long":
        message = f"`{key}` must have at most {context['max_length']} characters"
    elif bound := _bound(context):
        message = f"`{key}` must be {bound}"
    elif "at" in context:
        message = error["msg"]
    else:
        said = error["msg"].removeprefix("Input ")
        message = f"`{key}` {said[:1].lower()}{said[1:]}"
    return Problem(sort, Span(0, 0), path, _one_line(message), _one_line(hint), instead)


def _one_line(said: str) -> str:
    """Quoted keys may hold anything: what is shown is one line of bearable length."""
    said = "".join(c if c.isprintable() else "?" for c in said)
    return said if len(said) <= 240 else said[:239] + "…"


def _written(path: Path, where: Mapping[Path, Span], missing: bool) -> Path:
    """`path` as the file has it: a union adds its branches to it, a lone table in place of a list a 0."""
    found: Path = ()
    for at, part in enumerate(path):
        if (*found, part) in where or (missing and at == len(path) - 1):
            found = (*found, part)
        elif isinstance(part, str):
            break
    return found


def _bound(context: dict[str, Any]) -> str:
    return next((f"{word} {number(context[sign])}" for sign, word in BOUNDS.items() if sign in context), "")


def _meant(word: str) -> str:
    return f"did you mean {word}?" if word else ""
