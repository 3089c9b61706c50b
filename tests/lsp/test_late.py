"""`rgt/lsp/late.py`: lsprotocol's classes are the same, whether made at once or when they are first used."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

TOLD = """
import inspect, json, re, attrs
from lsprotocol import types
from pygls.protocol import default_converter

default_converter()
made = [c for c in vars(types).values() if isinstance(c, type) and "__attrs_attrs__" in vars(c)]
waiting = sum(type(vars(c)["__attrs_attrs__"]).__name__ == "Fields" for c in made)
own = ("__init__", "__repr__", "__eq__", "__hash__", "__lt__", "__match_args__", "__setattr__")


def told(c):
    fields = [(f.name, f.type, f.default, f.validator, f.eq, f.hash, f.init, f.kw_only) for f in attrs.fields(c)]
    has = [name for name in own if vars(c).get(name) is not None]
    return [re.sub(" at 0x[0-9a-f]+", "", repr(fields)), str(inspect.signature(c)), has, c.__doc__]


print(json.dumps({"waiting": waiting, "classes": {c.__qualname__: told(c) for c in made}}))
"""


def test_every_class_is_what_it_is_when_made_at_once() -> None:
    at_once, later = _told(""), _told("from rgt.lsp import late; late.load()\n")
    assert at_once["waiting"] == 0
    assert later["waiting"] > len(later["classes"]) - 10 > 500
    assert later["classes"] == at_once["classes"]


def test_one_that_is_made_later_works() -> None:
    said = _run("""
from rgt.lsp import late
late.load()
from lsprotocol import types
from pygls.protocol import default_converter

converter = default_converter()
place = converter.structure({"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 4}}, types.Range)
assert place == types.Range(types.Position(1, 2), end=types.Position(3, 4)) != types.Range(*[types.Position(0, 0)] * 2)
assert types.Position(1, 2) < types.Position(1, 3)
hover = types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "text"), place)
assert converter.structure(converter.unstructure(hover), types.Hover) == hover
for wrong in (lambda: types.Location(1, place), lambda: types.Location(uri="file:///a"), lambda: hash(hover)):
    try:
        wrong()
    except TypeError:
        continue
    raise AssertionError("it was taken")


class Further(types.Position):
    pass


class Unmade(types.CompletionOptions):
    pass


assert Further(1, 2).line == 1 and Unmade(resolve_provider=True).resolve_provider
print(repr(hover))
""")
    assert said.startswith("Hover(contents=MarkupContent(kind=")


def _told(before: str) -> Any:
    return json.loads(_run(before + TOLD))


def _run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout
