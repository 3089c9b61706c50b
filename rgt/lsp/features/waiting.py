"""A warning on each `TODO(gt-…)` whose item waits for a person: what the code waits for goes on no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.workspace import TextDocument

from rgt.lsp.documents import words
from rgt.lsp.mentions import remarks, span
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

SOURCE = "rgt waits"


def register(server: RgtServer) -> None:
    """Keep the warnings as the town and the documents are."""
    found: dict[str, set[str]] = {}

    def look(document: TextDocument) -> None:
        encoding = str(document.position_codec.encoding)
        about = [(r, server.town.item(r.id)) for r in remarks(document.source, encoding) if r.id]
        found[document.uri] = {remark.id for remark, _ in about}
        warnings = [_warning(span(r.line, r.start, r.end), row) for r, row in about if row is not None and row.alert]
        server.sink.put(SOURCE, document.uri, warnings)

    def changed(rows: list[Row]) -> None:
        ids = {r.id for r in rows if r.kind == "work"}
        for uri in [uri for uri, named in found.items() if named & ids]:
            if (document := server.document(uri)) is not None:
                look(document)

    def closed(uri: str) -> None:
        if found.pop(uri, None) is not None:
            server.sink.put(SOURCE, uri, [])

    server.on_text(look)
    server.on_close(closed)
    server.town.on_change(changed)


def _warning(where: types.Range, row: Row) -> types.Diagnostic:
    return types.Diagnostic(
        where,
        f"{row.id} is {words(row)} and waits for you: {row.alert}",
        severity=types.DiagnosticSeverity.Warning,
        source="rgt",
        code=row.id,
    )
