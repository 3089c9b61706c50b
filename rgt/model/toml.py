"""TOML text into typed models; what is wrong is said with its line, its column and a suggestion."""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rgt.model.errors import RgtError
from rgt.model.toml_spans import MAX_DEPTH, Path, Span, TooDeep, spans

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


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file. Line and columns count from 1, `end` is the column after the last."""

    line: int
    column: int
    end: int
    message: str
    hint: str = ""


def load(model: type[M], text: str, name: str) -> M:
    """`text` as a `model`; raises `RgtError("invalid")` for the first problem, with `name` and its line in front.

    `data["problems"]` of the error lists all of them.
    """
    instance, found = check(model, text)
    if instance is not None:
        return instance
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    data = {"file": name, "line": first.line, "column": first.column, "problems": [vars(p) for p in found]}
    raise RgtError("invalid", f"{name}:{first.line}: {first.message}{more}", first.hint, data)


def check(model: type[M], text: str) -> tuple[M | None, list[Problem]]:
    """`text` as a `model` and no problems, or None and what is wrong, in the order of the file."""
    try:
        plain = tomllib.loads(text)
        where = spans(text)
    except TooDeep as e:
        return None, [Problem(e.line, 1, 1, f"tables and lists are nested more than {MAX_DEPTH} deep")]
    except RecursionError:
        return None, [Problem(1, 1, 1, f"tables and lists are nested more than {MAX_DEPTH} deep")]
    except ValueError as e:
        return None, [_syntax(str(e), text)]
    try:
        return model.model_validate(plain), []
    except ValidationError as e:
        errors = e.errors(include_url=False)
    found: dict[tuple[int, int], Problem] = {}
    for error in errors:
        problem = _problem(model, error, where)
        found.setdefault((problem.line, problem.column), problem)
    return None, [found[at] for at in sorted(found)]


def problem(model: type[BaseModel], e: ValidationError) -> Problem:
    """The first thing that is wrong with values that come from no text: message and hint, no place."""
    error = e.errors(include_url=False)[0]
    loc = error["loc"]
    return _problem(model, error, {loc[:n]: Span(1, 1, 1) for n in range(1, len(loc) + 1)})


def near(given: str, known: Iterable[str]) -> str:
    """A suggestion for a word that nobody knows; empty when none comes near."""
    return _near(given, known)


def keys(model: type[BaseModel], path: Path) -> dict[str, str]:
    """The keys that the table at `path` of a `model` may have, each with its sentence."""
    owner = _model_at(model, path)
    if owner is None:
        return {}
    return {field.alias or name: field.description or "" for name, field in owner.model_fields.items()}


def table(path: Path) -> str:
    """How a reader finds the table at `path`: `[limits]`, `[[gate]]`, `the top of the file`."""
    names = ".".join(part for part in path if isinstance(part, str))
    if not names:
        return "the top of the file"
    return f"[[{names}]]" if isinstance(path[-1], int) else f"[{names}]"


def _syntax(message: str, text: str) -> Problem:
    lines = text.split("\n")
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    what = message[: found.start()] if found else message.partition(";")[0]
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        # Only a number too long for Python carries no place: it is the longest run of digits there is.
        digits = max(re.finditer(r"[\d_]+", text), key=lambda m: len(m[0]), default=None)
        at = len(text) if found or digits is None else digits.start()
        line = text.count("\n", 0, at) + 1
        column = at - (text.rfind("\n", 0, at) + 1) + 1
    width = len(lines[line - 1]) if line <= len(lines) else 0
    what = what[:1].lower() + what[1:]
    return Problem(line, column, max(column, width + 1), f"not TOML at column {column}: {what}")


def _problem(model: type[BaseModel], error: ErrorDetails, where: dict[Path, Span]) -> Problem:
    context = error.get("ctx", {})
    path = _written((*error["loc"], *context.get("at", ())), where, error["type"] == "missing")
    span = next((where[path[:n]] for n in range(len(path), 0, -1) if path[:n] in where), Span(1, 1, 1))
    kind, value = error["type"], error["input"]
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    hint = ""
    if kind == "extra_forbidden":
        message, hint = _unknown(model, path, value)
    elif kind == "missing":
        message = f"`{path[-1]}` is missing in {table(path[:-1])}"
    elif kind in WANTED:
        message = f"`{key}` must be {WANTED[kind]}, not {TYPES.get(type(value), 'this')}"
        hint = _near(key, [known for known in keys(model, path[:-1]) if known != key])
    elif kind == "literal_error":
        message = f"`{key}` must be {context['expected']}".replace("'", "")
        words = re.findall(r"'([^']*)'", context["expected"])
        hint = _near(str(value), words)
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
    return Problem(span.line, span.column, span.end, _one_line(message), _one_line(hint))


def _one_line(said: str) -> str:
    """Quoted keys may hold anything: what is shown is one line of bearable length."""
    said = "".join(c if c.isprintable() else "?" for c in said)
    return said if len(said) <= 240 else said[:239] + "…"


def _written(path: Path, where: dict[Path, Span], missing: bool) -> Path:
    """`path` as the file has it: a union adds its branches to it, a lone table in place of a list a 0."""
    found: Path = ()
    for at, part in enumerate(path):
        if (*found, part) in where or (missing and at == len(path) - 1):
            found = (*found, part)
        elif isinstance(part, str):
            break
    return found


def _bound(context: dict[str, Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return next((f"{word} {context[sign]:g}" for sign, word in words.items() if sign in context), "")


def _unknown(model: type[BaseModel], path: Path, value: object) -> tuple[str, str]:
    key, holder = str(path[-1]), path[:-1]
    known = keys(model, holder)
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        tail: Path = (0,) if isinstance(value, list) else ()
        message = f"unknown table {table((*path, *tail))}"
    else:
        message = f"unknown key `{key}` {'in' if holder else 'at'} {table(holder)}"
    homes = [("in " if at else "at ") + table(at) for at, names in _tables(model) if key in names and at != holder]
    if 1 <= len(homes) <= 2:
        return message, f"`{key}` belongs {' or '.join(homes)}"
    if near := _near(key, known):
        return message, near
    return message, f"known keys: {', '.join(known)}" if known else ""


def _near(given: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(given.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def _tables(model: type[BaseModel]) -> Iterator[tuple[Path, dict[str, str]]]:
    yield (), keys(model, ())
    for name, field in model.model_fields.items():
        inner, listed = _model_of(field.annotation)
        if inner is not None:
            path: Path = (field.alias or name,)
            yield ((*path, 0) if listed else path), keys(model, path)


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    at: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        fields = at.model_fields.items() if at else ()
        at = next((_model_of(f.annotation)[0] for name, f in fields if (f.alias or name) == part), None)
    return at


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model inside an annotation such as `list[Gate]` or `Gate | None`, and whether it is a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for inner in get_args(annotation):
        found, _ = _model_of(inner)
        if found:
            return found, getattr(annotation, "__origin__", None) is list
    return None, False
