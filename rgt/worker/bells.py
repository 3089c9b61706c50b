"""The bell: an agent that waits is woken when it gets mail, by whatever way its runtime hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rgt.client.feed import Live
from rgt.model.rows import Row

log = logging.getLogger(__name__)
AGAIN = (0.0, 10.0, 60.0, 240.0)
"""Seconds before each ring, as long as the mail still waits; then a person is told (`rgt.model.mail`)."""
Ring = Callable[[Row], Awaitable[bool]]


class Bells:
    """Rings for all agents of this machine whose mail waits."""

    def __init__(self, live: Live, ring: Ring) -> None:
        self._live = live
        self._ring = ring
        self._ringing: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._leave = live.listen(lambda _, row: self._changed(row))
        for row in live.rows():
            self._changed(row)

    def close(self) -> None:
        """Stop ringing; the next worker begins anew."""
        self._leave()
        for _, task in self._ringing.values():
            task.cancel()

    def _changed(self, row: Row) -> None:
        if row.kind not in ("polecat", "crew"):
            return
        count, task = self._ringing.get(row.id, (0, None))
        if task is not None and (row.gone or row.mail != count):
            task.cancel()
            del self._ringing[row.id]
        if not row.gone and row.mail > count:
            self._ringing[row.id] = (row.mail, asyncio.create_task(self._until_heard(row)))

    async def _until_heard(self, row: Row) -> None:
        for pause in AGAIN:
            await asyncio.sleep(pause)
            now = self._live.get(row.kind, row.id)
            if now is None or not now.mail:
                return
            try:
                await self._ring(now)
            except Exception:
                log.exception("%s could not be rung", row.id)
