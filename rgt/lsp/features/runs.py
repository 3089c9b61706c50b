"""Logs of gates that grow while one looks: a page of one that is open is refreshed when its files change."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.workspace import TextDocument

from rgt.lsp import runs
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
GATHER = 200
"""Milliseconds in which changes are gathered."""


def register(server: RgtServer) -> None:
    """Watch, where the editor can show such pages."""
    if server.documents.virtual:
        Runs(server)


class Runs:
    """The pages that are open, each with the task that watches its files."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._watched: dict[str, asyncio.Task[Any]] = {}
        server.on_text(self._opened)
        server.on_close(self._closed)

    def _opened(self, document: TextDocument) -> None:
        path = self._server.documents.path_of(document.uri)
        if path.startswith("/run/") and document.uri not in self._watched:
            work = self._watch(document.uri, Path(path).stem)
            self._watched[document.uri] = self._server.spawn(work, f"log {path}")

    def _closed(self, uri: str) -> None:
        if (task := self._watched.pop(uri, None)) is not None:
            task.cancel()

    async def _watch(self, uri: str, id: str) -> None:
        try:
            place = runs.place(self._server, id)
        except RgtError as e:
            return log.debug("%s: %s", uri, e)
        # Late, because its library takes a hundredth of a second from every start.
        from watchfiles import awatch

        # A watched directory must be there. The town makes it at the first run, with the same rights.
        place.mkdir(parents=True, exist_ok=True)
        async for _ in awatch(place, step=GATHER, debounce=2 * GATHER):
            await self._refresh(uri)
        return None

    async def _refresh(self, uri: str) -> None:
        try:
            params = types.TextDocumentContentRefreshParams(uri=uri)
            await self._server.workspace_text_document_content_refresh_async(params)
        except JsonRpcException as e:
            log.debug("%s: %s", uri, e)
