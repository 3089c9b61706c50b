"""What is put right, and how the text is then."""

from __future__ import annotations

import pytest

from rgt.lsp.toml.fixing import applied
from rgt.lsp.toml.service import Service
from rgt.model.toml_reader import Span
from tests.lsp.toml.files import PRESET, RIG, TOWN

FIXES = [
    (TOWN, "[limits]\nmax_polecat = 3", "Rename to `max_polecats`", "[limits]\nmax_polecats = 3"),
    (TOWN, "[limit]\nmax_load = 3", "Rename to `limits`", "[limits]\nmax_load = 3"),
    (TOWN, "name = 'a'\nfoo = 1 # x\n\n[limits]", "Remove `foo`", "name = 'a'\n\n[limits]"),
    (TOWN, "[foo]\na = 1\n[limits]\n", "Remove [foo]", "[limits]\n"),
    (TOWN, "limits = { foo = 1, max_load = 2 }", "Remove `foo`", "limits = { max_load = 2 }"),
    (TOWN, "limits = { max_load = 2, foo = 1 }", "Remove `foo`", "limits = { max_load = 2 }"),
    (TOWN, "max_load = 1\n[limits]\n", "Move to [limits]", "[limits]\nmax_load = 1\n"),
    (TOWN, "max_load = 1", "Move to [limits]", "\n[limits]\nmax_load = 1\n"),
    (TOWN, "name = 'a'\nname = 'b'\n", "Remove `name`", "name = 'a'\n"),
    (TOWN, "[limits]\n[limits]\nmax_load = 1\n", "Remove [limits]", "[limits]\n"),
    (TOWN, "name = river", "Put it in quotes", 'name = "river"'),
    (TOWN, "name = 7", "Put it in quotes", 'name = "7"'),
    (TOWN, "limits.max_load = '7'", "Write it without quotes", "limits.max_load = 7"),
    (TOWN, "notify.desktop = 'true'", "Write it without quotes", "notify.desktop = true"),
    (TOWN, "runtime.default = 'cluade'", 'Change to "claude"', 'runtime.default = "claude"'),
    (TOWN, "[runtime.cluade]", "Change to claude", "[runtime.claude]"),
    (RIG, "strategy = 'squish'", 'Change to "squash"', 'strategy = "squash"'),
    (RIG, "[[gate]]\n", "Add `name` and `run`", '[[gate]]\nname = ""\nrun = ""\n'),
    (RIG, "[[gate]]\nname = 'a'", "Add `run`", "[[gate]]\nrun = \"\"\nname = 'a'"),
    (RIG, "gate = [{ name = 'a' }]", "Add `run`", "gate = [{ run = \"\", name = 'a' }]"),
    (RIG, "gate = [{}]", "Add `name` and `run`", 'gate = [{ name = "", run = "" }]'),
    (PRESET, "# Mine.\nkept = 'x'\n", "Add `name` and `command`", "# Mine.\nname = \"\"\ncommand = []\nkept = 'x'\n"),
    (PRESET, "# Mine.", "Add `name` and `command`", '# Mine.\nname = ""\ncommand = []\n'),
    (PRESET, "command = ['x']\nname = 'his'", 'Change to "mine"', "command = ['x']\nname = \"mine\""),
]


@pytest.mark.parametrize(("service", "text", "title", "expected"), FIXES)
def test_a_fix_does_what_it_says(service: Service, text: str, title: str, expected: str) -> None:
    fixes = {fix.title: fix for fix in service.fixes(text, Span(0, len(text)))}
    assert title in fixes
    assert applied(text, fixes[title]) == expected
    before, after = service.diagnostics(text), service.diagnostics(expected)
    assert not [p for p in after if p.message in {q.message for q in fixes[title].problems} and p in before]


def test_only_what_is_wrong_here_is_offered() -> None:
    text = "foo = 1\nbar = 2\n"
    assert [fix.title for fix in TOWN.fixes(text, Span(9, 9))] == ["Remove `bar`"]


def test_the_likely_one_comes_first() -> None:
    text = "[limits]\nmax_polecat = 3"
    assert [(f.title, f.preferred) for f in TOWN.fixes(text, Span(9, 9))] == [
        ("Rename to `max_polecats`", True),
        ("Remove `max_polecat`", False),
    ]
