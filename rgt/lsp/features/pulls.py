"""The pull side of diagnostics, for editors that pull; what there is comes from other features (`rgt.lsp.sink`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Answer pulls."""
    if not server.sink.pulled:
        return
    options = types.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=True, identifier="rgt")
    server.offer(types.TEXT_DOCUMENT_DIAGNOSTIC, server.sink.report, options)
    server.offer(types.WORKSPACE_DIAGNOSTIC, server.sink.report_all)
