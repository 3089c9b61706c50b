"""The worktree of an agent, to be opened in the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rgt.lsp.registry import PREFIX, Command, add
from rgt.lsp.worktrees import worktree
from rgt.model.operations import Id

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Offer `worktree`."""

    async def where(args: Id) -> dict[str, Any]:
        found = worktree(server, args.id)
        return {**vars(found), "path": str(found.path)}

    add(server, Command(f"{PREFIX}worktree", "Where an agent works, or the agent of an item", Id, where))
