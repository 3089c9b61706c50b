"""The rig's own path follows a landing when that harms nobody's work, and is left alone otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgt.host.follow import look
from rgt.host.run import run
from rgt.model.errors import RgtError
from rgt.model.home import Home
from tests.entries import Yard, make_yard
from tests.repos import make_repo, sh, write


@pytest.fixture
async def yard(home: Home) -> Yard:
    return await make_yard(home)


def state(where: Path) -> str:
    """Everything that a person would miss: files with their content, index, head."""
    files = sorted(p for p in where.rglob("*") if p.is_file() and ".git" not in p.parts)
    held = "".join(f"{p}: {p.read_text()}\n" for p in files)
    return held + sh(where, "status", "--porcelain", "--ignored", "--branch") + sh(where, "rev-parse", "HEAD", "main")


async def test_clean_checkout_is_fast_forwarded_without_hooks(yard: Yard, tmp: Path) -> None:
    for name in ("post-merge", "post-checkout", "reference-transaction"):
        hook = yard.source / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp}/hooked\n")
        hook.chmod(0o755)
    write(yard.source, {"notes.txt": "untracked", "x.log": "ignored"})
    got = await yard.run(yard.done({"a.txt": "a"}))
    assert (got.kind, got.follow) == ("merged", "") and (yard.source / "a.txt").read_text() == "a"
    assert yard.there() == got.sha and (yard.source / "notes.txt").exists()
    assert not (tmp / "hooked").exists() and not (yard.source / ".git" / "FETCH_HEAD").exists()


@pytest.mark.parametrize("kind", ["bare", "detached", "other branch"])
async def test_a_branch_that_is_checked_out_nowhere_is_pushed_to(yard: Yard, kind: str, tmp: Path) -> None:
    path = yard.remote if kind == "bare" else yard.source
    if kind != "bare":
        sh(path, "checkout", "--quiet", *(["--detach"] if kind == "detached" else ["-b", "other"]))
    hook = Path(sh(path, "rev-parse", "--absolute-git-dir")) / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\ntouch {tmp}/hooked\n")
    hook.chmod(0o755)
    got = await yard.run(yard.done({"a.txt": "a"}), source=str(path))
    assert (got.kind, got.follow, sh(path, "rev-parse", "main")) == ("merged", "", got.sha)
    assert not (path / "a.txt").exists() and not (tmp / "hooked").exists()


@pytest.mark.parametrize(
    ("files", "staged", "why"),
    [
        ({"README.md": "changed"}, False, "uncommitted changes"),
        ({"new.txt": "added"}, True, "uncommitted changes"),
        ({"a.txt": "in the way"}, False, "untracked"),
        ({"a.log": "ignored, in the way"}, False, "untracked"),
    ],
)
async def test_a_dirty_checkout_is_never_touched(yard: Yard, files: dict[str, str], staged: bool, why: str) -> None:
    """B32: the work lands in the hub, the path stays, and the line that says so works later"""
    entry = yard.done({"a.txt": "a"})
    tree = yard.rig.worktrees / entry.item
    write(tree, {"a.log": "tracked"})
    sh(tree, "add", "--force", "a.log")
    sh(tree, "commit", "--quiet", "--amend", "--no-edit")
    entry = yard.entry(entry.item, sh(tree, "rev-parse", "HEAD"))
    write(yard.source, files)
    if staged:
        sh(yard.source, "add", "--all")
    before = state(yard.source)
    got = await yard.run(entry)
    assert got.kind == "merged" and yard.head() == got.sha != yard.there()
    assert state(yard.source) == before
    assert why in got.follow
    two = await yard.run(yard.done({"b.txt": "b"}))
    assert two.kind == "merged" and state(yard.source) == before
    sh(yard.source, "stash", "--include-untracked", "--all")
    command = two.follow.partition("; run ")[2]
    assert (await run(["sh", "-c", command])).code == 0
    assert yard.there() == two.sha


async def test_a_merge_in_progress_is_left_alone(yard: Yard) -> None:
    """B32"""
    sh(yard.source, "commit", "--quiet", "--allow-empty", "--message", "mine")
    sh(yard.source, "checkout", "--quiet", "-b", "side", "HEAD~1")
    sh(yard.source, "commit", "--quiet", "--allow-empty", "--message", "side")
    sh(yard.source, "checkout", "--quiet", "main")
    sh(yard.source, "merge", "--quiet", "--no-ff", "--no-commit", "side")
    before = state(yard.source)
    got = await yard.run(yard.done({"a.txt": "a"}))
    assert got.kind == "merged" and "in the middle of a merge" in got.follow and state(yard.source) == before


async def test_a_path_that_is_gone_stops_nothing(yard: Yard) -> None:
    yard.source.rename(yard.source.with_name("elsewhere"))
    got = await yard.run(yard.done({"a.txt": "a"}))
    assert got.kind == "merged" and "is gone" in got.follow


async def test_look(tmp: Path) -> None:
    head = make_repo(tmp / "src")
    assert (await look(tmp / "src", "main")).worktree == str(tmp / "src")
    assert (await look(tmp / "src", "other")).head == ""
    sh(tmp / "src", "switch", "--quiet", "--create", "x")
    sh(tmp / "src", "worktree", "add", "--quiet", str(tmp / "w t"), "main")
    found = await look(tmp / "src", "main")
    assert (found.head, found.worktree) == (head, str(tmp / "w t"))
    with pytest.raises(RgtError, match="cannot read"):
        await look(tmp, "main")
