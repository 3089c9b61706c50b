"""Fixes of what the merge queue has sent back, with no editor anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rgt.worker.workflows import ALL
from tests.eventually import eventually
from tests.town import LiveTown, change, steps
from tests.worker.record import histories
from tests.worker.test_replay import replay

RIGHT = steps(
    'do = "run"\ncmd = "git merge --no-edit {head}"',
    'do = "run"\ncmd = "git mv bad.txt good.txt"',
    'do = "commit"\nmessage = "right"',
    'do = "done"',
)


async def replays(town: LiveTown) -> None:
    """B90: the histories that tell of fixes replay."""
    for history in await histories(town):
        await replay(history, ALL)


def sent_back(town: LiveTown, title: str, file: str = "bad.txt") -> str:
    """An item of a person that the queue of `api` has sent back."""
    item = town.create(title, change(file, "x"))
    town.sling(item, target="api")
    town.becomes(item, "blocked")
    return item


def test_what_was_sent_back_is_closed_or_tried_again_when_its_fix_has_landed(town: LiveTown, repo: Path) -> None:
    """With its change in the fix it is closed, without it is tried again; what a person has done meanwhile counts."""
    town.found_rig(
        "api", source={"path": str(repo)}, gate=[{"name": "test", "run": "test ! -e bad.txt"}], max_attempts=1
    )
    taken, reopened = (sent_back(town, title) for title in ("taken", "reopened"))
    head = town.item(taken)["head"]
    fix = town.create("right", RIGHT.format(head=head), "--fixes", taken)
    made = town.item(fix)
    assert (made["fixes"], made["rig"]) == (taken, "api")
    assert f"fixes     {taken}" in town.rgt("work", "show", fix)
    assert [r["fixes"] for r in town.ask("work", "list") if r["id"] in (taken, fix)] == ["", taken]
    beside = town.create("beside", change("other.txt", "x"), "--fixes", reopened)
    town.rgt("work", "reopen", reopened)
    town.sling(fix, beside, target="api")
    town.becomes(beside, "merged")
    assert town.becomes(taken, "closed")["reason"].startswith(f"landed with {fix} as ")
    assert (repo / "good.txt").is_file()

    retried = sent_back(town, "retried")
    alone = town.create("alone", change("more.txt", "x"), "--fixes", retried)
    rejections = town.item(retried)["rejections"]
    town.sling(alone, target="api")
    eventually(lambda: town.item(retried)["rejections"] == rejections + 1, 40, 0.1, "tried again")
    town.becomes(retried, "blocked")
    assert town.item(reopened)["state"] == "open", "nobody has touched it since a person did"
    asyncio.run(replays(town))


def test_a_worker_that_dies_around_the_landing_of_a_fix_settles_it_once(town: LiveTown, repo: Path) -> None:
    gate = {"name": "test", "run": "sleep 0.2; test ! -e bad.txt"}
    town.found_rig("api", source={"path": str(repo)}, gate=[gate], max_attempts=1)
    wrong = sent_back(town, "wrong")
    fix = town.create("beside", change("other.txt", "x"), "--fixes", wrong)
    town.sling(fix, target="api")
    town.becomes(fix, "merging", "merged")
    town.kill("worker")
    eventually(lambda: town.run("work", "show", fix).code == 0, 30, 0.1, "a worker answers again")
    town.becomes(fix, "merged")
    eventually(lambda: town.item(wrong)["rejections"] == 2, 40, 0.1, "tried again")
    town.becomes(wrong, "blocked")
    assert [n for n in town.item(wrong)["notes"] if "its fix" in n] == [
        f"{fix}, its fix, landed as {town.item(fix)['sha'][:8]}: tried again"
    ]


def test_a_fix_of_nothing_or_of_another_rig_is_refused(town: LiveTown, repo: Path) -> None:
    town.add_rig("api", repo)
    town.add_rig("web", repo)
    wrong = town.create("wrong", "", "--rig", "api")
    for argv, code, said in (
        (("--fixes", "gt-zzzzz"), 5, "gt-zzzzz"),
        (("--fixes", "zzz"), 2, "no work item id"),
        (("--fixes", wrong, "--rig", "web"), 2, f"{wrong} is of rig api, not web"),
    ):
        ran = town.run("work", "create", "right", *argv)
        assert ran.code == code and said in ran.err, ran
    assert len(town.ask("work", "list")) == 1
    free = town.create("of no rig")
    assert town.ask("work", "create", "right", "--fixes", free, "--rig", "web")["fixes"] == free
