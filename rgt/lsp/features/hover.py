"""Hovers: a card of the item or agent under the cursor, as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.workspace import TextDocument

from rgt.lsp.documents import facts, words
from rgt.lsp.mentions import Mention

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

AHEAD = 10
"""Items of a document of which everything is fetched before somebody points at them."""


def register(server: RgtServer) -> None:
    """Offer hovers."""
    server.offer(types.TEXT_DOCUMENT_HOVER, lambda params: hover(server, params))

    def read_ahead(document: TextDocument) -> None:
        server.details.read_ahead(m.id for m in server.mentions.first(document, AHEAD) if m.is_item)

    server.on_text(read_ahead)


def hover(server: RgtServer, params: types.HoverParams) -> types.Hover | None:
    """The card of what is named at a position."""
    mention = server.mention_at(params.text_document.uri, params.position)
    text = card(server, mention) if mention is not None else ""
    if mention is None or not text:
        return None
    return types.Hover(contents=server.markup("text_document.hover.content_format", text), range=mention.range)


def card(server: RgtServer, mention: Mention) -> str:
    """What is known of it, in Markdown; empty for nothing."""
    town = server.town
    if not mention.is_item:
        agent = town.agent(mention.id)
        if agent is None:
            return ""
        lines = [f"### @{agent.id}", "", f"- {agent.kind}, **{words(agent)}**"]
        lines += [f"- on {agent.item} {agent.title}".rstrip()] if agent.item else []
        lines += [f"- {agent.mail} messages wait"] if agent.mail else []
        return "\n".join([*lines, *([f"\n> {agent.alert}"] if agent.alert else [])])
    row = town.item(mention.id)
    if row is None:
        # Texts of all kinds have words that look like an id.
        return ""
    detail = server.details.item(row.id)
    title = str((detail.value if detail else {}).get("title") or row.title)
    lines = [f"### {row.id} {title}", "", *(f"- {fact}" for fact in facts(town, row, detail))]
    if row.alert:
        lines += ["", f"> {row.alert}"]
    if detail is not None and detail.events:
        lines += ["", *(f"- `{e.at[11:19]}` {e.what} {e.detail}".rstrip() for e in detail.events[-4:])]
    return "\n".join(lines)
