"""What an editor gets, for each of the editors whose capabilities are recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from rgt.host import worktrees
from tests.eventually import aeventually
from tests.lsp.editor import CLIENTS, NAMES, RGT_CLIENT, Editor, editor
from tests.town import LiveTown


def has(name: str, path: str) -> bool:
    """Whether a recorded editor announces a capability."""
    node: Any = json.loads((CLIENTS / f"{name}.json").read_text())["capabilities"]
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node not in (None, False)


def at(uri: str, line: int, character: int) -> dict[str, Any]:
    """Parameters of a request about a position."""
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


async def ready(shared: LiveTown, client: Editor) -> str:
    """A healthy server and a fresh item."""
    await client.healthy()
    item = (await client.run("work.create", title="make it red", rig="api", description="Red, please."))["value"]["id"]
    await client.knows(item)
    return str(item)


@pytest.mark.parametrize("name", NAMES)
async def test_lenses(shared: LiveTown, name: str) -> None:
    """State first, then what can be done; with commands at once, or where announced when they are shown."""
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        item = await ready(shared, client)
        assert client.result is not None
        if not has(name, "textDocument.codeLens"):
            assert client.result.capabilities.code_lens_provider is None
            return
        uri = client.open(f"first\nTODO({item}): red\n- [ ] {item} é {item}\nno gt-zzzzz\n")
        lenses = await client.ask(types.TEXT_DOCUMENT_CODE_LENS, {"textDocument": {"uri": uri}})
        places = [(x["range"]["start"]["line"], x["range"]["start"]["character"]) for x in lenses]
        assert {p for p in places if p[0] == 1} == {(1, 5)}
        assert len(lenses) == 6 and all(x["data"]["id"] == item and x["data"]["version"] for x in lenses)
        if any("command" not in x or x["command"] is None for x in lenses):
            assert name != "neovim-0.11"
            lenses = [await client.ask(types.CODE_LENS_RESOLVE, x) for x in lenses]
        titles = [x["command"]["title"] for x in lenses]
        assert titles[:2] == ["open", "Sling to api"] and all(len(t) <= 30 for t in titles)
        assert lenses[0]["command"]["command"] == "rgt.show"
        sling = lenses[1]["command"]
        assert (sling["command"], sling["arguments"]) == ("rgt.server.sling", [{"ids": [item], "target": "api"}])


@pytest.mark.parametrize("name", NAMES)
async def test_reading(shared: LiveTown, name: str) -> None:
    """Hover, completion, definition, references, links, symbols, folding: of one item."""
    async with editor(shared.env, name) as client:
        item = await ready(shared, client)
        uri = client.open(f"héllo {item} gt-\n@\nrgt sling x --target a\n")
        units = {"utf-8": 7, "utf-16": 6, "utf-32": 6}[str(client.result.capabilities.position_encoding)]  # type: ignore[union-attr]

        hover = await client.ask(types.TEXT_DOCUMENT_HOVER, at(uri, 0, units + 2))
        assert "make it red" in hover["contents"]["value"] and "open" in hover["contents"]["value"]
        assert hover["range"]["start"]["character"] == units

        offered = await client.ask(types.TEXT_DOCUMENT_COMPLETION, at(uri, 0, units + 12))
        found = next(x for x in offered["items"] if x["label"] == item)
        assert found["detail"] == "open · make it red"
        assert found["textEdit"]["range"]["start"]["character"] == units + 9
        assert "api" in [
            x["label"] for x in (await client.ask(types.TEXT_DOCUMENT_COMPLETION, at(uri, 2, 22)))["items"]
        ]
        assert await client.ask(types.TEXT_DOCUMENT_COMPLETION, at(uri, 0, 3)) is None

        [place] = await client.ask(types.TEXT_DOCUMENT_DEFINITION, at(uri, 0, units))
        if name == "vscode":
            assert place["uri"] == f"rgt:/item/{item}.md"
        else:
            assert "make it red" in Path(place["uri"].removeprefix("file://")).read_text()

        params = {**at(uri, 0, units), "context": {"includeDeclaration": True}}
        assert [p["uri"] for p in await client.ask(types.TEXT_DOCUMENT_REFERENCES, params)] == [uri]
        symbols = await client.ask(types.WORKSPACE_SYMBOL, {"query": f"{item} red"})
        assert [s["name"] for s in symbols] == [f"{item} make it red"]

        text = (await client.run("document", uri="rgt:/town.md"))["text"]
        assert f"{item} · open · make it red" in text and "## Rig api" in text
        page = client.open(text, "rgt:/town.md") if name == "vscode" else ""
        if page:
            symbols = await client.ask(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, {"textDocument": {"uri": page}})
            assert symbols[0]["name"] == "Town" and "Rig api" in [c["name"] for c in symbols[0]["children"]]
            folds = await client.ask(types.TEXT_DOCUMENT_FOLDING_RANGE, {"textDocument": {"uri": page}})
            assert folds[0]["startLine"] == 0
            links = await client.ask(types.TEXT_DOCUMENT_DOCUMENT_LINK, {"textDocument": {"uri": page}})
            assert f"rgt:/item/{item}.md" in [x["target"] for x in links]


async def test_references_reach_into_the_files_of_the_workspace(shared: LiveTown) -> None:
    """Of repositories, with what is not committed yet; open documents count as they are."""
    repo = shared.root / "repo"
    folder = {"uri": repo.as_uri(), "name": "repo"}
    async with editor(shared.env, rootUri=repo.as_uri(), workspaceFolders=[folder]) as client:
        item = await ready(shared, client)
        (repo / "two.txt").write_text(f"x\n😀 {item} {item}\n")
        (repo / "open.txt").write_text("as it was\n")
        try:
            uri = client.open(f"{item}\n", (repo / "open.txt").as_uri(), "text")
            params = {**at(uri, 0, 1), "context": {"includeDeclaration": True}}
            places = await client.ask(types.TEXT_DOCUMENT_REFERENCES, params)
        finally:
            (repo / "two.txt").unlink()
            (repo / "open.txt").unlink()
        assert [Path(p["uri"]).name for p in places] == ["open.txt", "two.txt", "two.txt"]
        assert places[1]["range"]["start"] == {"line": 1, "character": 5}


async def test_references_are_found_in_a_worktree_whose_agent_hides_its_repository(shared: LiveTown) -> None:
    """What lies in the place of `.git` is not asked, not even a pipe, and neither is a repository inside."""
    rig = shared.home.rig("api")
    where = await worktrees.prepare(rig, "hidden", "gt-zzzzz", "polecat/hidden/gt-zzzzz", shared.hub_target("api"))
    (where / ".git").unlink()
    os.mkfifo(where / ".git")
    (where / "inner").mkdir()
    os.mkfifo(where / "inner/.git")
    folders = [{"uri": path.as_uri(), "name": path.name} for path in (where, where / "inner", rig.root)]
    async with editor(shared.env, rootUri=where.as_uri(), workspaceFolders=folders) as client:
        item = await ready(shared, client)
        (where / "a.txt").write_text(f"{item}\n")
        (where / "inner/b.txt").write_text(f"{item}\n")
        uri = client.open(f"{item}\n", (where / "open.txt").as_uri(), "text")
        params = {**at(uri, 0, 1), "context": {"includeDeclaration": True}}
        places = await client.ask(types.TEXT_DOCUMENT_REFERENCES, params)
        assert {Path(p["uri"]).name for p in places} == {"open.txt", "a.txt", "b.txt"}


async def test_cards_tell_what_rows_do_not(shared: LiveTown) -> None:
    """The whole title and the last events, fetched before anybody points there."""
    async with editor(shared.env) as client:
        await client.healthy()
        title = "a title that is much longer than a row has room for, to its end"
        made = await client.run("work.create", title=title)
        item = made["value"]["id"]
        uri = client.open(f"{item}\n")

        async def whole() -> bool:
            hover = await client.ask(types.TEXT_DOCUMENT_HOVER, at(uri, 0, 1))
            return hover is not None and title in hover["contents"]["value"]

        await aeventually(whole)


async def test_hints_are_there_when_they_are_wished(shared: LiveTown) -> None:
    """A changed setting counts at once."""
    async with editor(shared.env, "neovim-0.11") as client:
        item = await ready(shared, client)
        uri = client.open(f"{item}\n")
        params = {"textDocument": {"uri": uri}, "range": {"start": _place(0), "end": _place(1)}}
        assert await client.ask(types.TEXT_DOCUMENT_INLAY_HINT, params) == []
        client.set_configuration({"inlayHints": True}, section="rgt")
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))

        async def shown() -> bool:
            hints = await client.ask(types.TEXT_DOCUMENT_INLAY_HINT, params)
            return [(h["label"], h["position"]["character"]) for h in hints] == [("open", len(item))]

        await aeventually(shown)


def _place(line: int) -> dict[str, int]:
    return {"line": line, "character": 0}
