"""rig.toml is the authority: changes are taken up, mistakes are shown."""

from __future__ import annotations

from pathlib import Path

from tests.eventually import eventually
from tests.town import LiveTown, change


def test_a_rig_without_gates_holds_its_landings_and_says_how_to_go_on(town: LiveTown, repo: Path) -> None:
    """No gates found: work runs, the landing is held, `needs` names the command, and that command lets it land."""
    town.rgt("rig", "add", "api", "--path", str(repo))
    item = town.create("add a file", change("new.txt", "hello\n"))
    town.sling(item, target="api")
    need = eventually(lambda: [n for n in town.ask("needs") if n["kind"] == "refinery"], 30)[0]
    assert "gate" in need["what"]
    assert town.item(item)["state"] in ("submitted", "merging")
    rig = next(n for n in town.ask("needs") if n["kind"] == "rig")
    town.rgt(*rig["command"].split()[1:])
    town.becomes(item, "merged")
    assert town.ask("needs") == []


def test_a_mistake_in_rig_toml_is_shown_with_its_line_and_the_old_settings_stay(town: LiveTown, repo: Path) -> None:
    """B83: the file is wrong, the rig goes on."""
    town.add_rig("api", repo)
    file = town.home.rig("api").rig_toml
    good = file.read_text()
    file.write_text(good.replace("max_polecats", "max_polecat"))
    need = eventually(lambda: town.ask("needs"), 20)[0]
    assert "max_polecat" in need["what"]
    file.write_text(good.replace("max_polecats = 4", "max_polecats = 2"))
    eventually(lambda: town.ask("rig", "status", "api")["config"]["max_polecats"] == 2, 20)
    assert town.ask("needs") == []


def test_an_item_starts_when_its_need_is_merged_even_if_that_was_before_it_asked(town: LiveTown, repo: Path) -> None:
    """The need has ended when it is told that somebody waits: what it ended as is looked up."""
    town.add_rig("api", repo)
    need = town.create("first", change("one.txt", "1"))
    late = town.create("waits", change("two.txt", "2"), "--needs", need)
    town.sling(late, target="api")
    assert town.item(late)["state"] == "blocked"
    town.sling(need, target="api")
    town.becomes(late, "merged")
    after = town.create("after", change("three.txt", "3"), "--needs", need)
    town.sling(after, target="api")
    town.becomes(after, "merged")
    assert town.item(after)["unmet"] == []
