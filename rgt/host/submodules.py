"""Submodules of a worktree: whether anything would be lost with one, and how they are removed.

A submodule is a repository of its own, with settings that an agent can change. The town's git looks at it as it looks
at a worktree: by settings of the town, and in no repository further inside by itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rgt.host import trees
from rgt.host.git import NAMES, NO_SUBMODULES, Tree, git
from rgt.model.errors import RgtError

log = logging.getLogger(__name__)


async def populated(tree: Tree) -> list[str]:
    """Paths at which the index has a submodule and a repository lies. (Others are untracked directories to git.)"""
    listed = (await git(tree, "ls-files", "--stage", "-z", errors=NAMES)).split("\0")
    paths = [entry.partition("\t")[2] for entry in listed if entry.startswith("160000 ")]
    return [path for path in paths if os.path.lexists(tree.path / path / ".git")]


async def with_work(tree: Tree) -> list[str]:
    """Those whose loss would lose something, or may: as `path/`, with the reason where one is known."""
    found = []
    git_dirs = set(_git_dirs(tree.admin / "modules"))
    for path in await populated(tree):
        git_dir = _git_dir(tree, path)
        git_dirs.discard(git_dir)
        why = await _work(tree.path / path, git_dir) if git_dir else "not made by `git submodule`"
        if why:
            found.append(f"{os.fsencode(path).decode(errors='replace')}/ ({why})")
    return found + [f"{git_dir.name}/ (a submodule that is no more)" for git_dir in sorted(git_dirs)]


async def remove(tree: Tree) -> None:
    """Remove those of a worktree in which `with_work` finds none; `git submodule update --init` brings them back."""
    if not (tree.admin / "modules").is_dir():
        return
    for path in await populated(tree):
        if _git_dir(tree, path):
            shutil.rmtree(tree.path / path)
            (tree.path / path).mkdir()
            log.info("removed the submodule %s of %s: all of it is in its remote", path, tree.path)
    shutil.rmtree(tree.admin / "modules")


async def _work(where: Path, git_dir: Path) -> str:
    """What a submodule has that is nowhere else; empty for nothing."""
    with tempfile.TemporaryDirectory(prefix="rgt-submodule-") as place:
        tree = Tree(where, git_dir, git_dir, Path(place))
        try:
            if inner := await with_work(tree):
                return f"with {inner[0]}"
            seen = ("status", "--porcelain", "--untracked-files=normal", NO_SUBMODULES)
            if await git(tree, *seen):
                return "changes that are not committed"
            # The reflog too: it has the commits of a branch that was deleted.
            count = await git(tree, "rev-list", "--count", "--all", "--reflog", "HEAD", "--not", "--remotes")
        except RgtError as e:
            return e.message
    return "commits that no remote had" if count != "0" else ""


def _git_dir(tree: Tree, path: str) -> Path | None:
    """Where git keeps a submodule of this worktree; None when what lies there is something else."""
    said = trees.line(tree.path / path, ".git")
    place = Path(os.path.realpath(tree.path / path / said.removeprefix("gitdir:").strip()))
    inside = place.is_relative_to(os.path.realpath(tree.admin / "modules"))
    return place if said and inside and not os.path.lexists(place / "commondir") else None


def _git_dirs(folder: Path) -> Iterator[Path]:
    """Repositories below a directory, not those of submodules of submodules."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if os.path.lexists(path / "HEAD") or not path.is_dir():
            yield Path(os.path.realpath(path))
        else:
            yield from _git_dirs(path)
