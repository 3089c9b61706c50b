"""A town that pauses loses nothing: parked rigs, a sleeping town, items taken back, and crew that comes and goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rgt.host.processes import identify
from tests.eventually import eventually
from tests.repos import make_repo, sh
from tests.town import LiveTown, change, steps

HANG = steps('do = "hang"')


def gated(tmp: Path, name: str) -> str:
    """A script that commits, waits until `go-<name>` is there, and finishes."""
    wait = f'do = "run"\ncmd = "until [ -e {tmp}/go-{name} ]; do sleep 0.05; done"'
    return change(f"{name}.txt", f"{name}\n", finish=False) + "\n" + steps(wait, 'do = "done"')


def crew_is(town: LiveTown, address: str, *states: str) -> dict[str, Any]:
    """Wait until a crew member is in one of the states (`running`, also with nothing to do); gives its row."""
    states += ("idle",) if "running" in states else ()

    def probe() -> dict[str, Any] | None:
        return next((a for a in town.agents("crew") if a["id"] == address and a["state"] in states), None)

    return eventually(probe, 60, 0.05, f"{address} {states}")


def screen(town: LiveTown, address: str) -> str:
    """What an agent's terminal shows."""
    return town.tmux("capture-pane", "-p", "-t", f"=gtr-{address}:")


def test_B64_a_parked_rig_finishes_what_runs_and_lets_the_rest_wait(shared: LiveTown, tmp: Path) -> None:
    """New work is accepted and told that it waits; unpark lets it start."""
    make_repo(tmp / "repo")
    shared.add_rig("park", tmp / "repo")
    runs, waits = (shared.create(n, gated(tmp, n)) for n in ("runs", "waits"))
    shared.sling(runs, target="park")
    shared.becomes(runs, "in_progress")
    shared.rgt("rig", "park", "park")
    said = shared.rgt("sling", waits, "--target", "park", "--runtime", "scripted")
    assert "parked" in said
    (tmp / "go-runs").touch()
    shared.becomes(runs, "merged")
    assert shared.item(waits)["state"] == "queued"
    assert [a for a in shared.agents("polecat") if a["rig"] == "park" and a["item"] == waits] == []
    shared.rgt("rig", "unpark", "park")
    (tmp / "go-waits").touch()
    shared.becomes(waits, "merged")


def test_unsling_and_close_of_a_running_item_end_its_session_and_keep_its_work(shared: LiveTown, tmp: Path) -> None:
    """`rgt work recover` brings back commits and uncommitted files; what was taken back goes on where it was."""
    make_repo(tmp / "repo")
    shared.add_rig("back", tmp / "repo")
    dirty = steps('do = "write"\npath = "half.txt"\ntext = "half"')
    scripts = {n: "\n".join((change(f"{n}.txt", f"{n}\n", finish=False), dirty, HANG)) for n in ("taken", "closed")}
    items = {n: shared.create(n, script) for n, script in scripts.items()}
    shared.sling(*items.values(), target="back")
    rig = shared.home.rig("back")
    eventually(lambda: len(list(rig.worktrees.glob("*/half.txt"))) == 2, 60)
    for item in items.values():
        shared.becomes(item, "in_progress")
    assert "open" in shared.rgt("unsling", items["taken"])
    assert "closed" in shared.rgt("work", "close", items["closed"], "--reason", "not wanted")
    eventually(lambda: not [a for a in shared.agents("polecat") if a["rig"] == "back"], 60, 0.1)
    assert "gtr-back/" not in shared.tmux("list-sessions", "-F", "#{session_name}")

    for name, item in items.items():
        assert shared.ask("work", "recover", item, "--list")
        branch = shared.ask("work", "recover", item)["restored"].split()[0]
        assert branch == f"recover/{item}"
        assert sh(rig.hub, "show", f"{branch}:{name}.txt") == name
        assert sh(rig.hub, "show", f"{branch}:half.txt") == "half"
        assert shared.item(item)["deaths"] == 0
    assert shared.run("unsling", items["closed"]).code == 4

    finish = "```rgt-script\n" + steps('do = "done"') + "\n```\n"
    shared.rgt("work", "edit", items["taken"], "--description", "-", stdin=finish)
    shared.sling(items["taken"], target="back")
    shared.becomes(items["taken"], "merged")
    assert {"taken.txt", "half.txt"} <= set(sh(tmp / "repo", "ls-tree", "--name-only", "main").split())


def test_crew_works_in_its_own_place_from_creation_to_removal(shared: LiveTown, tmp: Path) -> None:
    """Slung to, done from its shell, merged, stopped, started in the same workspace, removed with its work saved."""
    make_repo(tmp / "repo")
    shared.add_rig("yard", tmp / "repo", "test=test -f crew.txt")
    shared.rgt("crew", "create", "max", "--rig", "yard", "--runtime", "scripted")
    crew_is(shared, "yard/max", "running")
    assert shared.run("crew", "create", "max", "--rig", "yard", "--runtime", "scripted").code == 4
    item = shared.create("by hand")
    shared.sling(item, target="yard/max")
    shared.becomes(item, "in_progress")
    assert shared.run("crew", "remove", "max").code == 4
    eventually(lambda: "$" in screen(shared, "yard/max"), 30)

    def types(line: str) -> None:
        shared.tmux("send-keys", "-t", "=gtr-yard/max:", "-l", line)
        shared.tmux("send-keys", "-t", "=gtr-yard/max:", "Enter")

    types(f"rgt hook > {tmp}/hook; echo made > crew.txt; git add crew.txt; git commit -qm made; rgt done")
    merged = shared.becomes(item, "merged")
    assert item in (tmp / "hook").read_text()
    assert merged["sha"] == shared.hub_target("yard")
    pid = crew_is(shared, "yard/max", "running")["pid"]
    assert shared.ask("hook", "--agent", "yard/max")["item"] == ""

    types(f"echo precious > left.txt; pwd > {tmp}/where")
    eventually(lambda: (tmp / "where").exists(), 20)
    shared.rgt("crew", "stop", "max")
    assert crew_is(shared, "yard/max", "stopped")["pid"] == 0
    assert identify(pid) is None
    shared.rgt("crew", "start", "max")
    assert crew_is(shared, "yard/max", "running")["pid"] not in (0, pid)
    where = Path((tmp / "where").read_text().strip())
    assert (where / "left.txt").read_text() == "precious\n"

    shared.rgt("crew", "remove", "max")
    eventually(lambda: shared.agents("crew") == [], 60, 0.05)
    assert "gtr-yard/" not in shared.tmux("list-sessions", "-F", "#{session_name}")
    assert not (where / "left.txt").exists()
    hub = shared.home.rig("yard").hub
    kept = sh(hub, "for-each-ref", "--format=%(refname)", "refs/rgt/snap/crew-max").splitlines()
    assert sh(hub, "show", f"{kept[-1]}:left.txt") == "precious"
    shared.rgt("crew", "create", "max", "--rig", "yard", "--runtime", "scripted")
    crew_is(shared, "yard/max", "running")
    shared.rgt("crew", "remove", "max")
    eventually(lambda: shared.agents("crew") == [], 60, 0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_down_and_up_and_stop_and_start_go_on_where_they_were(town: LiveTown, tmp: Path) -> None:
    """Agents end with their work saved and are resumed, which counts as no death; queues and items stay as they are."""
    make_repo(tmp / "repo")
    town.add_rig("api", tmp / "repo")
    dirty = steps(
        'do = "write"\npath = "half.txt"\ntext = "half"',
        f'do = "run"\ncmd = "until [ -e {tmp}/go ]; do sleep 0.05; done"',
        'do = "done"',
    )
    item = town.create("long", change("one.txt", "1\n", finish=False) + "\n" + dirty)
    held = town.create("held", change("two.txt", "2\n"))
    town.sling(item, target="api")
    town.rgt("crew", "create", "max", "--rig", "api", "--runtime", "scripted")
    town.rgt("mq", "pause", "api")
    town.sling(held, target="api")
    town.becomes(held, "submitted")
    town.becomes(item, "in_progress")
    crew_is(town, "api/max", "running")
    eventually(lambda: list(town.home.rig("api").worktrees.glob("*/half.txt")), 60)

    for sleep, wake in (("down", "up"), ("stop", "start")):
        eventually(lambda: len(town.agents("polecat", "crew")) == 2, 30, 0.1)
        pids = [a["pid"] for a in town.agents("polecat", "crew")]
        assert all(pids)
        generation = town.item(item)["generation"]
        town.rgt(sleep)
        assert [p for p in pids if identify(p)] == []
        if sleep == "down":
            assert town.ask("status")["town"]["state"] == "down"
            late = town.create("late", change("late.txt", "l\n"))
            town.sling(late, target="api")
            assert town.item(late)["state"] == "queued"
            town.rgt("work", "close", late)
        else:
            assert town.leftovers() == []
            assert town.run("status").code == 3
        town.rgt(wake)
        assert [r["state"] for r in town.ask("rig", "list")] == ["open"]
        eventually(lambda: town.item(item)["generation"] == generation + 1, 60, 0.1)  # noqa: B023
        town.becomes(item, "in_progress")
        crew_is(town, "api/max", "running")
        now = town.item(item)
        assert (now["deaths"], now["attempt"]) == (0, 1)
        assert town.item(held)["state"] == "submitted"
        assert town.ask("status")["town"]["state"] == "up"

    (tmp / "go").touch()
    town.becomes(item, "submitted")
    town.rgt("mq", "resume", "api")
    for done in (item, held):
        town.becomes(done, "merged")
    assert {"one.txt", "half.txt", "two.txt"} <= set(sh(tmp / "repo", "ls-tree", "--name-only", "main").split())
