"""Escalations as questions of the editor. A convenience: the item's workflow holds the truth, and only a button that
was pressed, for a question that still stands, says anything. A dialog that is closed says nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from rgt.lsp.registry import PREFIX
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
ASKS = "asks: "
ANSWERS = {"Approve": "approved", "Reject": "rejected"}
"""Buttons, with what the agent is told."""
SHOW = "Show"
AT_ONCE = 3
"""Dialogs at most; what comes meanwhile is asked later, and is in `rgt needs` anyway."""
LEASE = 120.0
"""Seconds after which a dialog counts no more: VS Code leaves the request pending for ever when one presses Escape."""


def register(server: RgtServer) -> None:
    """Ask, where the editor can."""
    if server.editor.has("window.show_message"):
        Approvals(server)


class Approvals:
    """The questions that were asked; each once."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._asked: dict[str, str] = {}
        self._free = asyncio.Semaphore(AT_ONCE)
        server.town.on_change(self._look)

    def _look(self, rows: list[Row]) -> None:
        for row in rows:
            if row.kind != "work":
                continue
            if row.gone or not row.alert.startswith(ASKS):
                self._asked.pop(row.id, None)
            elif self._asked.get(row.id) != row.alert and self._server.settings.now.approvals:
                self._asked[row.id] = row.alert
                self._server.spawn(self._ask(row), f"question of {row.id}")

    def _stands(self, row: Row) -> bool:
        now = self._server.town.item(row.id)
        return now is not None and now.alert == row.alert

    async def _ask(self, row: Row) -> None:
        async with self._free:
            if not self._stands(row):
                return
            who = f"@{row.agent}" if row.agent else "an agent"
            params = types.ShowMessageRequestParams(
                type=types.MessageType.Warning,
                message=f"{row.id} {row.title}: {who} {row.alert}",
                actions=[types.MessageActionItem(title=t) for t in (*ANSWERS, SHOW)],
            )
            asked = asyncio.ensure_future(self._server.window_show_message_request_async(params))
            await asyncio.wait([asked], timeout=LEASE)
        try:
            chosen = await asked
        except JsonRpcException as e:
            log.info("the editor could not ask: %s", e)
            return
        title = chosen.title if chosen is not None else ""
        if title == SHOW:
            await self._server.execute(f"{PREFIX}show", {"id": row.id})
        elif title in ANSWERS:
            await self._answer(row, ANSWERS[title])

    async def _answer(self, row: Row, message: str) -> None:
        if not self._stands(row):
            self._server.say(f"{row.id}: somebody has answered already", types.MessageType.Info)
            return
        try:
            await self._server.operate(ops.ACK, ops.TextArgs(id=row.id, message=message))
        except RgtError as e:
            self._server.say(f"{row.id}: {e.line()}", types.MessageType.Error)
