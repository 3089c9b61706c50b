"""Half-written TOML: what is said about it, and what is read all the same."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.model.toml_reader import read

BROKEN = [
    ("a = ", {}, ["= |a value is missing"]),
    ("a = # x\nb = 1", {"b": 1}, ["= |a value is missing"]),
    ("a\nb = 1", {"b": 1}, ["a|`=` and a value are missing"]),
    ("a.\nb = 1", {"a": {}, "b": 1}, ["a.|a name is missing after the dot"]),
    ("= 1\nb = 1", {"b": 1}, ["=|a key is missing before `=`"]),
    ("@x\nb = 1", {"b": 1}, ["@|a key is missing"]),
    ('a = "x\nb = 1', {"b": 1}, ['"x|the closing `"` is missing']),
    ("a = '''x\nb = 1", {}, ["'''|the closing `'''` is missing"]),
    ('a = "\\q"\nb = 1', {"b": 1}, ['"\\q"|a character after `\\` is not one that TOML knows']),
    ("a = squash\nb = 1", {"b": 1}, ["squash|text stands in quotes"]),
    ("a = 1 2\nb = 1", {"b": 1}, ["1 2|this is no value of TOML"]),
    ("a = 'x' 2\nb = 1", {"a": "x", "b": 1}, ["2|nothing but a comment can follow here"]),
    ("[a\nb = 1", {"a": {"b": 1}}, ["[a|the closing `]` is missing"]),
    ("[[a]\nb = 1", {"a": [{"b": 1}]}, ["[[a]|the closing `]]` is missing"]),
    ("[]\nb = 1\n[c]\nd = 1", {"c": {"d": 1}}, ["[]|the name of a table is missing"]),
    ("[a.]\nb = 1", {"a": {}}, ["[a.]|the name of a table is missing"]),
    ("[a] b\nc = 1", {"a": {"c": 1}}, ["b|nothing but a comment can follow here"]),
    ("a = [1,\nb = 1\n", {"a": [1], "b": 1}, ["[|the closing `]` is missing"]),
    ("a = [1,\n[b]\nc = 1", {"a": [1], "b": {"c": 1}}, ["[|the closing `]` is missing"]),
    ("a = ['x' 3]", {"a": ["x", 3]}, ["3|a `,` is missing between two values"]),
    ("a = { b = 1\nc = 1", {"a": {"b": 1}, "c": 1}, ["{|the closing `}` is missing"]),
    ("a = { b = 1 c = 2 }\nd = 1", {"a": {}, "d": 1}, None),
    ("a = { b = 'x' c = 2 }", {"a": {"b": "x", "c": 2}}, ["c|a `,` is missing between two keys"]),
    ("a = 1\na = 2", {"a": 1}, ["a|`a` is given twice"]),
    ("[a]\nb = 1\n[a]\nb = 2", {"a": {"b": 1}}, ["a|`a` is given twice"]),
    ("a = 1\n[a]\nb = 2", {"a": 1}, ["a|`a` is given twice, first as a value"]),
    ("[a]\n[[a]]\nb = 2", {"a": {}}, ["a|`a` is given twice, first as a table"]),
    ("[[a]]\n[a]\nb = 2", {"a": [{}]}, ["a|`a` is given twice, first as a list of tables"]),
    ("a = 1\na.b = 2", {"a": 1}, ["a|`a` is given twice, first as a value"]),
]


@pytest.mark.parametrize(("text", "plain", "mistakes"), BROKEN)
def test_what_is_broken_is_said_and_the_rest_is_read(
    text: str, plain: dict[str, Any], mistakes: list[str] | None
) -> None:
    document = read(text)
    assert document.plain == plain
    assert document.mistakes
    if mistakes is not None:
        assert [f"{text[slice(*m.span)]}|{m.message}" for m in document.mistakes] == mistakes


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab1.=[]{},'\"#\\\n\r \té", max_size=60))
def test_it_never_stumbles_and_agrees_with_the_parser(text: str) -> None:
    document = read(text)
    try:
        assert document.plain == tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert document.mistakes
    else:
        assert not document.mistakes
        assert read(f"{text}\n[zz").plain == tomllib.loads(f"{text}\n[zz]")
