"""What is offered at a place, and what it makes of the text."""

from __future__ import annotations

import pytest

from rgt.lsp.toml.service import Service
from tests.lsp.toml.files import PRESET, RIG, TOWN, caret

COMPLETIONS = [
    (TOWN, "|", ["name", "namespace", "temporal_address", "[town]", "[escalation]", "[limits]"]),
    (TOWN, "na|", ["name", "namespace", "temporal_address", "[town]"]),
    (TOWN, "name = 'x'\n|", ["namespace", "temporal_address", "[town]"]),
    (TOWN, "[limits]\nmax_load = 1\n|", ["max_polecats", "per_rig", "min_free_mb", "stuck_minutes"]),
    (TOWN, "[limits]\nm|x_load = 1", ["max_polecats", "per_rig", "min_free_mb", "max_load"]),
    (TOWN, "limits.|", ["max_polecats", "per_rig"]),
    (TOWN, "limits = { max_load = 1, | }", ["max_polecats", "per_rig"]),
    (TOWN, "limits = { max|", ["max_polecats", "per_rig"]),
    (TOWN, "[|", ["[town]", "[escalation]", "[limits]"]),
    (TOWN, "[li|]\n[town]", ["[escalation]", "[limits]", "[temporal]", "[runtime]", "[runtime.claude]"]),
    (TOWN, "[notify]\ndesktop = |", ["true", "false"]),
    (TOWN, "[notify]\ndesktop =|", ["true", "false"]),
    (TOWN, "[roles.crew]\nruntime = 'c|'", ['"claude"', '"codex"', '"copilot"', '"gemini"']),
    (TOWN, '[roles.crew]\nruntime = "c|\n[limits]', ['"claude"', '"codex"', '"copilot"', '"gemini"']),
    (TOWN, "[runtime.claude]\nau|", ["command", "resume"]),
    (TOWN, "[runtime.claude]\nstop = ['TERM', |]", ['"HUP"', '"INT"', '"TERM"']),
    (TOWN, "[runtime.claude]\nstop = [|", ['"HUP"', '"INT"', '"TERM"']),
    (TOWN, "[nobody]\n|\n", ["[town]", "[escalation]"]),
    (TOWN, "# |", []),
    (TOWN, "name = 'x' # |", []),
    (TOWN, "name = 'x' |", []),
    (TOWN, "name = '''\n|'''", []),
    (RIG, "strategy = |", ['"squash"', '"rebase"', '"merge"']),
    (RIG, "target = |", ['"main"']),
    (RIG, "[[gate]]\n|", ["name", "run", "timeout", "report", "[source]", "[setup]", "[[gate]]", "[[matcher]]"]),
    (RIG, "[[gate]]\nname = 'a'\n[[gate]]\n|", ["name", "run", "timeout"]),
    (RIG, "[[gate]]\ntimeout = |", ['"10m"']),
    (RIG, "[[matcher]]\n[[matcher.pattern]]\nkind = |", ['"file"', '"location"']),
    (RIG, "[[matcher]]\npattern = { | }", ["regexp", "kind", "file"]),
    (PRESET, "prompt = '|'", ['"none"', '"argument"', '"flag"', '"paste"', '"stdin"']),
]


@pytest.mark.parametrize(("service", "marked", "expected"), COMPLETIONS)
def test_what_is_offered_first(service: Service, marked: str, expected: list[str]) -> None:
    labels = [item.label for item in service.completions(*caret(marked))]
    assert labels[: len(expected)] == expected
    assert expected or not labels


TAKEN = [
    (TOWN, "na|", "name", 'name = ""'),
    (TOWN, "na| = 'x'", "namespace", "namespace = 'x'"),
    (TOWN, "[lim|", "[limits]", "[limits]"),
    (TOWN, "lim|", "[limits]", "[limits]"),
    (TOWN, "[limits]\n|", "max_polecats", "[limits]\nmax_polecats = 30"),
    (TOWN, "[notify]\n|", "desktop", "[notify]\ndesktop = true"),
    (TOWN, "[notify]\ndesktop =|", "true", "[notify]\ndesktop = true"),
    (TOWN, "runtime.default = 'c|'", '"codex"', 'runtime.default = "codex"'),
    (RIG, "[gat|]\nname = 'x'", "[[gate]]", "[[gate]]\nname = 'x'"),
    (RIG, "strategy = squ|\nslots = 1", '"squash"', 'strategy = "squash"\nslots = 1'),
    (RIG, "|", "target", 'target = "main"'),
    (RIG, "|", "strategy", 'strategy = "squash"'),
    (RIG, "[setup]\n|", "copy", "[setup]\ncopy = []"),
]


@pytest.mark.parametrize(("service", "marked", "label", "expected"), TAKEN)
def test_what_is_taken_replaces_what_was_typed(service: Service, marked: str, label: str, expected: str) -> None:
    text, offset = caret(marked)
    item = next(item for item in service.completions(text, offset) if item.label == label)
    assert text[: item.span.start] + item.text + text[item.span.end :] == expected


def test_an_item_says_what_it_means() -> None:
    items = {item.label: item for item in RIG.completions("", 0)}
    slots = items["slots"]
    assert slots.detail == "a whole number, 1 to 64"
    assert slots.doc == "How many candidates are tested at the same time.\n\nDefault: `1`"
    assert slots.snippet == "slots = ${1:1}"
    assert items["strategy"].snippet == 'strategy = "${1|squash,rebase,merge|}"'
    assert items["[source]"].doc == "Where the repository comes from."


def test_settings_of_a_runtime_are_offered_with_their_sentences() -> None:
    items = {item.label: item for item in TOWN.completions(*caret("[runtime.claude]\n|"))}
    assert items["helper"].doc.startswith("Command that prints an API key")
    assert items["ready"].doc.endswith('Default: `"hook"`')
    assert "name" not in items
