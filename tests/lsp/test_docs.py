"""`docs/lsp.md` says what is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import rgt.lsp
from rgt.lsp.documents import PATH, SCHEME
from rgt.lsp.editor import COMMANDS, OWN
from rgt.lsp.reference import PAGE, offered, page
from tests.docs import blocks

SOURCES = "".join(p.read_text() for p in Path(rgt.lsp.__file__).parent.rglob("*.py"))
TEXT = PAGE.read_text()


def test_the_reference_is_fresh() -> None:
    assert page(TEXT) == TEXT, "run `python -m rgt.lsp.reference`"
    assert {"settings", "commands", "announce", "editor"} == set(re.findall(r"<!-- (\w+): written", TEXT))


def test_what_extensions_are_told_is_what_the_code_asks_for() -> None:
    """Keys of `experimental.rgt`, commands of the editor, our messages, the pages."""
    assert set(re.findall(r"\.hears\(\"(\w+)\"\)", SOURCES)) | {"commands"} == set(OWN)
    assert set(re.findall(r"\"(rgt\.(?!server)(?!lsp)[a-z]+)\",", SOURCES)) <= set(COMMANDS)
    assert set(re.findall(r"\"(rgt/\w+)\"", SOURCES)) == set(re.findall(r"`(rgt/\w+)`", TEXT))
    pages = re.findall(rf"^\| `{SCHEME}:(/[^`]+)` \|", TEXT, re.MULTILINE)
    assert len(pages) == 7
    assert [p for p in pages if not PATH.fullmatch(re.sub("<[a-z]+>", "api", p))] == []


def test_commands_that_are_named_exist() -> None:
    named = set(re.findall(r"`(rgt\.server\.[\w.]+)`", TEXT))
    assert named == set(offered())


def test_set_ups_can_be_read() -> None:
    """Each starts `rgt lsp`."""
    for language in ("lua", "ts", "toml", "elisp", "json"):
        assert all("rgt" in text and "lsp" in text for _, text in blocks(PAGE, language)), language
    for _, text in blocks(PAGE, "toml"):
        assert tomllib.loads(text)["language-server"]["rgt"]["args"] == ["lsp"]
    for _, text in blocks(PAGE, "json"):
        assert json.loads(text)["servers"]["markdown"]["command"] == ["rgt", "lsp"]
