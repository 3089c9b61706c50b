"""The page of settings says what the models say, and what an editor shows."""

from __future__ import annotations

from rgt.cli import configpage
from rgt.model.lines import Lines
from tests.docs import blocks
from tests.lsp.toml.files import TOWN

STALE = "run `python -m rgt.cli.configpage`"


def test_the_reference_is_that_of_the_models() -> None:
    assert configpage.DOCUMENT.read_text() == configpage.document(), STALE


def test_an_editor_shows_what_the_page_says() -> None:
    [(_, text)] = blocks(configpage.DOCUMENT, "toml")
    [(_, shown)] = blocks(configpage.DOCUMENT, "text")
    lines, found = Lines(text), []
    for problem in TOWN.diagnostics(text):
        (line, start), (_, end) = (lines.position(at) for at in problem.span)
        hint = f"; {problem.hint}" if problem.hint else ""
        found.append(f"{line + 1}:{start + 1}-{end + 1}: {problem.message}{hint}")
    assert shown.splitlines() == found
