"""Code lenses: on every work item that a document names, its state, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from rgt.lsp.mentions import Mention
from rgt.model.rows import Row, cut

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

WIDTH = 30
"""Characters of a title at most."""


def register(server: RgtServer) -> None:
    """Offer lenses, and have them asked for again when the town changes."""
    options = types.CodeLensOptions(resolve_provider=False)
    if server.offer(types.TEXT_DOCUMENT_CODE_LENS, lambda params: lenses(server, params), options):
        server.town.on_change(lambda rows: server.stale.mark(types.WORKSPACE_CODE_LENS_REFRESH))


def lenses(server: RgtServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    """The lenses of a document."""
    found = []
    for mention in server.mentions_of(params.text_document.uri):
        row = server.town.item(mention.id) if mention.is_item else None
        if row is not None:
            found.append(state_lens(server, mention, row))
    return found


def state_lens(server: RgtServer, mention: Mention, row: Row) -> types.CodeLens:
    """What an item is doing: state · who · place in the queue."""
    data = {"id": row.id, "version": server.town.version}
    return types.CodeLens(range=mention.range, command=server.show_command(title(server, row), row.id), data=data)


def title(server: RgtServer, row: Row) -> str:
    """`in_progress · nux`, `submitted · #2 in queue`."""
    agent = server.town.working_on(row.id)
    place = server.town.place(row.id)
    parts: list[Any] = [row.state.replace("_", " ")]
    if agent is not None:
        parts.append(agent.id.rpartition("/")[2])
    if place:
        parts.append(f"#{place} in queue")
    return cut(" · ".join(parts), WIDTH)
