"""Telling the editor that what it shows is stale: at once after a quiet time, else gathered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
REFRESHES = {
    types.WORKSPACE_CODE_LENS_REFRESH: "workspace.code_lens.refresh_support",
    types.WORKSPACE_INLAY_HINT_REFRESH: "workspace.inlay_hint.refresh_support",
    types.WORKSPACE_DIAGNOSTIC_REFRESH: "workspace.diagnostics.refresh_support",
    types.WORKSPACE_FOLDING_RANGE_REFRESH: "workspace.folding_range.refresh_support",
}
"""Requests that make an editor ask again, with what it must have announced."""
GATHER = 0.03
"""Seconds in which changes are gathered."""
GAP = 0.25
"""Seconds between two messages at least."""
ANSWER = 5.0
"""Seconds after which an editor that does not answer is told again."""


class Stale:
    """What is stale, and the task that says so."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._marked: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._tellers: dict[str, Callable[[], Awaitable[object]]] = {}

    def tell(self, name: str, teller: Callable[[], Awaitable[object]]) -> None:
        """Add something that can be stale: `teller` says so to the editor."""
        self._tellers[name] = teller

    def mark(self, *names: str) -> None:
        """These are stale now: a refresh request of `REFRESHES`, or a name that `tell` has added."""
        for name in names:
            path = REFRESHES.get(name)
            if name in self._tellers or (path is not None and self._server.editor.has(path)):
                self._marked[name] = None
                self._woken.set()

    async def run(self) -> None:
        """Tell the editor, for ever."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER)
            self._woken.clear()
            marked, self._marked = list(self._marked), {}
            await asyncio.gather(*(self._say(name) for name in marked))
            await asyncio.sleep(GAP)

    async def _say(self, name: str) -> None:
        try:
            async with asyncio.timeout(ANSWER):
                if name in self._tellers:
                    await self._tellers[name]()
                else:
                    await self._server.protocol.send_request_async(name)
        except (JsonRpcException, TimeoutError) as e:
            log.debug("%s: %s", name, e)
        except Exception:
            log.exception("%s", name)
