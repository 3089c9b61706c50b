"""The main thread through the whole house: create, sling, work, done, tested, merged."""

from __future__ import annotations

from pathlib import Path

from tests.eventually import eventually
from tests.town import LiveTown, change


def test_an_item_is_created_slung_done_tested_and_merged(town: LiveTown, repo: Path) -> None:
    """The target's head is the tree that passed, and the rig's own path follows."""
    town.add_rig("api", repo, "test=test -f new.txt")
    item = town.create("add a file", change("new.txt", "hello\n", "add new.txt"))
    town.sling(item, target="api")
    merged = town.becomes(item, "merged")
    assert merged["sha"] == town.hub_target("api") == town.git("rev-parse", "main", cwd=repo)
    assert (repo / "new.txt").read_text() == "hello\n"
    eventually(lambda: town.ask("mq", "list") == [], what="the entry leaves the queue")
