"""Slots: exactly the tree, one run at a time, and no trace of a crash."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from rgt.host import git, trees
from rgt.host.slots import slot
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from tests.repos import branch_commit, make_rig, sh, write


async def two_commits(home: Home) -> tuple[RigHome, str, str]:
    rig, _, first = await make_rig(home)
    return rig, first, branch_commit(rig, rig.worktrees / "w", "x", {"a.txt": "a", "src/app.py": "changed\n"})


def files(tree: Path) -> list[str]:
    return sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file() and p.name != ".git")


async def test_a_slot_holds_exactly_the_tree(home: Home) -> None:
    rig, first, second = await two_commits(home)
    async with slot(rig, "slot-0", second) as here:
        assert files(here.path) == [".gitignore", "README.md", "a.txt", "src/app.py"]
        write(here.path, {"src/app.py": "dirty", "x.log": "ignored", "build/y": "ignored", "new": "untracked"})
        sh(here.path, "init", "--quiet", "nested")
        (here.path / "README.md").unlink()
        await here.show(second)
        assert (here.path / "src/app.py").read_text() == "changed\n" and (here.path / "new").exists()
        sh(here.path, "checkout", "--quiet", "-b", "made-by-a-gate")
    async with slot(rig, "slot-0", first) as here:
        assert files(here.path) == [".gitignore", "README.md", "src/app.py"]
        assert sh(here.path, "status", "--porcelain", "--ignored") == "" and not (here.path / "nested").exists()
        assert sh(here.path, "rev-parse", "HEAD", "made-by-a-gate").split() == [first, second]
    assert "locked" in sh(rig.hub, "worktree", "list", "--porcelain")


async def test_two_runs_never_share_a_slot(home: Home) -> None:
    rig, first, second = await two_commits(home)
    inside: list[str] = []

    async def use(commit: str) -> None:
        async with slot(rig, "slot-0", commit) as here:
            inside.append(commit)
            for _ in range(10):
                await asyncio.sleep(0.01)
                assert sh(here.path, "rev-parse", "HEAD") == commit
            assert inside.pop() == commit and not inside

    await asyncio.gather(use(first), use(second), use(first))


async def test_after_a_cancelled_run_locks_are_removed(home: Home) -> None:
    rig, first, second = await two_commits(home)
    with pytest.raises(asyncio.CancelledError):
        async with slot(rig, "slot-0", first) as here:
            lock = Path(sh(here.path, "rev-parse", "--absolute-git-dir")) / "index.lock"
            lock.touch()
            raise asyncio.CancelledError
    async with slot(rig, "slot-0", second) as here:
        assert sh(here.path, "rev-parse", "HEAD") == second and not lock.exists()


@pytest.mark.parametrize("kind", ["directory", "gone", "half-made"])
async def test_what_cannot_be_used_is_parked(home: Home, kind: str) -> None:
    rig, first, _ = await two_commits(home)
    tree = rig.slots / "slot-0"
    if kind == "directory":
        write(tree, {"notes": "of somebody"})
    else:
        async with slot(rig, "slot-0", first):
            pass
        if kind == "gone":
            tree.rename(rig.root / "elsewhere")
        else:
            (rig.hub / "worktrees" / "slot-0" / "HEAD").unlink()
    async with slot(rig, "slot-0", first) as here:
        assert files(here.path) == [".gitignore", "README.md", "src/app.py"]
    parked = list(rig.parked.glob("slot-0-*"))
    assert len(parked) == (0 if kind == "gone" else 1)


async def test_a_commit_that_is_not_there(home: Home) -> None:
    rig, first, _ = await two_commits(home)
    async with slot(rig, "slot-0", first):
        pass
    with pytest.raises(RgtError, match="cannot fill slot slot-0"):
        async with slot(rig, "slot-0", "1" * 40):
            pass


@pytest.mark.parametrize("fresh", [False, True])
async def test_what_a_gate_has_set_runs_nothing_in_the_next_run(
    home: Home, tmp: Path, fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gates run what agents wrote, outside of any sandbox: also in the hub, whose settings a fresh slot would have."""
    monkeypatch.setattr(git, "PATIENCE", 0.3)
    rig, first, second = await two_commits(home)
    evil, marker = tmp / "evil", tmp / "marker"
    evil.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat\n')
    evil.chmod(0o755)
    settings = f'[core]\n\tfsmonitor = {evil}\n\thooksPath = {tmp}\n[filter "x"]\n\tsmudge = {evil}\n\tclean = {evil}\n'
    (tmp / "post-checkout").write_bytes(evil.read_bytes())
    (tmp / "post-checkout").chmod(0o755)
    with_filter = branch_commit(rig, rig.worktrees / "f", "y", {".gitattributes": "* filter=x\n", "b.txt": "b\n"})
    async with slot(rig, "slot-0", first) as here:
        for file in (trees.known(rig.hub, here.path).admin / "config.worktree", rig.hub / "config"):
            with file.open("a") as settings_of:
                settings_of.write(settings)
        (here.path / ".git").unlink()
        sh(here.path, "init", "--quiet")
        (here.path / ".git/config").write_text(settings)
        (here.path / ".gitignore").unlink()
        os.mkfifo(here.path / ".gitignore")
    if fresh:
        shutil.rmtree(rig.slots / "slot-0")
    for commit in (with_filter, second):
        async with slot(rig, "slot-0", commit) as here:
            await here.show(commit)
            assert sh(here.path, "-c", "core.fsmonitor=false", "rev-parse", "HEAD") == commit
    assert not marker.exists(), marker.read_text()
