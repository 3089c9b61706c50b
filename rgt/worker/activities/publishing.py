"""Rows on their way to the town."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError


class Publisher:
    """Sends rows to the town. What comes while a signal is under way travels with the next one, all together: a burst
    of changes costs the town a few tasks instead of one each, and a single one is not held up."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: list[tuple[list[list[Any]], asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def publish(self, rows: list[list[Any]]) -> None:
        """Give back when the town has the rows; raises `RPCError` when it does not answer."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, sent))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        await sent

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            rows = [row for some, _ in batch for row in some]
            failure: RPCError | None = None
            try:
                await self._client.get_workflow_handle("town").signal("event", {"rows": rows})
            except RPCError as e:
                failure = e
            for _, sent in batch:
                if sent.done():
                    continue  # who waited for it has been cancelled
                if failure is None:
                    sent.set_result(None)
                else:
                    sent.set_exception(failure)
