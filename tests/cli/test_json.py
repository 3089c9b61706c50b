"""What `--json` prints has exactly the keys that docs/json.md promises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import rgt
from rgt.cli import helptext
from rgt.model.diagnostics import Clash, Diagnostic
from rgt.model.problems import Problem
from rgt.model.queue import GateResult, Verdict
from tests.eventually import eventually
from tests.town import LiveTown, change, steps

DOC = Path(rgt.__file__).parents[1] / "docs" / "json.md"
LISTS = {
    "work list": "work",
    "agents list": "agent",
    "polecat list": "agent",
    "crew list": "agent",
    "rig list": "rig",
    "mq list": "entry",
    "needs": "needs",
    "log": "log",
    "log @last": "log",
    "sessions": "sessions",
    "session list --ended": "session",
    "mail inbox --agent api/joe": "letter",
    "mail thread 1": "letter",
    "mail broadcast hello": "sent",
    "config explain": "setting",
    "budget list": "budget",
}
OBJECTS = {
    "status": "status",
    "work show @last": "item",
    "mq show @last": "verdicts",
    "rig status api": "rig object",
    "hook --agent api/joe": "hook",
    "prime --agent api/joe": "prime",
    "doctor": "doctor",
    "install --check": "install",
    "editor install neovim": "editor install",
    "agents show api/joe": "shown agent",
    "checkpoint write half --agent api/joe": "checkpoint",
    "checkpoint read --agent api/joe": "checkpoint",
    "checkpoint clear --agent api/joe": "answer",
    "version": "version",
    "start": "start",
    "up": "answer",
    "rig park api": "answer",
    "rig unpark api": "answer",
    "mq pause api": "answer",
    "mq resume api": "answer",
    "mail send person hello": "sent",
    "chat api/joe hello": "sent",
    "mail read 1": "letter",
    "work close @last": "answer",
    "work reopen @last": "answer",
    "cost --by item": "costs",
    "budget set day --usd 1000": "budget",
}
NO_JSON = {
    "attach": "takes the terminal",
    "mail check": "for agents alone, has a test of its own",
    "demo": "has a test of its own",
    "lsp": "speaks another protocol",
    "mcp": "speaks another protocol",
    "session resume": "the runtime itself answers",
    "worker run": "never ends",
    "completions": "prints a script",
    "config edit": "takes the terminal",
    "config show": "its keys are the settings",
}


def tables() -> dict[str, tuple[set[str], bool]]:
    """Of every table: its keys, and whether it has at least those."""
    found = {}
    for part in re.split(r"^## ", DOC.read_text(), flags=re.MULTILINE)[1:]:
        name, _, text = part.partition("\n")
        found_keys = re.findall(r"^\| (\w+) \|", text, flags=re.MULTILINE)
        # The head of every table is a row of its own, which says `key` too.
        keys = set(found_keys[1:])
        found[name] = keys, "*at least*" in text.partition("| key")[0]
    return found


def check(name: str, value: dict[str, Any]) -> None:
    """`value` is as the table says."""
    keys, open_ended = tables()[name]
    assert keys <= set(value) if open_ended else keys == set(value), name


@pytest.fixture(scope="module")
def busy(shared: LiveTown) -> LiveTown:
    """The town with a row of every kind."""
    shared.rgt("crew", "create", "joe", "--rig", "api", "--runtime", "scripted", "--no-start")
    shared.rgt("mq", "pause", "api")
    spend = steps('do = "spend"\ntokens = 5') + "\n"
    item = shared.create("a change", spend + change("a.txt", "a\n"))
    shared.sling(item, target="api")
    shared.becomes(item, "submitted", "merging")
    eventually(lambda: shared.ask("cost")["rows"], 20, 0.1)
    shared.rgt("budget", "set", "rig", "api", "--usd", "1000")
    shared.rgt("mail", "send", "person", "a letter")
    shared.rgt("mail", "send", "api/joe", "a letter")
    asks = shared.create("a question")
    shared.rgt("escalate", asks, "which colour?")
    return shared


@pytest.mark.parametrize("line", LISTS)
def test_rows_have_the_keys_of_their_table(busy: LiveTown, line: str) -> None:
    rows = busy.ask(*line.split())
    assert rows or line in ("polecat list",)
    for row in rows:
        check(LISTS[line], row)


@pytest.mark.parametrize("line", OBJECTS)
def test_objects_have_the_keys_of_their_table(busy: LiveTown, line: str) -> None:
    value = busy.ask(*line.split())
    check(OBJECTS[line], value)
    nested = {"agents": "agent", "rigs": "rig", "needs": "needs", "checks": "check", "rows": "sum"}
    if line in ("status", "doctor", "install --check", "cost --by item"):
        for key in nested.keys() & value.keys():
            assert value[key], key
            for row in value[key]:
                check(nested[key], row)


def test_lines_of_the_feed_and_of_errors(busy: LiveTown) -> None:
    lines = [json.loads(line) for line in busy.rgt("feed", "--once", "--json").splitlines()]
    assert {x["kind"] for x in lines} >= {"boot", "host", "rig", "work", "crew", "refinery", "witness"}
    for x in lines:
        check("feed", x)
    check("error", busy.run("work", "show", "gt-zzzzz", "--json").error())


def test_what_the_merge_queue_says_has_the_keys_of_its_tables() -> None:
    """Also where the town of these tests has no such row: what is printed are these models."""
    models: dict[str, type[BaseModel]] = {
        "verdict": Verdict,
        "gate result": GateResult,
        "diagnostic": Diagnostic,
        "clash": Clash,
        "problem": Problem,
    }
    assert {name: tables()[name][0] for name in models} == {name: set(m.model_fields) for name, m in models.items()}


def test_every_command_answers_in_json_or_says_why_not() -> None:
    """A new command finds its place in docs/json.md."""
    text = DOC.read_text()
    leaves = [" ".join(path[1:]) for path, node in helptext.commands() if not hasattr(node, "commands")]
    tested = {line.partition(" --")[0].partition(" @")[0].removesuffix(" api") for line in (*LISTS, *OBJECTS)}
    assert [x for x in leaves if f"`{x}`" not in text and x not in tested and x not in NO_JSON] == []
