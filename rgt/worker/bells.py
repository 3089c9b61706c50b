"""The bell: an agent is rung while mail or a word of the town waits for it, by whatever way its runtime hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import chain, repeat

from rgt.client.feed import Live
from rgt.model.rows import Row

log = logging.getLogger(__name__)
AGAIN = (0.0, 10.0, 60.0, 240.0, 600.0)
"""Seconds before each ring, the last of them again and again, as long as it still waits. A person is told, too
(`rgt.model.mail`)."""
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
        count, task = self._ringing.pop(row.id, (0, None))
        waits = 0 if row.gone else row.mail
        if task is not None and 0 < waits <= count:
            # What is left is rung for as before.
            self._ringing[row.id] = (waits, task)
            return
        if task is not None:
            task.cancel()
        if waits:
            self._ringing[row.id] = (waits, asyncio.create_task(self._until_heard(row)))

    async def _until_heard(self, row: Row) -> None:
        for pause in chain(AGAIN, repeat(AGAIN[-1])):
            await asyncio.sleep(pause)
            now = self._live.get(row.kind, row.id)
            if now is None or not now.mail:
                return
            try:
                await self._ring(now)
            except Exception:
                log.exception("%s could not be rung", row.id)
