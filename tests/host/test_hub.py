"""The hub: how it is made, and that nobody but the refinery moves its target."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from rgt.host import hub
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from tests.repos import branch_commit, commit, fails, make_repo, make_rig, sh

TARGET = "refs/rgt/target/main"


def with_key(rig: RigHome) -> dict[str, str]:
    return {**os.environ, **hub.landing_env(rig)}


async def test_a_hub_holds_the_target_and_no_branch(home: Home, tmp: Path) -> None:
    make_repo(tmp / "src")
    sh(tmp / "src", "branch", "other\u2028name")
    rig = home.rig("api")
    head = await hub.create_hub(rig, str(tmp / "src"), "main", is_path=True)
    assert head == sh(tmp / "src", "rev-parse", "main") == await hub.target_head(rig, "main")
    shown = sh(rig.hub, "for-each-ref", "--format=%(refname) %(symref)").splitlines()
    assert shown == [f"refs/remotes/origin/main {TARGET}", f"{TARGET} "]
    assert hub.landing_key(rig).stat().st_mode & 0o777 == 0o600
    assert not (rig.root / "hub.new").exists()
    sh(rig.hub, "worktree", "add", "--detach", str(tmp / "wt"), head)
    assert sh(tmp / "wt", "rev-parse", "origin/main") == head
    sh(tmp / "wt", "fetch", "origin", "main")
    assert len(sh(rig.hub, "for-each-ref").splitlines()) == 2
    assert await hub.create_hub(rig, str(tmp / "src"), "main", is_path=True) == head


async def test_a_hub_of_a_url_and_of_a_shallow_source(home: Home, tmp: Path) -> None:
    make_repo(tmp / "src", branch="trunk/x")
    head = commit(tmp / "src", {"a": "1"})
    url = f"file://{tmp}/src"
    sh(tmp, "clone", "--quiet", "--depth=1", url, "shallow")
    assert await hub.create_hub(home.rig("a"), url, "trunk/x", is_path=False) == head
    assert await hub.create_hub(home.rig("b"), str(tmp / "shallow"), "trunk/x", is_path=True) == head


@pytest.mark.parametrize(
    ("prepare", "target", "code", "said"),
    [
        ("nothing", "main", "not_found", "there is no directory"),
        ("plain", "main", "not_found", "is not a git repository"),
        ("inside", "main", "not_found", "the repository begins at"),
        ("empty", "main", "refused", "has no commits yet"),
        ("repo", "mian", "not_found", "it has main"),
    ],
)
async def test_a_source_that_cannot_be_a_rig_leaves_nothing(
    home: Home, tmp: Path, prepare: str, target: str, code: str, said: str
) -> None:
    src = tmp / "src"
    if prepare in ("inside", "repo"):
        make_repo(src)
    elif prepare != "nothing":
        src.mkdir()
    if prepare == "empty":
        sh(src, "init", "--quiet")
    at = src / "src" if prepare == "inside" else src
    rig = home.rig("api")
    with pytest.raises(RgtError) as e:
        await hub.create_hub(rig, str(at), target, is_path=True)
    assert e.value.code == code and said in e.value.line()
    assert not rig.root.exists()


async def test_a_hub_of_another_source_stays(home: Home, tmp: Path) -> None:
    rig, _, head = await make_rig(home)
    make_repo(tmp / "other")
    with pytest.raises(RgtError, match="already has a hub"):
        await hub.create_hub(rig, str(tmp / "other"), "main", is_path=True)
    assert await hub.target_head(rig, "main") == head


async def test_hooks_refuse_every_way_to_write_the_target(home: Home, tmp: Path) -> None:
    rig, src, head = await make_rig(home)
    new = branch_commit(rig, tmp / "wt", "polecat/nux/gt-00001", {"a": "1"})
    sh(src, "checkout", "--quiet", "--detach")
    for args in (
        ("update-ref", TARGET, new),
        ("update-ref", "refs/remotes/origin/main", new),
        ("update-ref", "-d", TARGET),
        ("update-ref", refs.landed("gt-00001", new), new),
        ("branch", "main", new),
        ("branch", "--force", "main", new),
        ("checkout", "-b", "main"),
        ("push", "origin", "HEAD:main"),
        ("push", "--force", "origin", "HEAD:main"),
        ("push", "--force-with-lease", "origin", "+HEAD:refs/heads/main"),
        ("push", str(src), "HEAD:refs/heads/main"),
        ("push", f"file://{src}", "HEAD:main"),
        ("push", "--delete", "origin", "main"),
    ):
        assert "finish with `rgt done`; only the merge queue moves main" in fails(tmp / "wt", *args), args
        assert await hub.target_head(rig, "main") == head == sh(src, "rev-parse", "main")
    assert "refs/heads/main" not in sh(rig.hub, "for-each-ref")
    wrong = {**os.environ, "RGT_LANDING": "x"}
    fails(tmp / "wt", "update-ref", TARGET, new, env=wrong)
    hub.landing_key(rig).rename(tmp / "key")
    fails(tmp / "wt", "update-ref", TARGET, new, env={**os.environ, "RGT_LANDING": ""})
    (tmp / "key").rename(hub.landing_key(rig))
    sh(tmp / "wt", "push", "--quiet", "origin", "HEAD:main", env=with_key(rig))
    assert sh(src, "rev-parse", "main") == new


async def test_a_hooks_path_set_by_a_setup_command_does_not_open_the_gate(home: Home, tmp: Path) -> None:
    rig, _, _ = await make_rig(home)
    new = branch_commit(rig, tmp / "wt", "b", {"a": "1"})
    sh(tmp / "wt", "config", "core.hooksPath", ".husky")
    fails(tmp / "wt", "update-ref", TARGET, new)


async def test_move_target_is_one_transaction_with_a_lease(home: Home, tmp: Path) -> None:
    rig, _, head = await make_rig(home)
    new = branch_commit(rig, tmp / "wt", "b", {"a": "1"})
    mark = refs.landed("gt-00001", new)
    assert not await hub.move_target(rig, "main", new, new, also={mark: new})
    assert mark not in sh(rig.hub, "for-each-ref")
    assert await hub.move_target(rig, "main", new, head, also={mark: new})
    assert sh(rig.hub, "rev-parse", mark, TARGET).split() == [new, new]
    assert not await hub.move_target(rig, "main", new, head)
    with pytest.raises(RgtError, match="cannot move main"):
        await hub.move_target(rig, "main", "1" * 40, new)
    results = await asyncio.gather(*(hub.move_target(rig, "main", head, new) for _ in range(4)), return_exceptions=True)
    assert results.count(True) == 1 and await hub.target_head(rig, "main") == head


async def test_heads_and_branches_of_the_source(home: Home, tmp: Path) -> None:
    rig, src, head = await make_rig(home)
    sh(src, "checkout", "--quiet", "-b", "feature/x")
    new = commit(src, {"f": "1"})
    assert await hub.source_head(rig, str(src), "main") == head
    assert await hub.source_head(rig, f"file://{src}", "feature/x") == new
    assert await hub.source_head(rig, str(src), "nope") == ""
    assert await hub.source_head(rig, f"file://{src}", "nope") == ""
    for gone in (str(tmp / "gone"), str(tmp), f"file://{tmp}/gone"):
        with pytest.raises(RgtError, match="cannot read"):
            await hub.source_head(rig, gone, "main")
    assert not await hub.exists(rig, new)
    assert await hub.fetch_branch(rig, str(src), "feature/x") == new
    assert await hub.exists(rig, new) and await hub.is_ancestor(rig, head, new)
    assert not await hub.is_ancestor(rig, new, head)
    assert await hub.fetch_branch(rig, str(src), "nope") is None
    assert "refs/heads" not in sh(rig.hub, "for-each-ref")


async def test_a_move_round_the_hooks_is_set_back_and_kept(home: Home, tmp: Path) -> None:
    rig, _, head = await make_rig(home)
    assert await hub.stray_check(rig, "main", head) is None
    assert await hub.stray_check(rig, "main", "") is None
    new = branch_commit(rig, tmp / "wt", "b", {"a": "1"})
    sh(tmp / "wt", "-c", "core.hooksPath=/dev/null", "update-ref", TARGET, new)
    said = await hub.stray_check(rig, "main", head)
    assert said and "somebody moved main" in said and "\n" not in said
    assert await hub.target_head(rig, "main") == head
    assert sh(rig.hub, "rev-parse", refs.stray(new)) == new
    sh(tmp / "wt", "-c", "core.hooksPath=/dev/null", "update-ref", "-d", TARGET)
    assert await hub.stray_check(rig, "main", head)
    assert await hub.target_head(rig, "main") == head
    sh(tmp / "wt", "symbolic-ref", "refs/remotes/origin/main", "refs/heads/b")
    assert await hub.stray_check(rig, "main", head)
    assert await hub.stray_check(rig, "main", head) is None


async def test_a_branch_renamed_to_the_target_is_moved_away_with_its_worktree(home: Home, tmp: Path) -> None:
    rig, _, head = await make_rig(home)
    new = branch_commit(rig, tmp / "wt", "b", {"a": "1"})
    sh(tmp / "wt", "branch", "-m", "b", "main")
    said = await hub.stray_check(rig, "main", head)
    assert said and f"it is now stray/main-{new[:8]}" in said
    assert sh(tmp / "wt", "symbolic-ref", "HEAD") == f"refs/heads/stray/main-{new[:8]}"
    assert sh(tmp / "wt", "status", "--porcelain") == "" and sh(tmp / "wt", "rev-parse", "HEAD") == new


async def test_a_landing_that_was_not_recorded_is_no_stray_but_a_rewind_is(home: Home, tmp: Path) -> None:
    rig, _, head = await make_rig(home)
    new = branch_commit(rig, tmp / "wt", "b", {"a": "1"})
    marks = {refs.landed("gt-00001", new): new, refs.landed("gt-00000", head): head}
    assert await hub.move_target(rig, "main", new, head, also=marks)
    assert await hub.stray_check(rig, "main", head) is None
    sh(rig.hub, "update-ref", TARGET, head, env=with_key(rig))
    assert await hub.stray_check(rig, "main", new)
    assert await hub.target_head(rig, "main") == new


async def test_one_maker_at_a_time_and_a_killed_one_is_cleared(home: Home, tmp: Path) -> None:
    head = make_repo(tmp / "src")
    rig = home.rig("api")
    (rig.root / "hub.new" / "half").mkdir(parents=True)
    makers = [hub.create_hub(rig, str(tmp / "src"), "main", is_path=True) for _ in range(3)]
    got = await asyncio.gather(*makers, return_exceptions=True)
    assert got.count(head) == 1
    assert all(isinstance(x, RgtError) and "somebody else" in x.message for x in got if x != head)


async def test_the_hub_lock_is_fair_to_the_loop(home: Home) -> None:
    rig, _, _ = await make_rig(home)
    inside = 0

    async def hold() -> None:
        nonlocal inside
        async with hub.hub_locked(rig):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.01)
            inside -= 1

    began = time.monotonic()
    await asyncio.gather(*(hold() for _ in range(10)))
    assert time.monotonic() - began < 5


async def test_a_lock_that_a_killed_git_left_on_the_target_does_not_stop_the_queue(home: Home) -> None:
    """B30: SIGKILL of git inside the transaction leaves a lock file that nobody would remove."""
    rig, source, head = await make_rig(home)
    new = commit(source, {"a.txt": "a"})
    await hub.fetch_branch(rig, str(source), "main")
    lock = rig.hub / f"{refs.target('main')}.lock"
    lock.write_text("")
    os.utime(lock, (1, 1))
    assert await hub.move_target(rig, "main", new, head)
    assert await hub.target_head(rig, "main") == new
