"""`rgt done` on this machine: find the work, save it, check it, pin it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from rgt.host import hub, saving, trees
from rgt.host.config import read_rig
from rgt.host.git import Tree, git, try_git
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home


@dataclass(frozen=True)
class Finish:
    """A finished head: pinned in the hub, so that nothing can lose it."""

    rig: str
    branch: str
    head: str
    saved: str = ""
    """The commit that was made of what had not been committed; empty when all was."""


@dataclass(frozen=True)
class Place:
    """A worktree of this town, as it was looked at."""

    tree: Tree
    rig: str
    branch: str
    """`HEAD` when none is checked out."""
    head: str
    saved: bool
    """Whether its head has everything, so that nothing needs to be saved."""


async def look(home: Home, cwd: Path) -> Place | None:
    """The worktree of this town that `cwd` is in, None when it is in none."""
    tree = trees.at(home, cwd)
    if tree is None:
        return None
    try:
        seen = await saving.glance(tree)
    except RgtError:
        return None
    saved = seen.unchanged and not (tree.admin / "MERGE_HEAD").exists()
    return Place(tree, tree.hub.parent.name, seen.branch or "HEAD", seen.head, saved) if seen.head else None


async def finish_here(home: Home, place: Place, item: str, *, review_only: bool = False) -> Finish:
    """Finish from inside a worktree of a hub: what is not committed is saved in a marked commit.

    Raises `refused` when there is nothing to merge, when the branch is the target or another agent's."""
    config = read_rig(home, place.rig)
    _check_branch(place.branch, config.target, item)
    saved, head = "", place.head
    if not place.saved:
        saved = await saving.save_commit(place.tree, f"rgt: saved work on {item}") or ""
        # The agent may have committed it itself meanwhile.
        head = saved or await git(place.tree, "rev-parse", "--verify", f"refs/heads/{place.branch}")
    return await _checked(home, place.rig, config.target, item, place.branch, head, saved, review_only)


async def finish_branch(
    home: Home, cwd: Path, rig: str, item: str, branch: str, *, review_only: bool = False
) -> Finish:
    """Finish by hand: the branch is looked for in the hub, then where the caller stands, then in the rig's source."""
    r = home.rig(rig)
    config = read_rig(home, rig)
    _check_branch(branch, config.target, item, mine=False)
    source = config.source.where
    head = (await try_git(r.hub, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")).out.strip()
    if not head:
        # What is in the home and not in the hub may be a repository of an agent's making.
        for place in dict.fromkeys((source if trees.ours(home, cwd) else str(cwd), source)):
            if place and (found := await _fetched(home, rig, place, branch)):
                head = found
                break
    if not head:
        raise RgtError("not_found", f"there is no branch {branch!r} in {rig} or {source}", "push or commit it first")
    return await _checked(home, rig, config.target, item, branch, head, "", review_only)


async def current_branch(home: Home, cwd: Path) -> str:
    """The branch checked out where the caller stands; empty outside a repository."""
    if trees.ours(home, cwd):
        return trees.branch(tree) if (tree := trees.at(home, cwd)) else ""
    done = await try_git(cwd, "rev-parse", "--abbrev-ref", "HEAD")
    return "" if done.code else done.out.strip()


async def rig_at(home: Home, cwd: Path) -> str:
    """The rig whose worktree or own path `cwd` is in; empty for none."""
    if place := await look(home, cwd):
        return place.rig
    if trees.ours(home, cwd):
        return ""
    top = (await try_git(cwd, "rev-parse", "--show-toplevel")).out.strip()
    for root in sorted(home.rigs.glob("[a-z]*")) if top else ():
        if read_rig(home, root.name).source.path and os.path.realpath(
            read_rig(home, root.name).source.path
        ) == os.path.realpath(top):
            return root.name
    return ""


async def _fetched(home: Home, rig: str, place: str, branch: str) -> str | None:
    try:
        return await hub.fetch_branch(home.rig(rig), place, branch)
    except RgtError:
        return None


def _check_branch(branch: str, target: str, item: str, *, mine: bool = True) -> None:
    if branch == "HEAD":
        raise RgtError("refused", "no branch is checked out here", "`git switch -c NAME` keeps your commits")
    if branch == target:
        raise RgtError("refused", f"{branch} is the target itself", "commit on a branch of your own")
    if mine and branch.startswith("polecat/") and branch.rpartition("/")[2] != item:
        raise RgtError("refused", f"{branch} is the branch of another item, not of {item}", "see `rgt hook`")


async def _checked(
    home: Home, rig: str, target: str, item: str, branch: str, head: str, saved: str, review_only: bool
) -> Finish:
    r = home.rig(rig)
    beyond, _ = await asyncio.gather(
        git(r.hub, "rev-list", "--max-count=1", f"{refs.target(target)}..{head}"),
        hub.pin(r, refs.keep(item, head), head),
    )
    if not beyond and not review_only:
        raise RgtError("refused", f"{branch} has no commits beyond {target}", "commit your work, then `rgt done`")
    return Finish(rig=rig, branch=branch, head=head, saved=saved)
