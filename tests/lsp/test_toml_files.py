"""The TOML files of a home in an editor; no town needs to run for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.lsp.editor import NAMES, Editor, editor
from tests.town import LiveTown


def write(vim: Editor, town: LiveTown, text: str, name: str = "config/town.toml") -> str:
    """Open a file of the home; gives its URI."""
    return vim.open(text, (town.home.root / name).as_uri(), "toml")


def at(uri: str, line: int, character: int) -> dict[str, Any]:
    """The parameters of a request about a place."""
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


async def diagnostics(vim: Editor, uri: str) -> list[dict[str, Any]]:
    """What the editor is told about a document, or hears when it asks."""
    assert vim.result is not None
    if vim.result.capabilities.diagnostic_provider:
        told = await vim.ask(types.TEXT_DOCUMENT_DIAGNOSTIC, {"textDocument": {"uri": uri}})
        return list(told["items"])
    told = await vim.hears("textDocument/publishDiagnostics", lambda p: p["uri"] == uri)
    return list(told["diagnostics"])


@pytest.fixture
def town(tmp: Path) -> LiveTown:
    """A town that nobody has started."""
    return LiveTown(tmp)


async def test_a_mistake_is_shown_while_it_is_written_and_put_right(town: LiveTown) -> None:
    async with editor(town.env) as vim:
        uri = write(vim, town, '# é🙂\n[limits] # é\n"max_polecat" = 3\n')
        [found] = await diagnostics(vim, uri)
        assert found["message"] == "unknown key `max_polecat` in [limits]; did you mean max_polecats?"
        assert (found["severity"], found["source"], found["code"]) == (1, "rgt", "unknown")
        place = {"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 13}}
        assert found["range"] == place
        asked = {"textDocument": {"uri": uri}, "range": place, "context": {"diagnostics": [found]}}
        rename, remove = await vim.ask(types.TEXT_DOCUMENT_CODE_ACTION, asked)
        assert (rename["title"], rename["isPreferred"]) == ("Rename to `max_polecats`", True)
        assert rename["edit"]["changes"] == {uri: [{"range": place, "newText": "max_polecats"}]}
        assert remove["title"] == 'Remove `"max_polecat"`'
        change = types.TextDocumentContentChangeWholeDocument(text="[limits]\nmax_polecats = 3\n")
        vim.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(uri=uri, version=2), [change])
        )
        await vim.hears("textDocument/publishDiagnostics", lambda p: p["uri"] == uri and not p["diagnostics"])


@pytest.mark.parametrize("name", NAMES)
async def test_places_are_counted_as_the_editor_counts(town: LiveTown, name: str) -> None:
    async with editor(town.env, name) as vim:
        uri = write(vim, town, 'notify = { "é🙂" = 1, desktop = 1 }\n')
        found = await diagnostics(vim, uri)
        assert vim.result is not None
        encoding = vim.result.capabilities.position_encoding
    word = {"utf-8": 8, "utf-16": 5, "utf-32": 4}[encoding or "utf-16"]
    starts = [(d["range"]["start"]["character"], d["range"]["end"]["character"]) for d in found]
    assert starts == [(11, 11 + word), (27 + word, 28 + word)]


async def test_keys_and_values_are_offered_with_what_they_mean(town: LiveTown) -> None:
    async with editor(town.env) as vim:
        uri = write(vim, town, "target = 'x'\nstrategy = 'sq'\n\n", "rigs/api/rig.toml")
        values = await vim.ask(types.TEXT_DOCUMENT_COMPLETION, at(uri, 1, 14))
        assert [v["label"] for v in values] == ['"squash"', '"rebase"', '"merge"']
        assert values[0]["filterText"] == "'squash"
        assert values[0]["textEdit"]["range"] == {
            "start": {"line": 1, "character": 11},
            "end": {"line": 1, "character": 15},
        }
        keys = {k["label"]: k for k in await vim.ask(types.TEXT_DOCUMENT_COMPLETION, at(uri, 2, 0))}
        assert "target" not in keys and "[[gate]]" in keys
        assert keys["slots"]["textEdit"]["newText"] == "slots = ${1:1}"
        assert keys["slots"]["documentation"]["value"].startswith("How many candidates are tested at the same time.")
        hover = await vim.ask(types.TEXT_DOCUMENT_HOVER, at(uri, 0, 2))
        assert hover["contents"]["value"].startswith("**target**: text\n\nBranch that work lands on.")
        symbols = await vim.ask(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, {"textDocument": {"uri": uri}})
        assert [s["name"] for s in symbols] == ["target", "strategy"]


async def test_runtimes_of_the_home_are_known(town: LiveTown) -> None:
    town.home.runtimes.mkdir(parents=True)
    (town.home.runtimes / "mine.toml").write_text('name = "mine"\ncommand = ["mine"]\n')
    async with editor(town.env) as vim:
        uri = write(vim, town, 'runtime.default = "mine"\nroles.crew.runtime = "mien"\n')
        [found] = await diagnostics(vim, uri)
        assert (found["message"], found["severity"]) == ("there is no runtime `mien`; did you mean mine?", 2)
        hover = await vim.ask(types.TEXT_DOCUMENT_HOVER, at(uri, 0, 20))
        assert hover["contents"]["value"] == "**mine**\n\nRuns `mine`."
        preset = write(vim, town, 'name = "yours"\ncommand = ["x"]\n', "config/runtimes/mine.toml")
        [found] = await diagnostics(vim, preset)
        assert found["message"] == "`name` is not that of the file, mine; did you mean mine?"


async def test_a_preset_that_is_saved_is_known_to_the_others(town: LiveTown) -> None:
    town.home.runtimes.mkdir(parents=True)
    text = 'name = "mine"\ncommand = ["mine"]\n'
    async with editor(town.env) as vim:
        uri = write(vim, town, 'runtime.default = "mine"\n')
        assert len(await diagnostics(vim, uri)) == 1
        preset = write(vim, town, text, "config/runtimes/mine.toml")
        (town.home.runtimes / "mine.toml").write_text(text)
        vim.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(preset)))
        await vim.hears("textDocument/publishDiagnostics", lambda p: p["uri"] == uri and not p["diagnostics"])


async def test_other_toml_files_are_none_of_ours(town: LiveTown) -> None:
    async with editor(town.env) as vim:
        other = vim.open("[limits\n", (town.root / "town.toml").as_uri(), "toml")
        ours = write(vim, town, "[limits\n")
        assert await diagnostics(vim, ours)
        assert [p["uri"] for p in vim.told("textDocument/publishDiagnostics")] == [ours]
        assert not await vim.ask(types.TEXT_DOCUMENT_COMPLETION, at(other, 0, 1))
        assert await vim.ask(types.TEXT_DOCUMENT_HOVER, at(other, 0, 2)) is None
        vim.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(ours)))
        await vim.hears("textDocument/publishDiagnostics", lambda p: p["uri"] == ours and not p["diagnostics"])
