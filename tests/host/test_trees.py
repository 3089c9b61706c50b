"""Worktrees that their agents have turned against the town: its git runs nothing of theirs, and waits for nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rgt.host import doctor_rig, finishing, git, hub, saving, trees, worktrees
from rgt.host.places import Places
from rgt.model import refs
from rgt.model.errors import RgtError
from tests.host.scene import BRANCH, ITEM, Scene
from tests.repos import commit, sh, write


def a_repository_of_its_own(scene: Scene) -> None:
    (scene.where / ".git").unlink()
    scene.repository(scene.where / "x").rename(scene.where / ".git")


def a_pointer_to_a_repository(scene: Scene) -> None:
    made = scene.repository(scene.where / "x")
    (scene.where / ".git").write_text(f"gitdir: {made}\n")


def a_link_to_a_repository(scene: Scene) -> None:
    made = scene.repository(scene.where / "x")
    (scene.where / ".git").unlink()
    (scene.where / ".git").symlink_to(made)


def a_copy_of_its_part_of_the_hub(scene: Scene) -> None:
    """With another repository behind it, in a place that looks like a hub's."""
    fake = scene.where / "hub.git/worktrees/nux"
    shutil.copytree(scene.admin, fake)
    made = scene.repository(scene.where / "x")
    shutil.copytree(made, scene.where / "hub.git", dirs_exist_ok=True)
    (scene.where / ".git").write_text(f"gitdir: {fake}\n")


def another_common_directory(scene: Scene) -> None:
    (scene.admin / "commondir").write_text(f"{scene.repository(scene.where / 'x')}\n")


def a_pipe_as_pointer(scene: Scene) -> None:
    (scene.where / ".git").unlink()
    os.mkfifo(scene.where / ".git")


def no_pointer(scene: Scene) -> None:
    (scene.where / ".git").unlink()


def a_submodule(scene: Scene) -> None:
    """Which its agent has made up: the index has a commit there, and `.gitmodules` asks to look into it."""
    made = scene.repository(scene.where / "sub")
    write(scene.where, {".gitmodules": '[submodule "sub"]\n\tpath = sub\n\turl = x\n\tignore = none\n'})
    write(scene.where / "sub", {".gitattributes": "* filter=x\n", "README.md": "changed\n"})
    sh(scene.where, "-c", "filter.x.clean=cat", "-c", "advice.addEmbeddedRepo=false", "add", "sub", ".gitmodules")
    sh(scene.where, "commit", "--quiet", "--message", "sub")
    made.joinpath("index").touch()
    (scene.where / "sub/README.md").touch()


def a_submodule_in_what_rgt_writes(scene: Scene) -> None:
    scene.repository(scene.where / ".rgt")
    sh(scene.where, "checkout", "--quiet", "--orphan", "fresh")
    sh(scene.where, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},.rgt")


def pipes_where_git_reads(scene: Scene) -> None:
    for name in (".gitignore", "src/.gitattributes", ".gitmodules"):
        (scene.where / name).unlink(missing_ok=True)
        os.mkfifo(scene.where / name)
    made = scene.repository(scene.where / "inner")
    (made / "HEAD").unlink()
    os.mkfifo(made / "HEAD")


def pipes_in_its_part_of_the_hub(scene: Scene) -> None:
    for name in ("HEAD", "MERGE_HEAD", "locked"):
        (scene.admin / name).unlink(missing_ok=True)
        os.mkfifo(scene.admin / name)


def a_pipe_that_a_repository_inside_leads_to(scene: Scene) -> None:
    """By a file, by a link, and by what says where the rest of it is; all within the worktree."""
    for name in ("file", "link", "common"):
        led_to = scene.repository(scene.where / f"x-{name}").rename(scene.where / f"led-to-{name}")
        (scene.where / f"x-{name}/.git").write_text(f"gitdir: ../{led_to.name}\n")
        (led_to / "HEAD").rename(led_to / "was")
        os.mkfifo(led_to / "HEAD") if name == "file" else None
    os.mkfifo(scene.where / "pipe")
    (scene.where / "led-to-link/HEAD").symlink_to(scene.where / "pipe")
    (scene.where / "led-to-common/was").rename(scene.where / "led-to-common/HEAD")
    os.mkfifo(scene.where / "led-to-common/commondir")


def a_pipe_elsewhere(scene: Scene) -> None:
    made = scene.repository(scene.where / "x").rename(scene.home.root.parent / "elsewhere")
    (scene.where / "x/.git").write_text(f"gitdir: {made}\n")
    (made / "HEAD").unlink()
    os.mkfifo(made / "HEAD")


def pipes_where_all_agents_write(scene: Scene) -> None:
    for name in ("refs/heads/polecat/nux/aa", "refs/zz", "logs/refs/heads/aa"):
        os.mkfifo(scene.rig.hub / name)


def settings_of_its_worktree(scene: Scene) -> None:
    """Which an agent without a sandbox can write."""
    scene.arm_with(scene.admin / "config.worktree")


def settings_of_the_hub(scene: Scene) -> None:
    scene.arm_with(scene.rig.hub / "config")


ATTACKS: list[Callable[[Scene], None]] = [
    a_repository_of_its_own,
    a_pointer_to_a_repository,
    a_link_to_a_repository,
    a_copy_of_its_part_of_the_hub,
    another_common_directory,
    a_pipe_as_pointer,
    no_pointer,
    a_submodule,
    a_submodule_in_what_rgt_writes,
    pipes_where_git_reads,
    pipes_in_its_part_of_the_hub,
    a_pipe_that_a_repository_inside_leads_to,
    a_pipe_elsewhere,
    pipes_where_all_agents_write,
    settings_of_its_worktree,
    settings_of_the_hub,
]


async def saved(scene: Scene) -> None:
    tree = trees.known(scene.rig.hub, scene.where)
    trees.tidy(tree)
    await saving.snapshot(scene.rig, tree, ITEM)
    await saving.left(tree, "x")


async def looked_at(scene: Scene) -> None:
    tree = trees.known(scene.rig.hub, scene.where)
    trees.branch(tree)
    await trees.head(tree)
    await saving.describe(tree)
    await worktrees.blockers(scene.rig, "nux", ITEM)


async def finished(scene: Scene) -> None:
    """Somebody has gone there, also deeper, and says `rgt done`."""
    for cwd in (scene.where, *(p for p in scene.where.iterdir() if p.is_dir() and p.name != ".git")):
        place = await finishing.look(scene.home, cwd)
        await finishing.rig_at(scene.home, cwd)
        await finishing.current_branch(scene.home, cwd)
        for branch in ("main", "gone"):
            try:
                await finishing.finish_branch(scene.home, cwd, "api", ITEM, branch)
            except RgtError:
                continue
        if place:
            await finishing.finish_here(scene.home, place, ITEM)


async def shown_in_an_editor(scene: Scene) -> None:
    places = Places(scene.home)
    for file in ("README.md", "x/README.md", "sub/README.md", "inner/README.md", ".rgt/README.md"):
        found = await places.find(scene.where / file)
        assert found and found.top == scene.where.resolve() and found.rigs == ("api",)


async def started_again(scene: Scene) -> None:
    base = await hub.target_head(scene.rig, "main")
    await worktrees.prepare(scene.rig, "nux", ITEM, BRANCH, base)
    await worktrees.prepare(scene.rig, "ace", "gt-00002", refs.work_branch("ace", "gt-00002"), base)


async def given_back(scene: Scene) -> None:
    """To the pool if it may, and taken from there."""
    await worktrees.recycle(scene.rig, "nux", ITEM)
    await started_again(scene)


async def examined(scene: Scene) -> None:
    for probe in doctor_rig.PROBES.values():
        _ = [check async for check in probe(scene.home, "api")]


USES = (saved, looked_at, finished, shown_in_an_editor, started_again, given_back, examined)


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda f: f.__name__)
async def test_nothing_of_an_agent_runs_and_nothing_hangs(
    scene: Scene,
    attack: Callable[[Scene], None],
    use: Callable[[Scene], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(git, "PATIENCE", 0.3)
    attack(scene)
    began = time.monotonic()
    try:
        await asyncio.wait_for(use(scene), 30)
    except RgtError as e:
        assert "no answer within" not in e.message
    assert time.monotonic() - began < 20
    assert not scene.marker.exists(), scene.marker.read_text()


@pytest.mark.parametrize("attack", ATTACKS[:7], ids=lambda f: f.__name__)
async def test_B10_work_is_saved_from_a_worktree_that_leads_elsewhere(
    scene: Scene, attack: Callable[[Scene], None]
) -> None:
    """And whoever goes on there has a worktree of the hub again; what led elsewhere is parked."""
    attack(scene)
    led_away = os.path.lexists(scene.where / ".git") and attack is not another_common_directory
    sha = await saving.snapshot(scene.rig, trees.known(scene.rig.hub, scene.where), ITEM)
    assert sha and sh(scene.rig.hub, "show", f"{sha}:work") == "1"
    assert sh(scene.rig.hub, "rev-parse", f"{sha}^") == await hub.target_head(scene.rig, "main")
    assert await worktrees.prepare(scene.rig, "nux", ITEM, BRANCH, "") == scene.where
    shutil.rmtree(scene.where / "x", ignore_errors=True)
    assert (scene.where / "work").exists() and sh(scene.where, "branch", "--show-current") == BRANCH
    assert [p.name[:7] for p in scene.rig.parked.glob("*")] == ["nux-git"] * led_away


async def test_B10_filters_of_the_persons_own_are_used(scene: Scene, tmp: Path) -> None:
    """Such as git-lfs: the repository names one, and what it does is in the person's settings."""
    with (tmp / "gitconfig").open("a") as file:
        file.write('[filter "big"]\n\tclean = "tr a-z A-Z"\n\tsmudge = "tr A-Z a-z"\n\trequired = true\n')
    write(scene.where, {".gitattributes": "*.bin filter=big\n", "a.bin": "large\n", "new/b.bin": "huge\n"})
    tree = trees.known(scene.rig.hub, scene.where)
    snapshot = await saving.snapshot(scene.rig, tree, ITEM)
    assert snapshot and sh(scene.where, "cat-file", "blob", f"{snapshot}:a.bin") == "LARGE"
    sha = await saving.save_commit(tree, "x")
    assert sha and sh(scene.where, "cat-file", "blob", f"{sha}:new/b.bin") == "HUGE"
    assert (await saving.glance(tree)).unchanged and (scene.where / "a.bin").read_text() == "large\n"
    sh(scene.rig.hub, "update-ref", refs.target("main"), sha, env={**os.environ, **hub.landing_env(scene.rig)})
    assert await worktrees.recycle(scene.rig, "nux", ITEM)
    where = await worktrees.prepare(scene.rig, "ace", "gt-00002", refs.work_branch("ace", "gt-00002"), sha)
    assert (where / "new/b.bin").read_text() == "huge\n" and not sh(where, "status", "--porcelain")


@pytest.mark.parametrize("what", ["logs/HEAD", "logs", "HEAD", "MERGE_HEAD", "index"])
async def test_no_link_in_its_part_of_the_hub_is_written_through(scene: Scene, tmp: Path, what: str) -> None:
    """A log of git in a shell's start-up file, with a branch that is a command, would run at the next login."""
    sh(scene.where, "checkout", "--quiet", "-b", f";touch${{IFS}}{scene.marker};")
    theirs = tmp / "theirs"
    theirs.mkdir()
    for name in ("HEAD", "file"):
        (theirs / name).write_text("kept\n")
    place = scene.admin / what
    place.rename(tmp / "aside") if place.exists() else None
    place.symlink_to(theirs if what == "logs" else theirs / "file")
    for use in (saved, given_back):
        try:
            await use(scene)
        except RgtError:
            continue
    assert [(theirs / name).read_text() for name in ("HEAD", "file")] == ["kept\n"] * 2
    assert sorted(p.name for p in theirs.iterdir()) == ["HEAD", "file"]


async def test_B10_names_that_are_no_text_and_files_that_are_pipes_stop_no_saving(scene: Scene) -> None:
    name = os.fsdecode(b"caf\xe9 \n.txt")
    (scene.where / name).write_text("1\n")
    (scene.where / "src/app.py").unlink()
    os.mkfifo(scene.where / "src/app.py")
    tree = trees.known(scene.rig.hub, scene.where)
    sha = await saving.snapshot(scene.rig, tree, ITEM)
    assert sha
    kept = sh(scene.where, "ls-tree", "-r", "--name-only", sha).splitlines()
    assert r'"caf\351 \n.txt"' in kept and "src/app.py" not in kept
    assert await saving.save_commit(tree, "x")
    assert r'"caf\351 \n.txt"' in sh(scene.where, "ls-tree", "-r", "--name-only", "HEAD").splitlines()


async def test_B10_a_worktree_that_leads_git_to_a_pipe_elsewhere_says_so_and_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not the town's is not removed, and nobody waits for it."""
    monkeypatch.setattr(git, "PATIENCE", 0.3)
    a_pipe_elsewhere(scene)
    pipe = scene.home.root.parent / "elsewhere/HEAD"
    said = [f"cannot be read: git waits at a pipe: {pipe}"]
    assert await worktrees.blockers(scene.rig, "nux", ITEM) == said
    assert not await worktrees.recycle(scene.rig, "nux", ITEM)
    with pytest.raises(RgtError, match="git waits at a pipe"):
        await finishing.current_branch(scene.home, pipe.parent)
    assert pipe.is_fifo() and (scene.where / "work").exists()
    pipe.unlink()
    assert await worktrees.recycle(scene.rig, "nux", ITEM)


async def test_what_an_agent_commits_itself_before_it_could_be_saved_is_finished(scene: Scene) -> None:
    write(scene.where, {"more.txt": "1\n"})
    place = await finishing.look(scene.home, scene.where)
    theirs = commit(scene.where, {"more.txt": "2\n"})
    assert place is not None and place.head != theirs
    finish = await finishing.finish_here(scene.home, place, ITEM)
    sh(scene.where, "switch", "--quiet", "--detach", "HEAD^")
    again = await finishing.finish_here(scene.home, place, ITEM)
    assert (finish.head, finish.saved) == (again.head, again.saved) == (theirs, "")


async def test_a_place_in_the_home_that_is_no_worktree_is_nobodys(scene: Scene, tmp: Path) -> None:
    scene.repository(scene.rig.root / "parked/x")
    scene.repository(tmp / "beside")
    for cwd in (scene.rig.root, scene.rig.root / "parked/x", scene.home.rigs, scene.home.rigs / "gone/worktrees/x"):
        assert trees.at(scene.home, cwd) is None
    assert trees.at(scene.home, tmp / "beside") is None
    sh(scene.rig.hub, "worktree", "add", "--quiet", "--detach", str(tmp / "mine"), refs.target("main"))
    found = trees.at(scene.home, tmp / "mine/src")
    assert found and found.admin.name == "mine" and found.path == tmp / "mine"
