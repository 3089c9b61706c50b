"""The pages say what is so: what they name exists, what they show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rgt.model.errors import CODES
from tests.docs import ROOT, Step, blocks, console, is_command, matches, run_step
from tests.town import LiveTown

FOLDERS = (".", "docs", "bench", "editors/*")
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md"))
BRACKETS = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(
    r"`(?!rgt/(?:serverStatus|townChanged)`)((?:rgt|tests|docs|bench|bin|scripts|editors)/[\w./-]*)(?:::(\w+))?`"
)
COMMAND = re.compile(r"`(rgt [a-z][^`]*)`")


def ids(pages: list[Path]) -> list[str]:
    """Names of pages for pytest."""
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture is there."""
    targets = [t for t in BRACKETS.findall(page.read_text()) if "://" not in t and not t.startswith("#")]
    assert [t for t in targets if not (page.parent / t.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    """A `path` or `path::test` in a page is one of this repository."""
    missing = []
    for path, test in NAMED.findall(page.read_text()):
        file = ROOT / path
        if not file.exists() or (test and not re.search(rf"^(async )?def {test}\(", file.read_text(), re.MULTILINE)):
            missing.append(f"{path}::{test}" if test else path)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_commands_that_are_named_exist(page: Path) -> None:
    """Every `rgt …` in text, shell blocks and consoles is a command with such options."""
    text = page.read_text()
    lines = [line for _, block in blocks(page, "sh", "console") for line in block.splitlines()]
    used = COMMAND.findall(text) + [w for line in lines for w in re.findall(r"(?:^|\$ |&& |; )(rgt [^|&;#\n]*)", line)]
    assert [command for command in used if not is_command(command)] == []


def test_commands_are_told_from_others() -> None:
    """The check itself."""
    assert is_command("rgt work create T --rig api --json")
    assert not is_command("rgt work invent T")
    assert not is_command("rgt work create --colour red")


def test_exit_codes_of_the_readme_are_those_of_the_table() -> None:
    """One sentence says them all."""
    said = set(
        map(int, re.findall(r"(\d) (?:failed|usage|no town|refused|not found)", (ROOT / "README.md").read_text()))
    )
    assert said == set(CODES.values()) - {130}


def test_architecture_is_short_and_each_invariant_names_its_test() -> None:
    """At most 300 lines; every labelled invariant is guarded."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert len(text.splitlines()) <= 300
    section = text.partition("## Invariants")[2].partition("\n## ")[0]
    paragraphs = [p for p in section.split("\n\n") if p.startswith("**")]
    assert len(paragraphs) > 10
    assert [p.split("**")[1] for p in paragraphs if "::test_" not in p] == []


def test_pictures_are_small() -> None:
    """At most 200 kB each."""
    pictures = [*(ROOT / "docs/images").iterdir(), *ROOT.glob("editors/*/images/*")]
    assert pictures and all(p.stat().st_size <= 200_000 for p in pictures)


@pytest.mark.parametrize("page", ["tour", "costs"])
def test_a_page_happens_as_it_is_told(tmp: Path, page: str) -> None:
    """Every command of it runs, in order, in a town of its own, and prints what the page shows."""
    live = LiveTown(tmp)
    file = ROOT / f"docs/{page}.md"
    try:
        for step in console(file):
            check(step, tmp, live, file.name)
    finally:
        live.stop()


def check(step: Step, where: Path, live: LiveTown, page: str) -> None:
    """Run a step and compare."""
    code, printed = run_step(step, where, live.env)
    at = f"docs/{page}:{step.line}: {step.command.splitlines()[0]}"
    assert code == 0, f"{at} → {code}\n{printed}"
    assert matches(step.prints, printed), f"{at}\n--- shown\n{step.prints}--- printed\n{printed}"
