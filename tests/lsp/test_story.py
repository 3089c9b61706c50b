"""The whole way of a failure: it stands on the line that failed, is slung as a fix, and is gone when that has landed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.eventually import aeventually
from tests.lsp.editor import RGT_CLIENT, Editor, editor
from tests.repos import make_repo
from tests.town import LiveTown, change

TILL = "def total(basket):\n    return sum(basket)\n"
TEST = """\
from till import total


def check(basket, wanted):
    assert total(basket) == wanted


def test_total():
    check([1, 2], 3)
"""
GATE = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}


async def stands(client: Editor, uri: str) -> list[dict[str, Any]]:
    """The diagnostics that the editor has of a document now: what was sent last, or what it hears when it asks."""
    assert client.result is not None
    if client.result.capabilities.diagnostic_provider:
        told = await client.ask(types.TEXT_DOCUMENT_DIAGNOSTIC, {"textDocument": {"uri": uri}})
        return list(told["items"])
    told = [p for p in client.told(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS) if p["uri"] == uri]
    return list(told[-1]["diagnostics"]) if told else []


@pytest.mark.parametrize("name", ["neovim-0.11", "vscode"])
async def test_a_failing_test_stands_on_its_line_until_its_fix_has_landed(
    shared: LiveTown, tmp: Path, name: str
) -> None:
    repo, rig = tmp / "repo", name[:3]
    await asyncio.to_thread(make_repo, repo, {"till.py": TILL, "test_till.py": TEST})
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        await client.healthy()
        await asyncio.to_thread(shared.found_rig, rig, source={"path": str(repo)}, gate=[GATE], max_attempts=1)
        own = client.open(TEST, (repo / "test_till.py").as_uri(), "python")
        worse = change("till.py", "def total(basket):\n    return sum(basket) + 1\n")
        item = await asyncio.to_thread(shared.create, "count better", worse)
        await asyncio.to_thread(shared.sling, item, target=rig)
        await asyncio.to_thread(shared.becomes, item, "blocked")
        tree = shared.home.rig(rig).worktrees / (await asyncio.to_thread(shared.item, item))["address"].split("/")[1]
        theirs = client.open(f"# mine\n{TEST}", (tree / "test_till.py").as_uri(), "python")

        for uri, line in ((own, 4), (theirs, 5)):

            async def failed(uri: str = uri) -> list[dict[str, Any]]:
                return await stands(client, uri)

            [found] = await aeventually(failed)
            assert found["range"]["start"] == {"line": line, "character": 4}
            assert found["range"]["end"] == {"line": line, "character": 34}
            assert (found["source"], found["severity"], found["code"]) == ("rgt", 1, item)
            assert found["message"].startswith("gate test: assert 4 == 3") and found["message"].endswith(f"({item})")
