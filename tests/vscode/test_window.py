"""What is seen of a town in a window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.town import RGT, LiveTown
from tests.vscode.page import Window, settings_of


def test_an_agent_is_seen_and_attached(town: LiveTown, window: Callable[[Path], Window]) -> None:
    repo = town.root / "repo"
    settings_of(repo, **{"rgt.server.path": str(RGT), "rgt.home": str(town.home.root)})
    (repo / "notes.md").write_text("# Notes\n")
    item = town.create("Say hello", "", "--rig", "api")
    town.sling(item, target="api")
    [agent] = town.working()
    w = window(repo)
    expect(w.status).to_contain_text("1")
    w.town()
    row = w.row("Say hello", "Agents")
    expect(row).to_contain_text(agent["id"].rpartition("/")[2])
    w.shot("trees")
    row.click()
    w.focus_terminal()
    w.keys.type("echo he''llo\n")
    expect(w.terminal).to_contain_text("hello")
    w.shot("terminal")
