"""Inlay hints, when the person wants them: the state of a work item behind its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from rgt.lsp.documents import words

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Offer hints; without the setting there are none."""

    def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        if not server.settings.now.inlay_hints:
            return []
        first, last = params.range.start.line, params.range.end.line
        found = []
        for mention in server.mentions_of(params.text_document.uri):
            row = server.town.item(mention.id) if mention.is_item and first <= mention.line <= last else None
            if row is not None:
                end = types.Position(mention.line, mention.end)
                found.append(types.InlayHint(position=end, label=words(row), padding_left=True))
        return found

    if server.offer(types.TEXT_DOCUMENT_INLAY_HINT, hints):
        server.town.on_change(lambda rows: server.stale.mark(types.WORKSPACE_INLAY_HINT_REFRESH))
        server.settings.on_change(lambda: server.stale.mark(types.WORKSPACE_INLAY_HINT_REFRESH))
