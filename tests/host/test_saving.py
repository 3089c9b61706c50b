"""Saving work and bringing it back: B07, B10, B32."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from rgt.host import hub, saving
from rgt.host.git import Tree
from rgt.host.trees import known
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from rgt.model.safety import TreeFacts
from tests.repos import branch_commit, commit, fails, make_rig, sh, write

ITEM = "gt-00001"


@pytest.fixture
async def rig(home: Home, tmp: Path) -> RigHome:
    """A rig with one worktree, `wt`, on a branch of its own with one commit."""
    rig, _, _ = await make_rig(home)
    branch_commit(rig, tmp / "wt", f"polecat/nux/{ITEM}", {"mine.txt": "1\n", "other.txt": "1\n"})
    return rig


def listed(where: Path, commit: str) -> set[str]:
    return set(sh(where, "ls-tree", "-r", "--name-only", "-z", commit).rstrip("\0").split("\0"))


def half_merge(rig: RigHome, wt: Path, tmp: Path) -> None:
    """Stop in the middle of a merge with a conflict in mine.txt."""
    branch_commit(rig, tmp / "side", "side", {"mine.txt": "side\n", "third.txt": "3\n"})
    commit(wt, {"mine.txt": "ours\n"})
    fails(wt, "merge", "side")


async def test_B07_save_commit_holds_all_but_deletions_and_generated_files(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    assert await saving.save_commit(known(rig.hub, wt), "x") is None
    write(wt, {"mine.txt": "2\n", "new/ü ñ*.txt": "n\n", "x.log": "ignored\n", "staged.txt": "s\n"})
    write(wt, {".rgt/prompt": "p", ".claude/settings.local.json": "{}", ".claude/kept.md": "k"})
    sh(wt, "add", "-f", "staged.txt", ".rgt/prompt")
    (wt / "other.txt").unlink()
    sh(wt, "rm", "--quiet", "README.md")
    sh(wt, "mv", "src/app.py", "src/moved.py")
    sha = await saving.save_commit(known(rig.hub, wt), "nux ended")
    assert sha == sh(wt, "rev-parse", "HEAD") == sh(rig.hub, "rev-parse", f"polecat/nux/{ITEM}")
    changed = set(sh(wt, "diff", "--no-renames", "--name-status", "-z", "HEAD~", "HEAD").rstrip("\0").split("\0"))
    assert changed == {"A", "M", "mine.txt", "new/ü ñ*.txt", "staged.txt", "src/moved.py", ".claude/kept.md"}
    assert sh(wt, "log", "-1", "--format=%s|%(trailers:key=Rgt-Saved,valueonly)") == "rgt: saved work: nux ended|true"
    assert {x[3:] for x in sh(wt, "status", "--porcelain").splitlines()} == {"other.txt", "README.md", "src/app.py"}
    assert await saving.save_commit(known(rig.hub, wt), "again") is None
    assert (wt / ".rgt/prompt").exists()


async def test_B07_a_file_in_the_place_of_a_directory_and_the_other_way_round(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    (wt / "mine.txt").unlink()
    (wt / "src/app.py").unlink()
    (wt / "src").rmdir()
    write(wt, {"mine.txt/deep": "d\n", "src": "s\n"})
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha and listed(wt, sha) == {"README.md", ".gitignore", "other.txt", "mine.txt/deep", "src"}


async def test_B07_save_commit_without_identity_detached_with_hooks_of_the_repository(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    (tmp / "gitconfig").write_text("[commit]\ngpgsign = true\n")
    write(wt, {"hooks/pre-commit": "#!/bin/sh\nexit 1\n"})
    (wt / "hooks/pre-commit").chmod(0o755)
    sh(wt, "config", "core.hooksPath", "hooks")
    sh(wt, "checkout", "--quiet", "--detach")
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha == sh(wt, "rev-parse", "HEAD") and "hooks/pre-commit" in listed(wt, sha)
    sh(wt, "checkout", "--quiet", "--orphan", "fresh")
    sh(wt, "rm", "-rq", "--cached", ".")
    write(wt, {".rgt/x": "1"})
    sha = await saving.save_commit(known(rig.hub, wt), "first")
    assert sha and sh(wt, "rev-list", "--count", "HEAD") == "1" and ".rgt/x" not in listed(wt, sha)


async def test_B07_save_commit_in_the_middle_of_a_merge(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    half_merge(rig, wt, tmp)
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha and "<<<<<<<" in sh(wt, "show", f"{sha}:mine.txt")
    assert len(sh(wt, "log", "-1", "--format=%P").split()) == 1
    sh(wt, "reset", "--quiet", "--hard", "HEAD~")
    fails(wt, "merge", "side")
    write(wt, {"mine.txt": "both\n"})
    sh(wt, "add", "mine.txt")
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha and len(sh(wt, "log", "-1", "--format=%P").split()) == 2
    assert (await saving.describe(known(rig.hub, wt))).operation == "" and not sh(wt, "status", "--porcelain")


async def test_B07_save_commit_in_the_middle_of_a_rebase(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    branch_commit(rig, tmp / "side", "side", {"mine.txt": "side\n"})
    fails(wt, "rebase", "side")
    assert (await saving.describe(known(rig.hub, wt))).operation == "rebase"
    write(wt, {"extra": "1"})
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha and {"extra", "mine.txt"} <= listed(wt, sha) and sh(wt, "rev-parse", "HEAD") == sha
    assert (await saving.describe(known(rig.hub, wt))).operation == "rebase"


async def test_saving_writes_no_log_through_a_link_of_a_living_agent(rig: RigHome, tmp: Path) -> None:
    """A person's `rgt done` moves the branch while its agent may do anything with what git keeps of it."""
    wt, outside = tmp / "wt", tmp / "outside"
    outside.write_text("")
    tree = known(rig.hub, wt)
    logs = (tree.admin / "logs/HEAD", rig.hub / f"logs/refs/heads/polecat/nux/{ITEM}")
    for log in logs:
        assert log.is_file()
        log.unlink()
        log.symlink_to(outside)
    write(wt, {"mine.txt": "2\n"})
    sha = await saving.save_commit(tree, "x")
    assert sha == sh(rig.hub, "rev-parse", f"polecat/nux/{ITEM}")
    assert outside.read_text() == "" and not any(log.is_symlink() for log in logs)
    assert all(sha in log.read_text() for log in logs)


async def test_saving_waits_for_another_git_and_moves_nothing_when_that_stays(rig: RigHome, tmp: Path) -> None:
    """The agent may be at work in the worktree when a person says that its item is done."""
    wt, tree = tmp / "wt", known(rig.hub, tmp / "wt")
    head, lock = sh(wt, "rev-parse", "HEAD"), tree.admin / "index.lock"
    write(wt, {"mine.txt": "2\n"})
    lock.touch()
    with pytest.raises(RgtError, match="another git works in") as e:
        await saving.save_commit(tree, "x")
    assert str(lock) in e.value.hint
    assert sh(wt, "rev-parse", "HEAD") == head
    seen: list[str] = []

    def ends() -> None:
        seen.append(sh(wt, "rev-parse", "HEAD"))
        lock.unlink()

    asyncio.get_running_loop().call_later(0.5, ends)
    sha = await saving.save_commit(tree, "x")
    assert seen == [head], "with our head and its index it would undo what we have saved"
    assert sha == sh(wt, "rev-parse", "HEAD") and sh(wt, "show", f"{sha}:mine.txt") == "2"
    assert sh(wt, "status", "--porcelain") == ""


async def test_saving_waits_for_another_git_that_moves_the_head(rig: RigHome, tmp: Path) -> None:
    wt, tree = tmp / "wt", known(rig.hub, tmp / "wt")
    write(wt, {"mine.txt": "2\n"})
    lock = tree.admin / "HEAD.lock"
    lock.touch()
    asyncio.get_running_loop().call_later(1.0, lock.unlink)
    sha = await saving.save_commit(tree, "x")
    assert sha == sh(wt, "rev-parse", "HEAD") and not lock.exists()
    assert sh(wt, "status", "--porcelain") == ""


def committed(wt: Path) -> str:
    """Commit as git does, if nobody else has meanwhile; gives the commit, empty for none."""
    head = sh(wt, "rev-parse", "HEAD")
    commit = sh(wt, "commit-tree", f"{head}^{{tree}}", "-p", head, "-m", "the agent's")
    done = subprocess.run(["git", "-C", str(wt), "update-ref", "HEAD", commit, head], capture_output=True)
    return "" if done.returncode else commit


async def test_saving_takes_no_commit_from_an_agent_that_goes_on(rig: RigHome, tmp: Path) -> None:
    """It commits once while its work is saved, at another moment each time."""
    wt, tree = tmp / "wt", known(rig.hub, tmp / "wt")
    began = time.monotonic()
    write(wt, {"mine.txt": "first\n"})
    await saving.save_commit(tree, "how long it takes")
    took = time.monotonic() - began
    for turn in range(24):
        write(wt, {"mine.txt": f"turn {turn}\n"})
        saving_it = asyncio.create_task(saving.save_commit(tree, "x"))
        await asyncio.sleep(took * turn / 20)
        theirs = committed(wt)
        sha = await saving_it
        kept = sh(wt, "rev-list", "HEAD").split()
        assert sha in kept and (not theirs or theirs in kept)
        assert sh(wt, "show", "HEAD:mine.txt") == f"turn {turn}" and sh(wt, "status", "--porcelain") == ""


async def test_saving_leaves_other_repositories_out(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    sh(wt, "init", "--quiet", "empty")
    sh(wt, "clone", "--quiet", str(tmp / "src-api"), "cloned")
    write(wt, {"n": "1"})
    sha = await saving.save_commit(known(rig.hub, wt), "x")
    assert sha and sh(wt, "show", "--name-only", "--format=", sha) == "n"
    assert (await saving.describe(known(rig.hub, wt))).nested == ("cloned/", "empty/")


async def test_B10_snapshot_holds_everything_and_touches_nothing(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    assert await saving.snapshot(rig, known(rig.hub, wt), ITEM) is None
    write(wt, {"mine.txt": "staged\n"})
    sh(wt, "add", "mine.txt")
    write(wt, {"mine.txt": "after\n", "new.txt": "n\n", "x.log": "ignored\n", ".rgt/x": "1"})
    (wt / "other.txt").unlink()
    before = sh(wt, "status", "--porcelain=v2"), sh(wt, "ls-files", "-s"), sh(wt, "rev-parse", "HEAD")
    sha = await saving.snapshot(rig, known(rig.hub, wt), ITEM)
    assert sha
    assert (sh(wt, "status", "--porcelain=v2"), sh(wt, "ls-files", "-s"), sh(wt, "rev-parse", "HEAD")) == before
    assert listed(wt, sha) == {"README.md", ".gitignore", "src/app.py", "mine.txt", "new.txt"}
    assert sh(wt, "show", f"{sha}:mine.txt") == "after" and sh(wt, "show", f"{sha}^2:mine.txt") == "staged"
    assert sh(wt, "rev-parse", f"{sha}^1") == before[2]
    names = sh(rig.hub, "for-each-ref", "--format=%(refname)", f"refs/rgt/snap/{ITEM}/").splitlines()
    assert len(names) == 1 and names[0].endswith("Z")
    assert [p.name for p in (rig.hub / "worktrees/wt").glob("rgt-index-*")] == []


async def test_B10_snapshot_sees_a_change_in_the_tick_of_the_commit(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    for n in range(5):
        write(wt, {"mine.txt": f"a{n}\n"})
        sh(wt, "add", "mine.txt")
        write(wt, {"mine.txt": f"b{n}\n"})
        sha = await saving.snapshot(rig, known(rig.hub, wt), ITEM)
        assert sha and sh(wt, "show", f"{sha}:mine.txt") == f"b{n}"


async def test_B10_snapshot_in_the_middle_of_a_merge_holds_both_sides(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    half_merge(rig, wt, tmp)
    sha = await saving.snapshot(rig, known(rig.hub, wt), ITEM)
    assert sha and "<<<<<<<" in sh(wt, "show", f"{sha}:mine.txt")
    assert sh(wt, "rev-parse", "side") in sh(wt, "log", "-1", "--format=%P", sha).split()
    facts = await saving.describe(known(rig.hub, wt))
    assert facts.operation == "merge" and facts.conflicts == 1


async def test_B10_what_cannot_be_read_is_an_error(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    if os.getuid() == 0:
        (wt / "bad").mkdir()
        (rig.hub / "objects").rename(tmp / "objects")
    else:
        write(wt, {"bad": "1"})
        (wt / "bad").chmod(0)
    with pytest.raises(RgtError):
        await saving.snapshot(rig, known(rig.hub, wt), ITEM)


async def test_recover_and_restore(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    assert [x.split()[0] for x in await saving.recover(rig, ITEM)] == [f"refs/heads/polecat/nux/{ITEM}"]
    write(wt, {"new.txt": "n\n"})
    sha = await saving.snapshot(rig, known(rig.hub, wt), ITEM)
    assert sha
    await hub.pin(rig, refs.keep(ITEM, sh(wt, "rev-parse", "HEAD")), sh(wt, "rev-parse", "HEAD"))
    lines = await saving.recover(rig, ITEM)
    assert len(lines) == 3 and lines[0].startswith(f"refs/rgt/snap/{ITEM}/") and sha[:12] in lines[0]
    assert await saving.restore(rig, ITEM) == f"recover/{ITEM} {sha}" == await saving.restore(rig, ITEM)
    assert sh(rig.hub, "show", f"recover/{ITEM}:new.txt") == "n"
    with pytest.raises(RgtError, match="holds something else"):
        await saving.restore(rig, ITEM, f"polecat/nux/{ITEM}")
    assert await saving.recover(rig, "gt-99999") == []
    with pytest.raises(RgtError, match="nothing is kept"):
        await saving.restore(rig, "gt-99999")


async def test_describe(rig: RigHome, tmp: Path) -> None:
    wt = tmp / "wt"
    head = sh(wt, "rev-parse", "HEAD")
    clean = TreeFacts(head=head, branch=f"polecat/nux/{ITEM}", ahead=1, unkept=1)
    assert await saving.describe(known(rig.hub, wt)) == clean
    await hub.pin(rig, refs.keep(ITEM, head), head)
    sh(wt, "mv", "mine.txt", "renamed.txt")
    (wt / "other.txt").unlink()
    write(wt, {"a/b": "1", "a/c": "1", "x.log": "1", ".rgt/x": "1"})
    sleeper = await asyncio.create_subprocess_exec("sleep", "60", cwd=wt / "a")
    try:
        facts = await saving.describe(known(rig.hub, wt))
    finally:
        sleeper.kill()
        await sleeper.wait()
    assert facts == TreeFacts(head=head, branch=clean.branch, changed=2, untracked=2, live=1, ahead=1)
    sh(wt, "checkout", "--quiet", "--orphan", "none")
    facts = await saving.describe(known(rig.hub, wt))
    assert facts.head == "" and facts.branch == "none" and facts.readable
    assert not (await saving.describe(Tree(tmp / "gone", rig.hub / "worktrees/gone", rig.hub))).readable
