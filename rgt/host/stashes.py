"""What agents have stashed and not taken back: kept with the rest of their work when they end."""

from __future__ import annotations

import logging

from rgt.host import nolinks
from rgt.host.git import Tree, printed, try_git
from rgt.host.hub import pin
from rgt.model import refs, stashes
from rgt.model.errors import RgtError
from rgt.model.home import RigHome

LOG = "logs/refs/stash"
"""Where a hub has the list."""

log = logging.getLogger(__name__)


async def keep(rig: RigHome, worktree: Tree, item: str) -> list[str]:
    """Pin the stashes of an item beside its snapshots; gives a line for each, as `git stash list` has it.

    They stay in the list too, for whoever goes on with the item; also what cannot be pinned, since an agent has spoiled
    it.
    """
    if nolinks.status(rig.hub, LOG) is None:
        return []
    listed = await try_git(worktree, "log", "--walk-reflogs", "--format=%gd%x00%H%x00%gs", "refs/stash", "--")
    kept = []
    for name, commit, message in (line.split("\0") for line in printed(listed.out)):
        if stashes.owner(message) != item:
            continue
        try:
            await pin(rig, refs.snapshot(item, f"stash-{commit[:12]}"), commit)
        except RgtError as e:
            log.warning("%s of %s is not kept: %s", name, item, e.message)
            continue
        kept.append(f"{name}: {message}")
    return kept
