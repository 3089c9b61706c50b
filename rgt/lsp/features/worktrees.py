"""The worktree of an agent, to be opened in the editor, and what has changed in it, file by file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from rgt.lsp import worktrees
from rgt.lsp.registry import PREFIX, Command, add
from rgt.model.operations import Id

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


class Before(Id):
    """One file where the branch began."""

    base: str = Field(pattern=r"^[0-9a-f]{40,64}$", description="The commit that `changes` has named.")
    path: str = Field(min_length=1)


def register(server: RgtServer) -> None:
    """Offer `worktree`, `changes` and `before`."""

    async def where(args: Id) -> dict[str, Any]:
        return worktrees.worktree(server, args.id).as_dict()

    async def changes(args: Id) -> dict[str, Any]:
        here = worktrees.worktree(server, args.id)
        base, files = await worktrees.changes(here)
        return {**here.as_dict(), "base": base, "files": files}

    async def before(args: Before) -> dict[str, Any]:
        return {"text": await worktrees.before(worktrees.worktree(server, args.id), args.base, args.path)}

    add(server, Command(f"{PREFIX}worktree", "Where an agent works, or the agent of an item", Id, where))
    add(server, Command(f"{PREFIX}changes", "What an agent has changed since its branch began", Id, changes))
    add(server, Command(f"{PREFIX}before", "A file where an agent's branch began", Before, before))
