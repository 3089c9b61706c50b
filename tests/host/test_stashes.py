"""What agents have stashed and not taken back: B07, B10."""

from __future__ import annotations

from pathlib import Path

from rgt.host import saving, stashes
from rgt.host.trees import known
from rgt.model.home import Home
from tests.repos import branch_commit, make_rig, sh, write

MINE, OTHER = "gt-00001", "gt-00002"


async def test_B07_stashes_of_an_item_are_kept_whatever_becomes_of_the_list(home: Home, tmp: Path) -> None:
    """Those of others in the rig are not its own, though git has one list for all."""
    rig, _, _ = await make_rig(home)
    for name, item in (("nux", MINE), ("toast", OTHER)):
        branch_commit(rig, tmp / name, f"polecat/{name}/{item}", {"a.txt": "1\n"})
    tree = known(rig.hub, tmp / "nux")
    assert await stashes.keep(rig, tree, MINE) == []
    for name, text in (("nux", "first\n"), ("toast", "theirs\n"), ("nux", "second\n")):
        write(tmp / name, {"a.txt": text, "new.txt": text})
        sh(tmp / name, "stash", "push", "--quiet", "--include-untracked", "-m", f"{text} two\x0cpages\u2028here")
    kept = await stashes.keep(rig, tree, MINE)
    assert [line.partition(":")[0] for line in kept] == ["stash@{0}", "stash@{2}"]
    assert all("On polecat/nux/" in line for line in kept)
    assert await stashes.keep(rig, tree, MINE) == kept
    assert "stashed:\nstash@{0}: On polecat" in await saving.left(tree, stashed=kept)
    sh(tmp / "toast", "stash", "clear")
    sh(rig.hub, "prune", "--expire=now")
    refs = [line.split()[0] for line in await saving.recover(rig, MINE)]
    assert len([r for r in refs if "/stash-" in r]) == 2
    texts = {sh(rig.hub, "show", f"{r}:a.txt") + sh(rig.hub, "show", f"{r}^3:new.txt") for r in refs if "/stash-" in r}
    assert texts == {"firstfirst", "secondsecond"}
    assert not any("/stash-" in line for line in await saving.recover(rig, OTHER))
    assert await stashes.keep(rig, tree, MINE) == []


async def test_a_list_that_an_agent_has_spoiled_keeps_nobody_from_ending(home: Home, tmp: Path) -> None:
    rig, _, _ = await make_rig(home)
    branch_commit(rig, tmp / "nux", f"polecat/nux/{MINE}", {"a.txt": "1\n"})
    tree = known(rig.hub, tmp / "nux")
    write(tmp / "nux", {"a.txt": "2\n"})
    sh(tmp / "nux", "stash", "--quiet")
    log = rig.hub / stashes.LOG
    stashed = sh(rig.hub, "rev-parse", "refs/stash")
    log.write_text(log.read_text() + f"{stashed} {'1' * 40} A <a@b.c> 1764590000 +0000\tOn polecat/nux/{MINE}: none\n")
    assert [line.partition(":")[0] for line in await stashes.keep(rig, tree, MINE)] == ["stash@{1}"]
    log.write_text("no log\n")
    assert await stashes.keep(rig, tree, MINE) == []
