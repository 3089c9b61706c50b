"""The rig's own path: where its target branch stands, and how it follows a landing without harm to anybody's work."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path

from rgt.host.git import NO_HOOKS, complaint, printed, try_git
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import RigHome

IN_PROGRESS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
"""What a worktree's git directory holds while somebody is in the middle of something."""


@dataclass(frozen=True)
class Branch:
    """A branch of the rig's own path."""

    head: str
    """Empty when there is no such branch."""
    worktree: str
    """Directory in which it is checked out; empty when it is in none."""


async def look(path: Path, target: str) -> Branch:
    """Where the branch `target` of the repository at `path` is; raises `failed` when it cannot be read."""
    ref = f"refs/heads/{target}"
    done = await try_git(path, "for-each-ref", "--format=%(objectname) %(worktreepath)", ref)
    if done.code:
        raise RgtError("failed", f"cannot read {path}: {done.err.strip()[-200:]}", "is it still a git repository?")
    head, _, worktree = done.out.rstrip("\n").partition(" ")
    # A bare repository names itself for the branch of its HEAD, though nothing is checked out there.
    return Branch(head, worktree if worktree and (Path(worktree) / ".git").exists() else "")


async def follow(rig: RigHome, path: Path, target: str, branch: Branch, sha: str) -> str:
    """Bring `target` in `path` from `branch` forward to `sha`, the hub's target; empty when it is there.

    A branch that is checked out nowhere is pushed to with a lease; a clean checkout is fast-forwarded, hooks off.
    Anything else is left exactly as it is, and one line says why and which command does it.
    """
    if branch.head == sha:
        return ""
    if branch.worktree:
        why = await _fast_forward(rig, Path(branch.worktree), target, sha)
        command = ["git", "-C", branch.worktree, "pull", "--ff-only", str(rig.hub), refs.target(target)]
    else:
        why = await _push(rig, path, target, branch, sha)
        command = ["git", "-C", str(path), "fetch", str(rig.hub), f"{refs.target(target)}:refs/heads/{target}"]
    return f"{target} of {path} is behind: {why}; run {shlex.join(command)}" if why else ""


async def _push(rig: RigHome, path: Path, target: str, branch: Branch, sha: str) -> str:
    ref = f"refs/heads/{target}"
    done = await try_git(
        rig.hub, *NO_HOOKS, "push", "--quiet", f"--force-with-lease={ref}:{branch.head}",
        "--receive-pack=git -c core.hooksPath=/dev/null receive-pack", "--", str(path), f"{sha}:{ref}",
    )  # fmt: skip
    return "" if done.code == 0 else complaint(done.err)


async def _fast_forward(rig: RigHome, tree: Path, target: str, sha: str) -> str:
    status, where = await asyncio.gather(
        try_git(tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=untracked"),
        try_git(tree, "rev-parse", "--absolute-git-dir", "--symbolic-full-name", "HEAD"),
    )
    if status.code or where.code:
        return complaint(status.err + where.err)
    if status.out:
        return f"{tree} has uncommitted changes"
    git_dir, head = printed(where.out)
    if head != f"refs/heads/{target}":
        return f"{tree} has just switched to another branch"
    at = Path(git_dir)
    if busy := [name for name in IN_PROGRESS if (at / name).exists()]:
        return f"{tree} is in the middle of a {busy[0].partition('_')[0].partition('-')[0].lower()}"
    fetched = await try_git(
        tree, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--",
        str(rig.hub), refs.target(target),
    )  # fmt: skip
    if fetched.code:
        return complaint(fetched.err)
    # Without --no-overwrite-ignore an ignored file of the owner could be replaced silently.
    merged = await try_git(tree, *NO_HOOKS, "merge", "--quiet", "--ff-only", "--no-overwrite-ignore", sha)
    return "" if merged.code == 0 else complaint(merged.err)
