"""The whole way of a failure: on the line that failed, slung as a fix, and gone when that has landed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.eventually import aeventually
from tests.lsp.editor import RGT_CLIENT, Editor, editor
from tests.lsp.test_features import has
from tests.repos import make_repo
from tests.town import LiveTown, change, steps

TILL = "def total(basket):\n    return sum(basket)\n"
TEST = """\
from till import total


def check(basket, wanted):
    assert total(basket) == wanted


def test_total():
    check([1, 2], 3)
"""
GATE = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
RIGHT = "def total(basket):\n    return sum(basket, 0)\n"
TAKE = r'"$RGT_BIN" prime | sed -n "s/.*git merge --no-edit \([0-9a-f]*\).*/\1/p" | xargs git merge --no-edit'
FIXES = steps(
    f"do = \"run\"\ncmd = '{TAKE}'",
    f'do = "write"\npath = "till.py"\ntext = {json.dumps(RIGHT)}',
    'do = "commit"\nmessage = "right"',
    'do = "done"',
)
"""What agents do whose items say nothing else: they take the change that was sent back, and put it right."""


async def stands(client: Editor, uri: str) -> list[dict[str, Any]]:
    """The diagnostics that the editor has of a document now: what was sent last, or what it hears when it asks."""
    assert client.result is not None
    if client.result.capabilities.diagnostic_provider:
        told = await client.ask(types.TEXT_DOCUMENT_DIAGNOSTIC, {"textDocument": {"uri": uri}})
        return list(told["items"])
    told = [p for p in client.told(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS) if p["uri"] == uri]
    return list(told[-1]["diagnostics"]) if told else []


async def becomes(client: Editor, uri: str, lines: list[int], timeout: float = 10.0) -> list[dict[str, Any]]:
    """Wait until the diagnostics of a document stand on these lines, from 0; gives them."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        found[:] = await stands(client, uri)
        return [d["range"]["start"]["line"] for d in found] == lines

    await aeventually(look, timeout, what=f"diagnostics of {uri} in lines {lines}")
    return found


@pytest.mark.parametrize("name", ["neovim-0.11", "vscode"])
async def test_a_failing_test_stands_on_its_line_until_its_fix_has_landed(
    shared: LiveTown, tmp: Path, name: str
) -> None:
    repo, rig = tmp / "repo", name[:3]
    await asyncio.to_thread(make_repo, repo, {"till.py": TILL, "test_till.py": TEST})
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        await client.healthy()
        more: dict[str, Any] = {"max_attempts": 1, "runtime": {"scripted": {"script": FIXES}}}
        await asyncio.to_thread(shared.found_rig, rig, source={"path": str(repo)}, gate=[GATE], **more)
        own = client.open(TEST, (repo / "test_till.py").as_uri(), "python")
        worse = change("till.py", "def total(basket):\n    return sum(basket) + 1\n")
        item = await asyncio.to_thread(shared.create, "count better", worse)
        await asyncio.to_thread(shared.sling, item, target=rig)
        await asyncio.to_thread(shared.becomes, item, "blocked")
        tree = shared.home.rig(rig).worktrees / (await asyncio.to_thread(shared.item, item))["address"].split("/")[1]
        theirs = client.open(f"# mine\n{TEST}", (tree / "test_till.py").as_uri(), "python")

        # The file on disk had it already; the text in the editor has one line more.
        for uri, line in ((own, 4), (theirs, 5)):
            [found] = await becomes(client, uri, [line])
            assert found["range"]["start"] == {"line": line, "character": 4}
            assert found["range"]["end"] == {"line": line, "character": 34}
            assert (found["source"], found["severity"], found["code"]) == ("rgt", 1, item)
            assert found["message"].startswith("gate test: assert 4 == 3") and found["message"].endswith(f"({item})")

        asked = {"textDocument": {"uri": theirs}, "range": found["range"], "context": {"diagnostics": [found]}}
        actions = await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, asked)
        assert [a["title"] for a in actions] == [
            f"Sling a fix for {item}",
            f"Retry merge of {item}",
            *(["Open the log of gate test"] if has(name, "window.showDocument.support") else []),
        ]
        assert actions[0]["diagnostics"][0]["code"] == item
        command = actions[0]["command"]
        fix = await client.run(command["command"].removeprefix("rgt.server."), **command["arguments"][0])
        assert (fix["state"], fix["fixes"], fix["rig"]) == ("queued", item, rig)
        told = (await asyncio.to_thread(shared.item, fix["id"]))["description"]
        assert "test_till.py:5: assert 4 == 3" in told and "(test_till.py::test_total)" in told
        assert f"/runs/{item}/" in told and "test.log" in told
        await asyncio.to_thread(shared.becomes, fix["id"], "merged")
        for uri in (own, theirs):
            await becomes(client, uri, [])
        closed = await asyncio.to_thread(shared.becomes, item, "closed")
        assert closed["reason"].startswith(f"landed with {fix['id']} as ")
        assert await asyncio.to_thread((repo / "till.py").read_text) == RIGHT
