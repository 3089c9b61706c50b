"""What an editor gets, for each of the editors whose capabilities are recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.eventually import aeventually
from tests.lsp.editor import CLIENTS, NAMES, RGT_CLIENT, Editor, editor
from tests.town import LiveTown, steps

HANG = steps('do = "hang"')


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

    async def known() -> bool:
        return any(r["id"] == item for r in (await client.run("work.list"))["rows"])

    await aeventually(known)
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
