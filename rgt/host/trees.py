"""Worktrees of agents found in what the town knows of them, never by what lies in them.

The hub keeps a directory for each of its worktrees. Its `gitdir` names the worktree, and an agent in a sandbox cannot
change it; `.git` in the worktree, which names that directory in turn, is at most a hint.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rgt.host import nolinks
from rgt.host.git import Tree, try_git
from rgt.model.errors import RgtError
from rgt.model.home import Home

COMMON = "../.."
"""What `commondir` says: where the hub is, from one of its directories of worktrees."""
LINE = 5_000
"""Bytes of a file with one line that are read."""


def of(hub: Path, worktree: Path) -> Tree | None:
    """The worktree of a hub at this path, None when the hub has none there."""
    for admin in (*_hinted(hub, worktree), *admins(hub)):
        if _same(place(admin), worktree):
            # git takes the settings from where it is told, but branches from where this file says.
            if line(admin, "commondir") != COMMON:
                nolinks.write(admin, "commondir", f"{COMMON}\n")
            return Tree(worktree, admin, hub)
    return None


def known(hub: Path, worktree: Path) -> Tree:
    """As `of`, but raises `failed` when there is none."""
    if tree := of(hub, worktree):
        return tree
    raise RgtError("failed", f"{worktree} is no worktree of {hub}", "see `rgt doctor`")


def at(home: Home, path: Path) -> Tree | None:
    """The worktree of this town that `path` is in, None when it is in none.

    Inside the home its place says which; whatever lies in it is not asked. Somewhere else it is the nearest repository,
    if that is a worktree of a hub.
    """
    here = Path(os.path.realpath(path))
    if ours(home, here):
        rig, folder, name, *_ = (*here.relative_to(os.path.realpath(home.rigs)).parts, "", "", "")
        top = Path(os.path.realpath(home.rigs)) / rig / folder / name
        return of(home.rig(rig).hub, top) if name else None
    for top in (here, *here.parents):
        if os.path.lexists(top / ".git"):
            hub = _pointer(top).parent.parent
            of_town = hub.name == "hub.git" and hub.parent.parent == Path(os.path.realpath(home.rigs))
            return of(hub, top) if of_town else None
    return None


def ours(home: Home, path: Path) -> bool:
    """Whether a path is where the town keeps its rigs: what looks like a repository there may be made by an agent."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(home.rigs))


def admins(hub: Path) -> Iterator[Path]:
    """Directories in which the hub keeps what it knows of each worktree."""
    registered = hub / "worktrees"
    return iter(sorted(registered.iterdir())) if registered.is_dir() else iter(())


def place(admin: Path) -> Path:
    """Where the worktree is that a directory of the hub is about."""
    return Path(line(admin, "gitdir")).parent


def line(directory: Path, name: str) -> str:
    """What is in a file with one line; empty when there is no such plain file."""
    try:
        return nolinks.read(directory, name, LINE).decode().strip()
    except (OSError, ValueError):
        return ""


def branch(tree: Tree) -> str:
    """The branch checked out, read without a git: empty for none, or when it cannot be read."""
    said = line(tree.admin, "HEAD")
    return said.removeprefix("ref: refs/heads/") if said.startswith("ref: refs/heads/") else ""


async def head(tree: Tree) -> str:
    """The commit checked out; empty when it cannot be read."""
    done = await try_git(tree, "rev-parse", "--verify", "--quiet", "HEAD")
    return "" if done.code else done.out.strip()


def tidy(tree: Tree) -> None:
    """Remove links and pipes from what the hub keeps of a worktree, before git writes there.

    Git has none there. It would write its logs through a link into any file of this user, and wait at a pipe."""
    with suppress(OSError):
        nolinks.untie(tree.admin)
    # Moving the branch is written down in a log of its own, which its agent can replace, too.
    log = f"logs/refs/heads/{branch(tree)}"
    with suppress(OSError, RgtError):
        if (tree.hub / log).is_symlink():
            nolinks.remove(tree.hub, log)


def unblock(hub: Path) -> None:
    """Remove what is no plain file from where git reads about all worktrees of a hub, whichever it works on.

    It would wait at a pipe for ever. What an agent loses by this it has made itself."""
    for admin in admins(hub):
        for name in ("HEAD", "gitdir", "locked"):
            with suppress(OSError):
                if not stat.S_ISREG((admin / name).lstat().st_mode):
                    nolinks.remove(admin, name)


def pointing(tree: Tree) -> bool:
    """Whether `.git` in the worktree is the plain file that leads to its hub."""
    return line(tree.path, ".git") == pointer_to(tree.admin)


def pointer_to(admin: Path) -> str:
    """What `.git` says in a worktree."""
    return f"gitdir: {os.path.realpath(admin)}"


def _hinted(hub: Path, worktree: Path) -> Iterator[Path]:
    """The directory of the hub that `.git` names: with many worktrees, only one has to be looked at."""
    named = _pointer(worktree).name
    if named and named != ".." and (hub / "worktrees" / named).is_dir():
        yield hub / "worktrees" / named


def _pointer(worktree: Path) -> Path:
    said = line(worktree, ".git")
    return Path(os.path.normpath(worktree / said.removeprefix("gitdir:").strip())) if said else Path()


def _same(a: Path, b: Path) -> bool:
    """git writes real paths, also where the home is reached through a symlink."""
    return a.name == b.name and (a == b or os.path.realpath(a) == os.path.realpath(b))
