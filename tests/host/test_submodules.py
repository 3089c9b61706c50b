"""Worktrees with submodules: given back when nothing is lost with those, and left alone otherwise."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rgt.host import doctor_rig, hub, saving, trees, worktrees
from rgt.model import refs
from tests.host.scene import BRANCH, ITEM, Scene
from tests.repos import commit, make_repo, sh


@pytest.mark.parametrize("ignored", [False, True])
async def test_B10_a_repository_where_a_submodule_belongs_stays(scene: Scene, tmp: Path, ignored: bool) -> None:
    """It may have commits that are nowhere else, and git would look into it."""
    make_repo(tmp / "sub", {"x": "1\n"})
    shutil.rmtree(scene.where / "src")
    commit(scene.where, {".gitattributes": ""})
    sh(scene.where, "-c", "protocol.file.allow=always", "clone", "--quiet", str(tmp / "sub"), "sub")
    sh(scene.where, "-c", "advice.addEmbeddedRepo=false", "add", "sub")
    landed = commit(scene.where, {"a": "1\n"})
    sh(scene.rig.hub, "update-ref", refs.target("main"), landed, env={**os.environ, **hub.landing_env(scene.rig)})
    if not ignored:
        assert await worktrees.blockers(scene.rig, "nux", ITEM) == [
            "holds other repositories: sub/ (not made by `git submodule`)"
        ]
        assert not await worktrees.recycle(scene.rig, "nux", ITEM)
        return
    sh(scene.where, "rm", "--quiet", "--cached", "sub")
    commit(scene.where, {".gitignore": "sub/\n"})
    assert await worktrees.recycle(scene.rig, "nux", ITEM) and not list(scene.rig.pool.glob("*"))
    (aside,) = scene.rig.parked.iterdir()
    assert (aside / "sub/.git").exists()


@pytest.fixture
def with_submodule(scene: Scene, tmp: Path) -> Path:
    """A submodule in the worktree, as `git submodule update --init` makes it, with the worktree's work landed."""
    make_repo(tmp / "lib", {"x": "1\n", ".gitignore": "built\n"})
    (scene.where / ".gitattributes").unlink()
    allowed = ("-c", "protocol.file.allow=always")
    sh(scene.where, *allowed, "submodule", "--quiet", "add", str(tmp / "lib"), "libs/lib")
    landed = commit(scene.where, {})
    sh(scene.rig.hub, "update-ref", refs.target("main"), landed, env={**os.environ, **hub.landing_env(scene.rig)})
    return scene.where / "libs/lib"


async def test_a_worktree_with_a_submodule_is_given_back_without_it(scene: Scene, with_submodule: Path) -> None:
    """And the next agent makes it again; nothing that its settings name has run."""
    (with_submodule / "built").write_text("1\n")
    scene.arm_with(scene.admin / "modules/libs/lib/config")
    (with_submodule / "x").touch()
    assert await worktrees.blockers(scene.rig, "nux", ITEM) == []
    assert await worktrees.recycle(scene.rig, "nux", ITEM)
    (pooled,) = scene.rig.pool.iterdir()
    base = await hub.target_head(scene.rig, "main")
    await worktrees.prepare(scene.rig, "nux", ITEM, BRANCH, base)
    assert not pooled.exists() and not list(scene.rig.parked.glob("*")) and not (scene.admin / "modules").exists()
    where = scene.rig.worktrees / "nux"
    assert not sh(where, "status", "--porcelain") and not list((where / "libs/lib").iterdir())
    sh(where, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    assert (where / "libs/lib/x").read_text() == "1\n"
    assert not scene.marker.exists()


def a_commit(sub: Path) -> None:
    commit(sub, {"x": "2\n"})


def a_commit_of_a_branch_that_is_gone(sub: Path) -> None:
    sh(sub, "checkout", "--quiet", "-b", "side")
    commit(sub, {"x": "2\n"})
    sh(sub, "checkout", "--quiet", "--detach", "origin/main")
    sh(sub, "branch", "--quiet", "-D", "side")


def a_stash(sub: Path) -> None:
    (sub / "x").write_text("2\n")
    sh(sub, "stash", "--quiet")


def a_change(sub: Path) -> None:
    (sub / "x").write_text("2\n")


def a_file_that_only_it_ignores(sub: Path) -> None:
    (sub / "y").write_text("2\n")
    Path(sh(sub, "rev-parse", "--git-path", "info/exclude")).write_text("y\n")


def a_repository_inside(sub: Path) -> None:
    make_repo(sub / "inner", {"y": "2\n"})


async def doctor_says(scene: Scene) -> list[str]:
    """What the doctor finds wrong with the worktrees of the rig."""
    return [check.cause for check in [c async for c in doctor_rig.PROBES["worktrees"](scene.home, "api")]]


CHANGES = "changes that are not committed"
COMMITS = "commits that no remote had"


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (a_commit, COMMITS),
        (a_commit_of_a_branch_that_is_gone, COMMITS),
        (a_stash, COMMITS),
        (a_change, CHANGES),
        (a_file_that_only_it_ignores, CHANGES),
        (a_repository_inside, CHANGES),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
async def test_B10_a_submodule_with_work_that_is_nowhere_else_stays(
    scene: Scene, with_submodule: Path, work: Callable[[Path], None], why: str
) -> None:
    work(with_submodule)
    before = {file: file.read_bytes() for file in with_submodule.rglob("*") if file.is_file()}
    assert await worktrees.blockers(scene.rig, "nux", ITEM) == [f"holds other repositories: libs/lib/ ({why})"]
    assert not await worktrees.recycle(scene.rig, "nux", ITEM)
    assert {file: file.read_bytes() for file in with_submodule.rglob("*") if file.is_file()} == before


async def test_B10_a_submodule_that_is_no_more_in_the_index_stays(scene: Scene, with_submodule: Path) -> None:
    commit(with_submodule, {"x": "2\n"})
    sh(scene.where, "rm", "--quiet", "--force", "libs/lib")
    said = "holds other repositories: lib/ (a submodule that is no more)"
    assert await worktrees.blockers(scene.rig, "nux", ITEM) == [said]
    assert await doctor_says(scene) == []
    assert not await worktrees.recycle(scene.rig, "nux", ITEM)
    assert await doctor_says(scene) == [f"{scene.where} is done with and stays: it {said}"]
    shutil.rmtree(scene.admin / "modules")
    assert await doctor_says(scene) == [] and await worktrees.recycle(scene.rig, "nux", ITEM)


async def test_B07_a_submodule_with_a_new_commit_is_saved_as_it_is(scene: Scene, tmp: Path) -> None:
    make_repo(scene.where / "sub", {"x": "1\n"})
    sh(scene.where, "-c", "advice.addEmbeddedRepo=false", "add", "sub")
    commit(scene.where, {"a": "1\n"})
    new = commit(scene.where / "sub", {"x": "2\n"})
    tree = trees.known(scene.rig.hub, scene.where)
    assert not (await saving.glance(tree)).unchanged
    sha = await saving.save_commit(tree, "x")
    assert sha and sh(scene.where, "ls-tree", sha, "sub") == f"160000 commit {new}\tsub"
