"""The town as pages of the editor: read without a file, and read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.neovim.neovim import Neovim, patiently
from tests.repos import make_repo
from tests.story.inside import nobody_has
from tests.town import LiveTown, change, steps


def shows(nvim: Neovim, *parts: str, timeout: float = 10) -> None:
    """Wait until the current buffer holds these."""
    try:
        patiently(lambda: all(p in nvim.text() for p in parts), timeout)
    except AssertionError as e:
        raise AssertionError(f"no {parts} in {nvim.name}: {nvim.text()}\n{nvim.notes}") from e


def test_the_town_is_a_page_and_items_in_it_are_followed(nvim: Neovim, shared: LiveTown) -> None:
    item = shared.create("a page of its own", "", "--rig", "api")
    nvim.rgt("status")
    shows(nvim, "# Town", "## Rig api", f"{item} · open · a page of its own")
    assert nvim.name == "rgt:/town.md"
    assert nvim.lua("{ vim.bo.buftype, vim.bo.filetype, vim.bo.modifiable }") == ["nofile", "markdown", False]

    patiently(lambda: nvim.lua("#vim.lsp.get_clients({ bufnr = 0 })") == 1)
    nvim.vim.funcs.search(item)
    nvim.vim.api.input("<CR>")
    patiently(lambda: nvim.name == f"rgt:/item/{item}.md")
    shows(nvim, f"# {item} a page of its own", "**open**")

    # It is read again when the item changes, and has its lens.
    shared.rgt("work", "edit", item, "--title", "another title")
    shows(nvim, f"# {item} another title")
    patiently(lambda: "open" in nvim.lenses())
    shared.rgt("work", "close", item)
    shows(nvim, "**closed**")
    patiently(lambda: "closed" in nvim.lenses())
    assert nvim.notes == []


def test_open_goes_to_what_is_named_under_the_cursor(nvim: Neovim, shared: LiveTown, tmp: Path) -> None:
    item = shared.create("named in a file", "", "--rig", "api")
    file = tmp / "notes.txt"
    file.write_text(f"first\nsee {item} there\n")
    nvim.vim.command(f"edit {file}")
    patiently(lambda: "open" in nvim.lenses())
    nvim.vim.current.window.cursor = (1, 0)
    nvim.rgt("open")
    assert patiently(lambda: nvim.notes) == ["rgt: no item or agent is named here"]
    nvim.vim.current.window.cursor = (2, 6)
    nvim.rgt("open")
    shows(nvim, f"# {item} named in a file")

    nvim.rgt("open needs")
    shows(nvim, "# Needs you")
    nvim.rgt("open api")
    shows(nvim, "# Merge queue of api")
    nvim.rgt("mq")
    assert nvim.name == "rgt:/mq/api.md"


def test_what_does_not_exist_is_said_on_the_page(nvim: Neovim) -> None:
    nvim.vim.command("edit rgt:/nowhere.md")
    shows(nvim, "rgt: there is no document 'rgt:/nowhere.md'")
    nvim.rgt("open gt-00000")
    assert patiently(lambda: nvim.notes) == ["rgt: the town knows no 'gt-00000' — see `rgt status`"]


@pytest.mark.slow
def test_a_gate_is_watched_while_it_runs_and_what_it_tested_is_shown(nvim: Neovim, shared: LiveTown, tmp: Path) -> None:
    """The gate stops in the middle until the test lets it go on."""
    repo, hold = tmp / "repo", tmp / "hold"
    make_repo(repo, {"app.py": "old\n"})
    os.mkfifo(hold)
    gate = {"name": "slow", "run": f"echo half way; cat {hold}; echo whole way"}
    shared.found_rig("pages", source={"path": str(repo)}, gate=[gate])
    script = change("app.py", "new\n", finish=False) + "\n" + steps('do = "ask"\ntext = "now?"', 'do = "done"')
    item = shared.create("to be tested", script, "--rig", "pages")
    nvim.rgt(f"mq {item}")
    shows(nvim, "No gate has run")
    shared.sling(item, target="pages")
    [agent] = [a["id"] for a in patiently(lambda: [a for a in shared.agents() if a["item"] == item and a["pid"]], 30)]

    # What the agent has committed, before it lands.

    def terminal() -> str:
        return shared.tmux("capture-pane", "-p", "-t", f"=gtr-{agent}:")

    patiently(lambda: "now?" in terminal(), 30)
    (shared.home.rig("pages").worktrees / agent.split("/")[1] / "other.txt").write_text("not saved\n")
    nvim.rgt(f"diff {agent}")
    shows(nvim, "-old", "+new", "Untracked: other.txt")
    assert nvim.lua("vim.bo.filetype") == "diff"

    shared.tmux("send-keys", "-t", f"=gtr-{agent}:", "yes", "Enter")
    nvim.rgt(f"mq {item}")
    shows(nvim, "── gate slow", "half way", timeout=30)
    assert "whole way" not in nvim.text()
    hold.write_text("go on\n")
    shows(nvim, "go on", "whole way")
    shared.becomes(item, "merged")
    nvim.rgt(f"diff {item}")
    shows(nvim, "to be tested", "-old", "+new")
    # The town is shared, and others are not asked which rig they mean.
    nobody_has(shared, item)
    shared.rgt("rig", "remove", "pages")
    patiently(lambda: [r["name"] for r in shared.ask("rig", "list")] == ["api"], 30)
