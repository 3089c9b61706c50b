"""Diagnostics: kept by source and document, and given to the editor in the one way that it can take.

An editor that pulls and hears when to pull again is never pushed to: it would show everything twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

Found = Sequence[types.Diagnostic]


class DiagnosticSink:
    """The diagnostics of all features. Each writes under a name of its own, its source."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._by_source: dict[str, dict[str, list[types.Diagnostic]]] = {}
        self._uris: dict[str, str] = {}
        self._stamps: dict[str, int] = {}
        self._stamp = 0

    @property
    def pulled(self) -> bool:
        """Whether this editor asks for diagnostics; else they are sent to it."""
        editor = self._server.editor
        return editor.has("text_document.diagnostic") and editor.has("workspace.diagnostics.refresh_support")

    def replace(self, source: str, found: Mapping[str, Found]) -> None:
        """All diagnostics of a source: `found` by document; every other document has none of it any more."""
        before = self._stamp
        plain = {unquote(uri): (uri, given) for uri, given in found.items()}
        for uri in {*self._by_source.get(source, {}), *plain}:
            named, given = plain.get(uri, (self._uris.get(uri, uri), ()))
            self._uris[uri] = named
            self._put(source, uri, given)
        self._changed(before)

    def put(self, source: str, uri: str, found: Found) -> None:
        """The diagnostics of a source in one document; the others stay."""
        before = self._stamp
        self._uris[unquote(uri)] = uri
        self._put(source, unquote(uri), found)
        self._changed(before)

    def of(self, uri: str) -> list[types.Diagnostic]:
        """Everything that there is on one document."""
        return [d for by_uri in self._by_source.values() for d in by_uri.get(unquote(uri), ())]

    def report(self, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        """The answer to an editor that pulls for one document."""
        uri = params.text_document.uri
        stamp = self._stamp_of(unquote(uri))
        if params.previous_result_id == stamp:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=stamp)
        return types.RelatedFullDocumentDiagnosticReport(items=self.of(uri), result_id=stamp)

    def report_all(self, params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        """The answer to an editor that pulls for everything; some do so every two seconds."""
        had = {unquote(p.uri): (p.uri, p.value) for p in params.previous_result_ids}
        items: list[types.WorkspaceDocumentDiagnosticReport] = []
        for uri in sorted({*self._stamps, *had}):
            stamp, (named, value) = self._stamp_of(uri), had.get(uri, (self._uris.get(uri, uri), ""))
            if value == stamp:
                items.append(types.WorkspaceUnchangedDocumentDiagnosticReport(uri=named, result_id=stamp))
            else:
                items.append(
                    types.WorkspaceFullDocumentDiagnosticReport(uri=named, items=self.of(uri), result_id=stamp)
                )
        return types.WorkspaceDiagnosticReport(items=items)

    def _put(self, source: str, uri: str, found: Found) -> None:
        by_uri = self._by_source.setdefault(source, {})
        if by_uri.get(uri, []) == list(found):
            return
        if found:
            by_uri[uri] = list(found)
        else:
            del by_uri[uri]
        self._stamp += 1
        self._stamps[uri] = self._stamp
        if not self.pulled and self._server.editor.has("text_document.publish_diagnostics"):
            named = self._server.named(self._uris.get(uri, uri))
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=named, diagnostics=self.of(uri))
            )

    def _changed(self, before: int) -> None:
        if self._stamp != before and self.pulled:
            self._server.stale.mark(types.WORKSPACE_DIAGNOSTIC_REFRESH)

    def _stamp_of(self, uri: str) -> str:
        return str(self._stamps.get(uri, 0))
