"""Where an agent works, and what it has changed there, for editors that open it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rgt.host import trees
from rgt.host.git import NO_SUBMODULES, Tree, git, try_git
from rgt.model import operations as ops
from rgt.model import refs
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

PLAIN = ("--no-ext-diff", "--no-textconv", NO_SUBMODULES)
"""For every diff: no program is run for it, and no repository inside is entered."""
DIFF = ("--no-color", "--stat", "--patch", *PLAIN)
LONGEST = 2_000_000
"""Characters of a diff that are shown."""
KINDS = {"A": "added", "D": "deleted"}
"""First letter of git's status, and what we call it; the rest is `changed`."""


@dataclass(frozen=True)
class Worktree:
    """A directory in which an agent works on a branch that is to land on `target`."""

    agent: str
    item: str
    rig: str
    tree: Tree
    branch: str
    target: str

    def as_dict(self) -> dict[str, str]:
        """As editors are told."""
        told = {"agent": self.agent, "item": self.item, "rig": self.rig, "path": str(self.tree.path)}
        return {**told, "branch": self.branch, "target": self.target}


def worktree(server: RgtServer, id: str) -> Worktree:
    """Of an agent, or of the agent that has an item; `not_found` when there is none any more."""
    item = server.town.item(id)
    agent = server.town.agent(item.agent if item is not None else id)
    if agent is None or agent.kind not in ("polecat", "crew"):
        raise RgtError("not_found", f"no agent works on {id[:60]}" if item else f"the town knows no agent {id[:60]}")
    rig, _, name = agent.id.partition("/")
    place = server.home.rig(rig)
    path = (place.for_crew() if agent.kind == "crew" else place).worktrees / name
    tree = trees.of(place.hub, path) if path.is_dir() else None
    if tree is None:
        raise RgtError("not_found", f"{agent.id} has no worktree here", f"see `rgt agents show {agent.id}`")
    found = server.town.rig(rig)
    return Worktree(agent.id, agent.item, rig, tree, trees.branch(tree), found.title if found else "")


async def diff(server: RgtServer, id: str) -> str:
    """What an item changes: what its agent has against the target, saved or not, or what has landed."""
    row = server.town.item(id)
    if row is None:
        raise RgtError("not_found", f"the town knows no item {id[:60]}")
    if row.state == "merged":
        shown = (await server.call(ops.WORK_SHOW, ops.Id(id=id))).value
        sha, hub = str(shown.get("sha") or ""), server.home.rig(row.rig).hub
        text = await git(hub, "show", *DIFF, "--format=%h %s%n", sha) if sha else ""
    else:
        here = worktree(server, id)
        text = await git(here.tree, "diff", *DIFF, "--merge-base", refs.target(here.target))
        text = "\n".join([text, *(f"Untracked: {name}" for name in await _untracked(here.tree))])
    return text[:LONGEST].rstrip("\n") + "\n" if text.strip() else f"{id} changes nothing yet.\n"


async def changes(here: Worktree) -> tuple[str, list[dict[str, str]]]:
    """The commit where a branch began, and each file that differs from it since, saved or not."""
    base = await git(here.tree, "merge-base", "HEAD", refs.target(here.target))
    said = await git(here.tree, "diff", *PLAIN, "--name-status", "-z", "--find-renames", base)
    added = ({"path": path, "was": path, "state": "added"} for path in await _untracked(here.tree))
    return base, sorted([*_changed(said), *added], key=lambda file: file["path"])


async def before(here: Worktree, base: str, path: str) -> str:
    """A file of that commit."""
    found = await try_git(here.tree, "cat-file", "blob", f"{base}:{PurePosixPath(path)}")
    if found.code:
        raise RgtError("not_found", f"{path[:80]} was not there", "see `git log` in the worktree")
    return found.out


async def _untracked(tree: Tree) -> list[str]:
    return [p for p in (await git(tree, "ls-files", "--others", "--exclude-standard", "-z")).split("\0") if p]


def _changed(said: str) -> Iterator[dict[str, str]]:
    words = iter(said.split("\0"))
    for status in words:
        if not status:
            continue
        was = next(words)
        path = next(words) if status[0] in "RC" else was
        yield {"path": path, "was": was, "state": KINDS.get(status[0], "changed")}
