"""Code lenses: on every work item that a document names, its state, and then what can be done with it.

An editor that resolves lenses is given only their places at first; the others would ask for all of them anyway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from rgt.lsp.acts import acts
from rgt.lsp.documents import SCHEME, words
from rgt.lsp.mentions import Mention
from rgt.model.rows import Row, cut

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

WIDTH = 30
"""Characters of a title at most."""
ACTS = 2
"""Actions beside a state."""
MANY = 300
"""Mentions in a document from which on there are no actions: nobody looks at so many."""


def register(server: RgtServer) -> None:
    """Offer lenses, and have them asked for again when the town changes."""
    if not server.offer(types.TEXT_DOCUMENT_CODE_LENS, lambda params: lenses(server, params)):
        return
    if server.editor.resolves_lenses:
        server.offer(types.CODE_LENS_RESOLVE, lambda lens: resolved(server, lens))
    server.town.on_change(lambda rows: server.stale.mark(types.WORKSPACE_CODE_LENS_REFRESH))
    server.settings.on_change(lambda: server.stale.mark(types.WORKSPACE_CODE_LENS_REFRESH))


def lenses(server: RgtServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    """The lenses of a document."""
    if not server.settings.now.code_lens:
        return []
    uri = params.text_document.uri
    mentions = server.mentions_of(uri)
    ours = uri.startswith(f"{SCHEME}:")
    found: list[types.CodeLens] = []
    for mention in mentions:
        row = server.town.item(mention.id) if mention.is_item else server.town.agent(mention.id) if ours else None
        if row is not None:
            found += _of(server, mention, row, few=len(mentions) <= MANY)
    return found


def resolved(server: RgtServer, lens: types.CodeLens) -> types.CodeLens:
    """A lens with its command, as the town is now."""
    data: Any = lens.data
    if not isinstance(data, dict) or data.get("of") != "rgt":
        return lens
    row = server.town.item(str(data.get("id"))) or server.town.agent(str(data.get("id")))
    if row is None:
        lens.command = types.Command(title="gone", command="")
        return lens
    commands = {c.title: c for c in acts(server, row)}
    lens.command = commands.get(str(data.get("act"))) or server.show_command(title(server, row), row.id)
    return lens


def title(server: RgtServer, row: Row) -> str:
    """State · who · place in the queue: `in progress · nux`, `submitted · #2 in queue`."""
    parts = [words(row)]
    if row.kind == "work":
        agent, place = server.town.working_on(row.id), server.town.place(row.id)
        if row.alert:
            parts[0] = "asks you" if row.alert.startswith("asks: ") else f"{parts[0]}!"
        parts += [agent.id.rpartition("/")[2]] if agent is not None else []
        parts += [f"#{place} in queue"] if place else []
    return cut(" · ".join(parts), WIDTH)


def _of(server: RgtServer, mention: Mention, row: Row, few: bool) -> Iterator[types.CodeLens]:
    commands = acts(server, row)[:ACTS] if few else []
    data = {"of": "rgt", "id": row.id, "version": server.town.version}
    if server.editor.resolves_lenses:
        yield types.CodeLens(range=mention.range, data=data)
        yield from (types.CodeLens(range=mention.range, data={**data, "act": c.title}) for c in commands)
    else:
        yield types.CodeLens(range=mention.range, data=data, command=server.show_command(title(server, row), row.id))
        yield from (types.CodeLens(range=mention.range, data=data, command=c) for c in commands)
