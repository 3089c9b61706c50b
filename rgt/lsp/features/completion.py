"""Completion: work items after `gt-`, agents after `@`, rigs after `--rig`, `--target` and `rig:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from rgt.lsp.documents import words
from rgt.lsp.mentions import line_at, place_in, span, units
from rgt.lsp.town import OVER

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

MOST = 100
"""Offers at once; with more the editor asks again while one types."""
ITEM = re.compile(r"(?<![\w-])gt-[a-z0-9]{0,5}$")
AGENT = re.compile(r"(?<![\w@])@([\w/-]*)$")
RIG = re.compile(r"(?:--rig|--target|\brig)[ =:]+\"?([\w-]*)$")


def register(server: RgtServer) -> None:
    """Offer completion."""
    options = types.CompletionOptions(trigger_characters=["-", "@"])
    server.offer(types.TEXT_DOCUMENT_COMPLETION, lambda params: completion(server, params), options)


def completion(server: RgtServer, params: types.CompletionParams) -> types.CompletionList | None:
    """What may follow at a position; None where it is not about the town."""
    document = server.document(params.text_document.uri)
    if document is None:
        return None
    encoding = str(document.position_codec.encoding)
    whole = line_at(document, params.position.line)
    before = whole[: place_in(whole, params.position.character, encoding)]
    for pattern, offer in ((ITEM, items), (AGENT, agents), (RIG, rigs)):
        if found := pattern.search(before):
            at = found.start(found.lastindex or 0)
            place = span(params.position.line, units(whole, at, encoding), params.position.character)
            offers = offer(server, before[at:])
            for item in offers:
                item.text_edit = types.TextEdit(range=place, new_text=item.label)
            return types.CompletionList(is_incomplete=len(offers) >= MOST, items=offers)
    return None


def items(server: RgtServer, typed: str) -> list[types.CompletionItem]:
    """Work items, the open ones first, the latest first."""
    rows = [r for r in server.town.rows("work") if r.id.startswith(typed)]
    rows.sort(key=lambda r: (r.state in OVER, -r.updated))
    kind = types.CompletionItemKind.Reference
    return [
        types.CompletionItem(label=r.id, kind=kind, detail=f"{words(r)} · {r.title}", sort_text=f"{n:04}")
        for n, r in enumerate(rows[:MOST])
    ]


def agents(server: RgtServer, typed: str) -> list[types.CompletionItem]:
    """Agents by their addresses."""
    rows = sorted(server.town.rows("polecat", "crew", "mayor"), key=lambda r: r.id)
    kind = types.CompletionItemKind.Value
    return [
        types.CompletionItem(label=r.id, kind=kind, detail=f"{words(r)} · {r.item} {r.title}".rstrip(" ·"))
        for r in rows
        if r.id.startswith(typed) or r.id.rpartition("/")[2].startswith(typed)
    ][:MOST]


def rigs(server: RgtServer, typed: str) -> list[types.CompletionItem]:
    """Rigs by their names."""
    kind = types.CompletionItemKind.Module
    rows = sorted(server.town.rows("rig"), key=lambda r: r.id)
    return [types.CompletionItem(label=r.id, kind=kind, detail=r.state) for r in rows if r.id.startswith(typed)][:MOST]
