"""Where an agent works, and what it has changed there, for editors that open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rgt.host.git import NO_HOOKS, branch_of, git
from rgt.model import operations as ops
from rgt.model import refs
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

PLAIN = (*NO_HOOKS, "-c", "core.fsmonitor=false")
DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--stat", "--patch")
"""An agent can write the settings of its repository: no program that they name is run."""
LONGEST = 2_000_000
"""Characters of a diff that are shown."""


@dataclass(frozen=True)
class Worktree:
    """A directory in which an agent works on a branch that is to land on `target`."""

    agent: str
    item: str
    rig: str
    path: Path
    branch: str
    target: str


def worktree(server: RgtServer, id: str) -> Worktree:
    """Of an agent, or of the agent that has an item; `not_found` when there is none any more."""
    item = server.town.item(id)
    agent = server.town.agent(item.agent if item is not None else id)
    if agent is None or agent.kind not in ("polecat", "crew"):
        raise RgtError("not_found", f"no agent works on {id[:60]}" if item else f"there is no agent {id[:60]}")
    rig, _, name = agent.id.partition("/")
    place = server.home.rig(rig)
    path = (place.for_crew() if agent.kind == "crew" else place).worktrees / name
    if not path.is_dir():
        raise RgtError("not_found", f"{agent.id} has no worktree", f"see `rgt agents show {agent.id}`")
    found = server.town.rig(rig)
    return Worktree(agent.id, agent.item, rig, path, branch_of(path), found.title if found else "")


async def diff(server: RgtServer, id: str) -> str:
    """What an item changes: what its agent has against the target, saved or not, or what has landed."""
    row = server.town.item(id)
    if row is None:
        raise RgtError("not_found", f"the town knows no item {id[:60]}")
    if row.state == "merged":
        shown = (await server.call(ops.WORK_SHOW, ops.Id(id=id))).value
        sha, hub = str(shown.get("sha") or ""), server.home.rig(row.rig).hub
        text = await git(hub, *PLAIN, "show", *DIFF, "--format=%h %s%n", sha) if sha else ""
    else:
        here = worktree(server, id)
        text = await git(here.path, *PLAIN, "diff", *DIFF, "--merge-base", refs.target(here.target))
        new = await git(here.path, *PLAIN, "ls-files", "--others", "--exclude-standard")
        text = "\n".join([text, *(f"Untracked: {name}" for name in new.splitlines())])
    return text[:LONGEST].rstrip("\n") + "\n" if text.strip() else f"{id} changes nothing yet.\n"
