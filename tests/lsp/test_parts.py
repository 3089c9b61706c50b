"""The parts below the features, each by itself: the copy of the town, pages, mentions, offers, diagnostics."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from rgt.client.here import Outside
from rgt.client.socket import SocketTown
from rgt.lsp import features
from rgt.lsp.documents import item_page, needs_page, queue_page, town_page
from rgt.lsp.features.health import STATUS
from rgt.lsp.mentions import find, place_in, remarks, units
from rgt.lsp.offers import Offers, joined, merged
from rgt.lsp.registry import PREFIX, operations
from rgt.lsp.server import RgtServer
from rgt.lsp.town import Health, Town
from rgt.model.home import Home
from rgt.model.rows import Row
from rgt.model.tokens import PERSON, Identity
from tests.eventually import aeventually
from tests.lsp.editor import NAMES, RGT_CLIENT, params_of
from tests.lsp.test_repairs import Out


def row(id: str, state: str = "open", kind: str = "work", rev: int = 1, **more: Any) -> Row:
    """A row."""
    return Row.model_validate({"kind": kind, "id": id, "state": state, "rev": rev, **more})


# --- the copy of the town


def test_the_copy_says_what_has_changed_and_only_that() -> None:
    town, heard = Town(), list[list[str]]()
    town.on_change(lambda rows: heard.append([f"{r.id} {r.state}{' gone' * r.gone}" for r in rows]))
    town.take([row("a"), row("b")], whole=True)
    town.take([row("a")])
    town.take([row("a", "merged", rev=2)])
    town.take([row("b", gone=True, rev=3)])
    town.take([row("a", "merged", rev=3, cost=7)])
    town.take([row("c")], whole=True)
    assert heard == [["a open", "b open"], ["a merged"], ["b open gone"], ["c open", "a merged gone"]]
    assert (town.version, [r.id for r in town.rows()]) == (4, ["c"])


def test_a_listener_that_breaks_takes_nobody_along() -> None:
    town, heard = Town(), list[int]()

    def broken(rows: list[Row]) -> None:
        raise ValueError("of one feature alone")

    town.on_change(broken)
    town.on_change(lambda rows: heard.append(len(rows)))
    town.take([row("a")], whole=True)
    assert heard == [1]


def test_who_works_on_what_and_places_in_the_queue() -> None:
    town = Town()
    polecat = row("api/nux", "working", "polecat", item="a", rig="api")
    entries = [
        row(f"{item}.12345678", state, "entry", item=item, rig="api", priority="p2", created=created)
        for item, state, created in (("b", "queued", 2000), ("c", "testing", 3000), ("d", "queued", 1000))
    ]
    town.take([row("a", "in_progress", rig="api"), *(row(i, "submitted", rig="api") for i in "bcd"), polecat, *entries])
    assert town.working_on("a") == town.agent("nux") == town.agent("api/nux") == polecat
    assert [town.place(i) for i in "abcd"] == [0, 3, 1, 2]
    town.take([row("web/nux", "working", "polecat", rig="web")])
    assert town.agent("nux") is None, "two have that name"
    assert town.counts()["agents"] == 2 and town.counts()["work.submitted"] == 3


def test_pages_name_what_there_is() -> None:
    town = Town()
    asking = row("gt-aaaaa", "in_progress", rig="api", title="red", alert="asks: may I?", agent="api/nux")
    town.take([row("api", "open", "rig", title="main"), row("api/refinery", "idle", "refinery", rig="api"), asking])
    assert "- [ ] gt-aaaaa · asks: may I? · `rgt escalate gt-aaaaa --ack ANSWER`" in needs_page(town)
    assert "## Rig api" in town_page(town) and "gt-aaaaa · in progress · red" in town_page(town)
    assert "Empty." in queue_page(town, "api") and "no such rig" in queue_page(town, "web")
    page = item_page(town, asking, None)
    assert page.startswith("# gt-aaaaa red\n") and "> asks: may I?" in page and "agent @api/nux" in page


# --- mentions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see gt-3f8k2.", [(0, 4, 12, "gt-3f8k2")]),
        ("TODO(gt-3f8k2): x\n- [ ] gt-aaaaa", [(0, 5, 13, "gt-3f8k2"), (1, 6, 14, "gt-aaaaa")]),
        ("gt-aaaaa\r\ngt-bbbbb\r\r", [(0, 0, 8, "gt-aaaaa"), (1, 0, 8, "gt-bbbbb")]),
        ("gt-3f8k2.1a2b3c4d rgt/gt-3f8k2/x", [(0, 0, 8, "gt-3f8k2"), (0, 22, 30, "gt-3f8k2")]),
        ("gt-3f8k gt-3f8k22 xgt-3f8k2 gt-3f8k2-x -gt-3f8k2", []),
        ("ask @api/nux or @mayor, not a@b.c", [(0, 4, 12, "api/nux"), (0, 16, 22, "mayor")]),
        ("😀é gt-3f8k2", [(0, 4, 12, "gt-3f8k2")]),
        ("a\x0cgt-3f8k2\u2028gt-aaaaa", [(0, 2, 10, "gt-3f8k2"), (0, 11, 19, "gt-aaaaa")]),
    ],
)  # fmt: skip
def test_mentions(text: str, found: list[tuple[int, int, int, str]]) -> None:
    assert [(m.line, m.start, m.end, m.id) for m in find(text, "utf-16")] == found


@pytest.mark.parametrize(("encoding", "at"), [("utf-8", 7), ("utf-16", 4), ("utf-32", 3)])
def test_places_are_counted_as_the_editor_counts(encoding: str, at: int) -> None:
    line = "😀é gt-3f8k2"
    assert units(line, 3, encoding) == at and place_in(line, at, encoding) == 3
    assert place_in(line, 10_000, encoding) == len(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = 1  # TODO: make it fast", ("TODO", "", "make it fast")),
        ("// FIXME(gt-3f8k2): no leak */", ("FIXME", "gt-3f8k2", "no leak")),
        ("<!-- TODO write -->", ("TODO", "", "write")),
        ("nothing TODOlike here", None),
    ],
)
def test_remarks(line: str, found: tuple[str, str, str] | None) -> None:
    assert [(r.word, r.id, r.text) for r in remarks(f"first\n{line}\n", "utf-16")] == ([found] if found else [])


# --- what several features offer


class Manager:
    """Takes what is registered."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def feature(self, method: str, options: Any) -> Any:
        """As pygls has it."""
        return lambda handler: self.handlers.setdefault(method, handler)


def given(answer: Any, params: Any) -> Any:
    """Always the same answer."""
    return answer


async def test_several_features_answer_one_request() -> None:
    offers, manager = Offers(), Manager()

    async def slow(params: Any) -> list[str]:
        await asyncio.sleep(0)
        return ["slow"]

    def broken(params: Any) -> list[str]:
        raise ValueError("of one alone")

    for handler in (lambda params: ["first"], broken, slow, lambda params: None):
        offers.add(types.TEXT_DOCUMENT_DEFINITION, handler)
    for text in ("one", "two"):
        hover = types.Hover(contents=types.MarkupContent(types.MarkupKind.Markdown, text))
        offers.add(types.TEXT_DOCUMENT_HOVER, partial(given, hover))
    offers.register(manager)  # type: ignore[arg-type]
    assert await manager.handlers[types.TEXT_DOCUMENT_DEFINITION](None) == ["first", "slow"]
    assert manager.handlers[types.TEXT_DOCUMENT_HOVER](None).contents.value == "one\n\n---\n\ntwo"


def test_options_are_joined() -> None:
    one = types.CompletionOptions(trigger_characters=["-", "@"])
    other = types.CompletionOptions(trigger_characters=["@", "["], resolve_provider=True)
    both = joined(one, other)
    assert (both.trigger_characters, both.resolve_provider) == (["-", "@", "["], True)


def test_every_feature_is_named_and_says_what_it_is() -> None:
    files = {p.stem for p in Path(features.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name for name, _ in features.all()} == files


# --- diagnostics


def server_for(name: str, own: dict[str, Any] | None = None) -> tuple[RgtServer, Out]:
    """A server that has been greeted by an editor, without a wire."""
    home = Home(Path("/nowhere"))
    server, out = RgtServer(Outside(home, PERSON, SocketTown(home))), Out()
    server.protocol.set_writer(out)
    params = server.protocol._converter.unstructure(params_of(name, own))
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    server.protocol.receive(json.dumps(message).encode())
    return server, out


def problem(line: int) -> types.Diagnostic:
    """A diagnostic."""
    return types.Diagnostic(range=types.Range(types.Position(line, 0), types.Position(line, 1)), message="wrong")


@pytest.mark.parametrize("name", NAMES)
async def test_diagnostics_go_one_way_alone(name: str) -> None:
    """Pushed or pulled, never both; those of one source leave those of another alone."""
    server, out = server_for(name)
    sink = server.sink
    uri = "file:///tmp/a%20b.py"
    assert sink.pulled == (name in ("vscode", "neovim-0.12"))
    sink.put("one", uri, [problem(1)])
    sink.put("two", "file:///tmp/a b.py", [problem(2)])
    sink.put("two", uri, [problem(2)])
    assert [d.range.start.line for d in sink.of(uri)] == [1, 2]
    pushed = [m["params"]["diagnostics"] for m in out.said if m.get("method") == "textDocument/publishDiagnostics"]
    assert [len(d) for d in pushed] == ([] if sink.pulled else [1, 2])
    sink.replace("one", {})
    sink.replace("one", {})
    assert [d.range.start.line for d in sink.of(uri)] == [2]
    pushed = [m["params"]["diagnostics"] for m in out.said if m.get("method") == "textDocument/publishDiagnostics"]
    assert [len(d) for d in pushed] == ([] if sink.pulled else [1, 2, 1])


async def test_pulls_say_unchanged_cheaply() -> None:
    server, _ = server_for("vscode")
    uri = "file:///tmp/a.py"
    server.sink.put("one", uri, [problem(1)])
    named = types.TextDocumentIdentifier(uri=uri)
    first = server.sink.report(types.DocumentDiagnosticParams(text_document=named))
    assert isinstance(first, types.RelatedFullDocumentDiagnosticReport) and len(first.items) == 1
    again = types.DocumentDiagnosticParams(text_document=named, previous_result_id=first.result_id)
    assert isinstance(server.sink.report(again), types.RelatedUnchangedDocumentDiagnosticReport)
    assert first.result_id is not None
    had = [types.PreviousResultId(uri=uri, value=first.result_id)]
    whole = server.sink.report_all(types.WorkspaceDiagnosticParams(previous_result_ids=had))
    assert [type(i) for i in whole.items] == [types.WorkspaceUnchangedDocumentDiagnosticReport]
    server.sink.replace("one", {})
    whole = server.sink.report_all(types.WorkspaceDiagnosticParams(previous_result_ids=had))
    [report] = whole.items
    assert isinstance(report, types.WorkspaceFullDocumentDiagnosticReport) and list(report.items) == []


# --- how it is


@pytest.mark.parametrize("turns", range(4))
async def test_the_last_word_is_how_the_town_is(turns: int) -> None:
    """Whichever of an answer and a change is faster: an editor would go on saying that it connects."""
    server, out = server_for("vscode", RGT_CLIENT)
    telling = server.spawn(server.stale.run(), "stale")
    asked = {"command": f"{PREFIX}status", "arguments": [{}]}
    message = {"jsonrpc": "2.0", "id": 1, "method": types.WORKSPACE_EXECUTE_COMMAND, "params": asked}
    server.protocol.receive(json.dumps(message).encode())
    for _ in range(turns):
        await asyncio.sleep(0)
    server.town.feels(Health("ok", "it is there", "up"))

    async def told() -> bool:
        words = [m.get("params") or m["result"] for m in out.said if m.get("id") == 1 or m.get("method") == STATUS]
        return any(m.get("id") == 1 for m in out.said) and words[-1]["town"] == "up"

    await aeventually(told, what=f"the last word is up, of {out.said[1:]}")
    telling.cancel()


# --- who calls


def test_an_agents_editor_is_offered_what_its_role_may_do() -> None:
    offered = {o.name for o in operations(Identity("polecat", "polecat/api/nux", 1))}
    assert {"work.show", "needs", "escalate"} <= offered and offered.isdisjoint({"sling", "town.down", "rig.add"})
    assert {"sling", "town.down", "rig.add"} <= {o.name for o in operations(PERSON)}


# --- settings


@pytest.mark.parametrize(
    ("given", "code_lens", "inlay_hints"),
    [
        ({"rgt": {"codeLens": False}}, False, False),
        ({"inlayHints": True, "somebodyElses": 1}, True, True),
        ({"codeLens": "perhaps"}, True, False),
        (None, True, False),
        ([1], True, False),
    ],
)
async def test_settings(given: Any, code_lens: bool, inlay_hints: bool) -> None:
    server, _ = server_for("helix")
    server.settings.take(given)
    assert (server.settings.now.code_lens, server.settings.now.inlay_hints) == (code_lens, inlay_hints)


def test_completions_of_several_features_stay_incomplete() -> None:
    """Else an editor would not ask again while one types, and what was left out would never be offered."""
    some = types.CompletionList(is_incomplete=True, items=[types.CompletionItem("gt-aaaaa")])
    method = types.TEXT_DOCUMENT_COMPLETION
    both = merged(method, [some, None, [types.CompletionItem("name")]])
    assert (both.is_incomplete, [i.label for i in both.items]) == (True, ["gt-aaaaa", "name"])
    assert [i.label for i in merged(method, [None, [types.CompletionItem("name")]])] == ["name"]
    assert merged(method, [None, None]) is None
