"""What the merge queue has sent back, as diagnostics on the lines that failed, with what can be done about it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.workspace import TextDocument

from rgt.client.town import new_op_id
from rgt.lsp.failures import Finder, Page, announced, diagnostic
from rgt.lsp.town import Health
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.problems import ANSWERED, Problem
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
SOURCE = "rgt merge"
GATHER = 0.03
"""Seconds in which changes of the town are gathered."""
TYPING = 0.15
"""Seconds in which edits are gathered."""
GAP = 0.2
"""Seconds between two looks at least."""


def register(server: RgtServer) -> None:
    """Keep diagnostics of what was sent back."""
    Failures(server)


class Failures:
    """What is in the editor now, and the task that keeps it so."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._finder = Finder(server)
        self._problems: list[Problem] = []
        self._pages: dict[str, Page] = {}
        self._ask = self._all = self._failed = False
        self._edited: dict[str, None] = {}
        self._woken = asyncio.Event()
        server.town.on_change(self._changed)
        server.town.on_health(self._felt)
        server.on_text(self._typed)
        server.on_close(self._closed)
        server.at_start(self.run)

    # --- what makes it look

    def _changed(self, rows: list[Row]) -> None:
        known = {p.item for p in self._problems}
        if any(r.kind == "refinery" or (r.kind == "work" and (r.id in known or _sent_back(r))) for r in rows):
            self._ask = True
            self._woken.set()

    def _felt(self, health: Health) -> None:
        if self._failed and health.health == "ok":
            self._ask = True
            self._woken.set()

    def _typed(self, document: TextDocument) -> None:
        if self._problems:
            self._edited[document.uri] = None
            self._woken.set()

    def _closed(self, uri: str) -> None:
        # The file itself may have something, at other lines than the text that was given up.
        if uri in self._pages:
            self._all = True
            self._woken.set()

    # --- looking

    async def run(self) -> None:
        """Look whenever there is reason to, for ever."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER if self._ask or self._all else TYPING)
            self._woken.clear()
            ask, everywhere, edited = self._ask, self._ask or self._all, list(self._edited)
            self._ask, self._all, self._edited = False, False, {}
            try:
                if ask:
                    await self._fetch()
                if everywhere:
                    await self._look_everywhere()
                else:
                    for uri in edited:
                        await self._look_at(uri)
            except Exception:
                log.exception("what was sent back cannot be shown")
            await asyncio.sleep(GAP)

    async def _fetch(self) -> None:
        try:
            found = await self._server.outside.call(ops.MQ_PROBLEMS, ops.RigFilter(), new_op_id())
        except (RgtError, OSError) as e:
            self._failed = True
            log.debug("mq.problems: %s", e)
            return
        self._problems, self._failed = found.rows, False

    async def _look_everywhere(self) -> None:
        if self._problems or self._pages:
            self._pages = await self._finder.everywhere(self._problems)
            pages = await self._item_pages()
            self._server.sink.replace(SOURCE, {uri: self._diagnostics(p, pages) for uri, p in self._pages.items()})

    async def _look_at(self, uri: str) -> None:
        document = self._server.document(uri)
        page = await self._finder.document(document, self._problems) if document is not None else None
        if document is None:
            return
        if page is not None:
            self._pages[document.uri] = page
        elif self._pages.pop(document.uri, None) is None:
            return
        found = self._diagnostics(page, await self._item_pages()) if page is not None else []
        self._server.sink.put(SOURCE, document.uri, found)

    async def _item_pages(self) -> dict[str, str]:
        """The page of each item, where the editor can be told of it."""
        if not any(announced(self._server, n) for n in ("code_description_support", "related_information")):
            return {}
        items = {one.problem.item for page in self._pages.values() for one in page.found}
        return {id: await self._server.documents.uri(f"/item/{id}.md") for id in sorted(items)}

    def _diagnostics(self, page: Page, items: dict[str, str]) -> list[types.Diagnostic]:
        others = list(self._pages.values())
        return [diagnostic(self._server, page, one, others, items.get(one.problem.item, "")) for one in page.found]


def _sent_back(row: Row) -> bool:
    return row.state not in ANSWERED and row.state != "open"
