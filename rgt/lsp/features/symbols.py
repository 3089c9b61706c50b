"""Symbols: items, agents and rigs of the town in the workspace, headings in our own documents; and their folding."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from lsprotocol import types

from rgt.lsp.documents import path_of
from rgt.lsp.mentions import span, units
from rgt.lsp.repairs import LINES
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

HEADING = re.compile(r"^(#{1,4}) +(.+?)\s*$")
MOST = 50
"""Symbols in an answer; one types more to find the rest."""
FILES = 15
"""As many where each needs a file of its own (`Documents.virtual`)."""
KINDS = {
    "work": types.SymbolKind.Event,
    "polecat": types.SymbolKind.Object,
    "crew": types.SymbolKind.Object,
    "mayor": types.SymbolKind.Object,
    "rig": types.SymbolKind.Module,
}
"""Kinds of rows that are symbols."""


def register(server: RgtServer) -> None:
    """Offer symbols and folding."""

    async def workspace_symbols(params: types.WorkspaceSymbolParams) -> list[types.SymbolInformation]:
        rows = matching(server, params.query)
        return [
            types.SymbolInformation(
                name=f"{r.id} {r.title}".rstrip() if r.kind == "work" else r.id,
                kind=KINDS[r.kind],
                container_name=r.state,
                location=types.Location(uri=await server.documents.uri(path_of(r)), range=span(0)),
            )
            for r in rows
        ]

    def document_symbols(
        params: types.DocumentSymbolParams,
    ) -> list[types.DocumentSymbol] | list[types.SymbolInformation] | None:
        uri = params.text_document.uri
        found = headings(server, uri)
        if server.editor.has("text_document.document_symbol.hierarchical_document_symbol_support"):
            return _nested(found) or None
        return [
            types.SymbolInformation(name=s.name, kind=s.kind, location=types.Location(uri=uri, range=s.range))
            for _, s in found
        ] or None

    def folds(params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
        found = headings(server, params.text_document.uri)
        kind = types.FoldingRangeKind.Region
        return [
            types.FoldingRange(start_line=h.range.start.line, end_line=h.range.end.line, kind=kind)
            for _, h in found
            if h.range.end.line > h.range.start.line
        ] or None

    server.offer(types.WORKSPACE_SYMBOL, workspace_symbols)
    server.offer(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, document_symbols)
    server.offer(types.TEXT_DOCUMENT_FOLDING_RANGE, folds)


def matching(server: RgtServer, query: str) -> list[Row]:
    """Rows whose id or title holds every word of the query; open work and agents first."""
    words = query.lower().split()
    found = (r for text, r in server.town.texts() if r.kind in KINDS and all(w in text for w in words))
    return list(islice(found, MOST if server.documents.virtual else FILES))


def headings(server: RgtServer, uri: str) -> list[tuple[int, types.DocumentSymbol]]:
    """Level and symbol of every heading in one of our documents, each with what stands below it."""
    document = server.document(uri)
    if document is None or not server.documents.path_of(uri).endswith(".md"):
        return []
    lines, encoding = LINES.findall(document.source), str(document.position_codec.encoding)
    open_ones: list[tuple[int, types.DocumentSymbol]] = []
    found: list[tuple[int, types.DocumentSymbol]] = []
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= line.startswith("```")
        heading = None if fenced else HEADING.match(line)
        if heading is None:
            continue
        level, end = len(heading[1]), units(line, heading.end(2), encoding)
        while open_ones and open_ones[-1][0] >= level:
            _close(open_ones.pop()[1], number - 1)
        here = span(number, 0, end)
        symbol = types.DocumentSymbol(
            name=heading[2], kind=types.SymbolKind.String, range=here, selection_range=span(number, 0, end), children=[]
        )
        found.append((level, symbol))
        open_ones.append((level, symbol))
    for _, symbol in open_ones:
        _close(symbol, len(lines) - 1)
    return found


def _close(symbol: types.DocumentSymbol, line: int) -> None:
    if line > symbol.range.start.line:
        symbol.range.end = types.Position(line, 0)


def _nested(found: list[tuple[int, types.DocumentSymbol]]) -> list[types.DocumentSymbol]:
    top: list[types.DocumentSymbol] = []
    above: list[tuple[int, types.DocumentSymbol]] = []
    for level, symbol in found:
        while above and above[-1][0] >= level:
            above.pop()
        siblings = above[-1][1].children if above else top
        assert isinstance(siblings, list)
        siblings.append(symbol)
        above.append((level, symbol))
    return top
