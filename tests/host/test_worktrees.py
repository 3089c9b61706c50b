"""Worktrees of agents: B01, B10, B11, B32, and how much a sling may cost."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rgt.host import hub, saving, trees, worktrees
from rgt.host.worktrees import prepare, recycle
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from tests.repos import branch_commit, commit, fails, make_rig, sh, write

ITEM, OTHER = "gt-00001", "gt-00002"
BRANCH = refs.work_branch("nux", ITEM)


@pytest.fixture
async def rig(home: Home) -> RigHome:
    return (await make_rig(home))[0]


async def nux(rig: RigHome, item: str = ITEM) -> Path:
    return await prepare(rig, "nux", item, refs.work_branch("nux", item), await hub.target_head(rig, "main"))


def blobs(rig: RigHome) -> set[str]:
    """All file contents that some ref of the hub reaches."""
    objects = sh(rig.hub, "rev-list", "--objects", "--no-object-names", "--all")
    shown = sh(rig.hub, "cat-file", "--batch-check=%(objecttype) %(objectname)", "--batch-all-objects")
    reached = set(objects.splitlines())
    return {x.split()[1] for x in shown.splitlines() if x.startswith("blob")} & reached


def seen(rig: RigHome, where: Path) -> set[str]:
    """The contents of all files of a worktree that are work: not ignored, not another repository's."""
    names = sh(where, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    there = sorted({n for n in names if n and (where / n).is_file()})
    return set(sh(where, "hash-object", "--", *there).splitlines()) if there else set()


@pytest.mark.parametrize("pooled", [0, 1])
async def test_prepare_makes_a_locked_worktree_on_its_branch(rig: RigHome, pooled: int) -> None:
    await worktrees.fill_pool(rig, "main", pooled)
    where = await nux(rig)
    assert where == rig.worktrees / "nux" and list(rig.pool.iterdir()) == []
    assert sh(where, "symbolic-ref", "--short", "HEAD") == BRANCH and not sh(where, "status", "--porcelain")
    assert sh(where, "rev-parse", "HEAD") == await hub.target_head(rig, "main")
    shown = sh(rig.hub, "worktree", "list", "--porcelain")
    assert f"worktree {where}\n" in shown and f"locked rgt:{ITEM}" in shown and shown.count("worktree ") == 2
    fails(where, "rev-parse", "--abbrev-ref", "@{upstream}")
    write(where, {"work": "1"})
    assert await nux(rig) == where and (where / "work").exists()


@pytest.mark.parametrize("pooled", [0, 1])
async def test_B01_a_later_attempt_goes_on_where_the_branch_ended(rig: RigHome, tmp: Path, pooled: int) -> None:
    where = await nux(rig)
    done = commit(where, {"work": "1"})
    shutil.rmtree(where)
    await worktrees.fill_pool(rig, "main", pooled)
    assert sh(await nux(rig), "rev-parse", "HEAD") == done and (where / "work").exists()


async def test_B01_a_killed_agent_leaves_dirty_files_and_stale_locks(rig: RigHome) -> None:
    where = await nux(rig)
    write(where, {"README.md": "half", "new": "n"})
    lock = rig.hub / "worktrees/nux/index.lock"
    lock.touch()
    sleeper = await asyncio.create_subprocess_exec("sleep", "60", cwd=where)
    try:
        await worktrees.park(rig, "nux", ITEM)
        assert lock.exists()
    finally:
        sleeper.kill()
        await sleeper.wait()
    await worktrees.park(rig, "nux", ITEM)
    assert not lock.exists()
    assert await nux(rig) == where and (where / "README.md").read_text() == "half" and (where / "new").exists()


@pytest.mark.parametrize("what", ["directory", "file", "link", "item", "copy"])
async def test_what_lies_in_the_way_is_parked_never_deleted(rig: RigHome, tmp: Path, what: str) -> None:
    where = rig.worktrees / "nux"
    where.parent.mkdir()
    if what == "file":
        where.write_text("precious")
    elif what == "link":
        where.symlink_to(tmp / "nowhere")
    elif what == "directory":
        write(where, {"precious": "1"})
    else:
        await nux(rig, OTHER)
        write(where, {"precious": "1"})
        if what == "copy":
            shutil.copytree(where, tmp / "copy")
            assert await recycle(rig, "nux", OTHER)
            (tmp / "copy").rename(where)
    await nux(rig)
    assert sh(where, "symbolic-ref", "--short", "HEAD") == BRANCH and not (where / "precious").exists()
    (aside,) = rig.parked.iterdir()
    assert aside.is_symlink() or aside.is_file() or (aside / "precious").exists()
    if what == "item":
        assert sh(aside, "status", "--porcelain") == "?? precious"
        assert sh(aside, "symbolic-ref", "--short", "HEAD") == refs.work_branch("nux", OTHER)


async def test_B11_a_worktree_half_made_by_a_killed_worker_is_made_again(rig: RigHome) -> None:
    where = await nux(rig)
    (rig.hub / "worktrees/nux/index").unlink()
    (where / "README.md").unlink()
    await nux(rig)
    assert not sh(where, "status", "--porcelain") and sh(where, "symbolic-ref", "--short", "HEAD") == BRANCH


@pytest.mark.parametrize("step", ["branch", "rename"])
async def test_B11_a_worker_killed_while_taking_from_the_pool(rig: RigHome, step: str) -> None:
    await worktrees.fill_pool(rig, "main", 1)
    (place,) = rig.pool.iterdir()
    (rig.hub / "worktrees" / place.name / "locked").write_text(f"rgt:{ITEM}\n")
    sh(place, "checkout", "--quiet", "-b", BRANCH)
    if step == "rename":
        rig.worktrees.mkdir()
        place.rename(rig.worktrees / "nux")
    where = await nux(rig)
    assert sh(where, "symbolic-ref", "--short", "HEAD") == BRANCH
    assert len(sh(rig.hub, "worktree", "list").splitlines()) == 2 and not list(rig.pool.iterdir())
    assert f"{where} " in sh(rig.hub, "worktree", "list")


async def test_B11_a_pool_in_which_somebody_worked_is_not_used(rig: RigHome) -> None:
    await worktrees.fill_pool(rig, "main", 1)
    (place,) = rig.pool.iterdir()
    write(place, {"README.md": "mine"})
    where = await nux(rig)
    assert not sh(where, "status", "--porcelain")
    (aside,) = rig.parked.iterdir()
    assert (aside / "README.md").read_text() == "mine"


async def test_B11_a_worker_killed_while_filling_the_pool(rig: RigHome) -> None:
    """A worktree without all its files is given to nobody, and is finished instead of left."""
    await worktrees.fill_pool(rig, "main", 1)
    (place,) = rig.pool.iterdir()
    admin = rig.hub / "worktrees" / place.name
    (admin / "locked").write_text("rgt:pool, not yet\n")
    (admin / "index").rename(admin / "index.lock")
    (place / "README.md").unlink()
    where = await nux(rig)
    assert list(rig.pool.iterdir()) == [place] and not sh(where, "status", "--porcelain")
    await worktrees.fill_pool(rig, "main", 1)
    assert list(rig.pool.iterdir()) == [place] and not sh(place, "status", "--porcelain")
    assert trees.line(admin, "locked") == "rgt:pool"


@pytest.mark.parametrize("pooled", [0, 5])
async def test_B11_twenty_at_once(rig: RigHome, pooled: int) -> None:
    await worktrees.fill_pool(rig, "main", pooled)
    base = await hub.target_head(rig, "main")
    jobs = [(f"p{n}", f"gt-{n:05}") for n in range(20)]
    made = await asyncio.gather(*(prepare(rig, n, i, refs.work_branch(n, i), base) for n, i in jobs))
    assert [p.name for p in made] == [n for n, _ in jobs]
    heads = {sh(p, "symbolic-ref", "--short", "HEAD") for p in made}
    assert heads == {refs.work_branch(n, i) for n, i in jobs}
    assert len(sh(rig.hub, "worktree", "list").splitlines()) == 21


async def test_B11_a_failed_prepare_leaves_nothing(rig: RigHome) -> None:
    with pytest.raises(RgtError):
        await prepare(rig, "nux", ITEM, BRANCH, "1" * 40)
    assert not (rig.worktrees / "nux").exists() and len(sh(rig.hub, "worktree", "list").splitlines()) == 1
    assert BRANCH not in sh(rig.hub, "for-each-ref")


async def test_B11_a_prepare_whose_files_cannot_be_written_leaves_no_worktree(rig: RigHome, tmp: Path) -> None:
    """Such as when the program of a filter that the person requires is not there."""
    base = commit(rig.root.parent.parent.parent / "src-api", {".gitattributes": "*.bin filter=big\n", "a.bin": "1\n"})
    sh(rig.hub, "fetch", "--quiet", "origin", "main")
    with (tmp / "gitconfig").open("a") as file:
        file.write('[filter "big"]\n\tsmudge = false\n\trequired = true\n')
    with pytest.raises(RgtError):
        await prepare(rig, "nux", ITEM, BRANCH, base)
    assert not (rig.worktrees / "nux").exists() and len(sh(rig.hub, "worktree", "list").splitlines()) == 1


async def test_a_home_behind_a_symlink(tmp: Path) -> None:
    (tmp / "real").mkdir()
    (tmp / "link").symlink_to(tmp / "real")
    rig, _, _ = await make_rig(Home(tmp / "link" / "gtr"))
    where = await nux(rig)
    write(where, {"work": "1"})
    assert await nux(rig) == where and (where / "work").exists() and not rig.parked.exists()
    assert await recycle(rig, "nux", ITEM)


async def test_B10_recycle_saves_first_and_the_next_agent_finds_a_clean_tree(rig: RigHome, tmp: Path) -> None:
    where = await nux(rig)
    head = commit(where, {"work": "1"})
    write(where, {"dirty": "1", "x.log": "ignored", ".rgt/prompt": "p", "README.md": "changed"})
    before = seen(rig, where)
    assert await worktrees.blockers(rig, "nux", ITEM) == []
    assert await recycle(rig, "nux", ITEM) and not where.exists()
    assert before <= blobs(rig)
    assert sh(rig.hub, "rev-parse", refs.keep(ITEM, head)) == head
    assert len(await saving.recover(rig, ITEM)) == 3
    again = await prepare(rig, "ace", OTHER, refs.work_branch("ace", OTHER), await hub.target_head(rig, "main"))
    assert not list(rig.pool.iterdir()) and not sh(again, "status", "--porcelain")
    assert not (again / ".rgt").exists() and not (again / "work").exists()
    branch = (await saving.restore(rig, ITEM)).split()[0]
    assert sh(rig.hub, "show", f"{branch}:dirty") == "1"
    assert not await recycle(rig, "nux", ITEM) and not await recycle(rig, "ace", ITEM)


async def test_B10_recycle_pins_nothing_that_the_target_holds(rig: RigHome) -> None:
    where = await nux(rig)
    head = commit(where, {"work": "1"})
    assert await hub.move_target(rig, "main", head, await hub.target_head(rig, "main"))
    assert await recycle(rig, "nux", ITEM)
    assert "refs/rgt/keep" not in sh(rig.hub, "for-each-ref") and "refs/rgt/snap" not in sh(rig.hub, "for-each-ref")


async def test_B10_recycle_leaves_what_cannot_be_saved(rig: RigHome) -> None:
    where = await nux(rig)
    sh(where, "init", "--quiet", "inner")
    assert await worktrees.blockers(rig, "nux", ITEM) == ["holds other repositories: inner/"]
    assert not await recycle(rig, "nux", ITEM) and (where / "inner/.git").exists()
    shutil.rmtree(where / "inner")
    sleeper = await asyncio.create_subprocess_exec("sleep", "60", cwd=where)
    try:
        assert await worktrees.blockers(rig, "nux", ITEM) == ["has 1 process running in it"]
        assert not await recycle(rig, "nux", ITEM) and where.exists()
    finally:
        sleeper.kill()
        await sleeper.wait()
    assert await recycle(rig, "nux", ITEM)


async def test_B10_a_snapshot_that_fails_removes_nothing(rig: RigHome) -> None:
    where = await nux(rig)
    write(where, {"dirty": "1", "README.md": "changed"})
    (rig.hub / "refs/rgt").mkdir(exist_ok=True)
    (rig.hub / "refs/rgt/snap").write_text("in the way")
    with pytest.raises(RgtError):
        await recycle(rig, "nux", ITEM)
    assert (where / "dirty").read_text() == "1" and (where / "README.md").read_text() == "changed"
    assert (await saving.describe(trees.known(rig.hub, where))).branch == BRANCH


async def test_B10_files_ignored_by_a_rule_of_the_agent_stay(rig: RigHome) -> None:
    where = await nux(rig)
    write(where, {".gitignore": "secret\n", "secret": "precious"})
    assert await recycle(rig, "nux", ITEM) and not where.exists()
    (aside,) = [p for p in rig.parked.iterdir() if p.name.startswith("nux")]
    assert (aside / "secret").read_text() == "precious"


async def test_B10_beyond_the_cap_worktrees_are_removed_saved(rig: RigHome) -> None:
    where = await nux(rig)
    write(where, {"dirty": "1"})
    await worktrees.fill_pool(rig, "main", worktrees.POOL_CAP)
    before = seen(rig, where)
    assert await recycle(rig, "nux", ITEM) and not where.exists()
    assert len(list(rig.pool.iterdir())) == worktrees.POOL_CAP and before <= blobs(rig)
    assert len(sh(rig.hub, "worktree", "list").splitlines()) == worktrees.POOL_CAP + 1


STEPS = ("edit", "edit staged", "stage then edit", "new", "new staged", "delete", "delete staged", "rename", "commit",
         "empty commit", "detach", "orphan", "merge", "rebase", "cherry-pick", "stash", "fetch and merge", "chmod",
         "file for directory", "amend", "reset", "autostash")  # fmt: skip


def do(step: str, n: int, where: Path, source: Path) -> None:
    """Bring a worktree one step further, as an agent might; a step that git refuses in this state changes nothing."""
    text = f"{step} {n}\n"
    commands: list[list[str]] = []
    if step in ("edit", "edit staged", "stage then edit", "chmod", "autostash") and (where / "README.md").is_file():
        write(where, {"README.md": text})
        (where / "README.md").chmod(0o755 if step == "chmod" else 0o644)
        if step != "edit":
            commands = [["add", "README.md"]]
    elif step in ("new", "new staged"):
        write(where, {f"new{n}": text})
        commands = [["add", f"new{n}"]] if step == "new staged" else []
    elif step == "delete":
        (where / "both").unlink(missing_ok=True)
    elif step == "file for directory" and (where / "src").is_dir():
        shutil.rmtree(where / "src")
        write(where, {"src": text})
    elif step == "commit":
        write(where, {"both": text, f"c{n}": text})
        commands = [["add", "-A"], ["commit", "-qm", text]]
    commands += {
        "delete staged": [["rm", "-qf", "both"]],
        "rename": [["mv", "both", f"moved{n}"]],
        "empty commit": [["commit", "--allow-empty", "-qm", text]],
        "detach": [["checkout", "-q", "--detach"]],
        "orphan": [["checkout", "-q", "--orphan", f"o{n}"]],
        "merge": [["merge", "-q", "side"]],
        "rebase": [["rebase", "-q", "side"]],
        "cherry-pick": [["cherry-pick", "side"]],
        "stash": [["stash", "-q", "-u"]],
        "fetch and merge": [["fetch", "-q", str(source), "later"], ["merge", "-q", "FETCH_HEAD"]],
        "amend": [["commit", "-q", "--amend", "-am", text]],
        "reset": [["reset", "-q", "--soft", "HEAD~1"]],
        "autostash": [["rebase", "-q", "--autostash", "side"]],
    }.get(step, [])
    for command in commands:
        os.spawnlp(os.P_WAIT, "sh", "sh", "-c", 'cd "$0" && exec git "$@" >/dev/null 2>&1', str(where), *command)
    if step == "stage then edit":
        write(where, {"README.md": text + "more\n"})


@settings(max_examples=8, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), cap=st.booleans())
@example(steps=["stage then edit"], cap=False)
@example(steps=["fetch and merge", "new"], cap=False)
@example(steps=["detach", "commit", "delete staged"], cap=True)
@example(steps=["commit", "autostash"], cap=False)
@example(steps=["orphan", "edit staged"], cap=False)
def test_B10_no_state_of_a_worktree_loses_content(tmp: Path, steps: list[str], cap: bool) -> None:
    base = tmp / f"case-{time.monotonic_ns()}"
    asyncio.run(lose_nothing(base, steps, cap))
    shutil.rmtree(base)


async def lose_nothing(base: Path, steps: list[str], cap: bool) -> None:
    rig, source, head = await make_rig(Home(base / "gtr"))
    sh(source, "checkout", "--quiet", "-b", "later")
    commit(source, {"both": "later\n", "later": "1\n"})
    branch_commit(rig, base / "side", "side", {"both": "side\n", "side": "1\n"})
    where = await prepare(rig, "nux", ITEM, BRANCH, head)
    commit(where, {"both": "first\n"})
    for n, step in enumerate(steps):
        do(step, n, where, source)
    staged = {x.split()[1] for x in sh(where, "ls-files", "-s").splitlines()}
    before = seen(rig, where) | staged | blobs(rig)
    refused = await worktrees.blockers(rig, "nux", ITEM)
    if cap:
        await worktrees.fill_pool(rig, "main", worktrees.POOL_CAP)
    freed = await recycle(rig, "nux", ITEM)
    assert freed == (not refused)
    assert freed != where.exists()
    if freed:
        lost = before - blobs(rig)
        assert not lost, [sh(rig.hub, "cat-file", "-p", x) for x in lost]


async def test_setup_files(rig: RigHome, tmp: Path) -> None:
    source = tmp / "src-api"
    where = await nux(rig)
    write(source, {".env": "A=1", "conf/a": "a", "conf/b": "b"})
    assert await worktrees.setup_files(source, where, [".env", "conf", "absent"]) == [".env", "conf"]
    assert (where / ".env").read_text() == "A=1" and (where / "conf/b").read_text() == "b"
    write(where, {".env": "mine"})
    await worktrees.setup_files(source, where, [".env"])
    assert (where / ".env").read_text() == "mine"
    (where / "out").symlink_to(tmp)
    for bad in ("../x", "/etc/passwd", "out/x", ".git"):
        with pytest.raises(RgtError, match="leads outside"):
            await worktrees.setup_files(source, where, [bad])


async def test_B32_the_rigs_own_checkout_is_never_touched(rig: RigHome, tmp: Path) -> None:
    source = tmp / "src-api"
    write(source, {"README.md": "dirty", "new": "1"})
    before = sh(source, "status", "--porcelain"), sh(source, "for-each-ref"), sh(source, "worktree", "list")
    await nux(rig)
    await recycle(rig, "nux", ITEM)
    assert (sh(source, "status", "--porcelain"), sh(source, "for-each-ref"), sh(source, "worktree", "list")) == before
