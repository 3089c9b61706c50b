"""What rows do not tell of items and rigs: fetched in the background, and kept while the row stays as it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from rgt.lsp.listening import tell
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
KEPT = 400
"""Things that are remembered."""
AT_ONCE = 2
WAITING = 12
"""Items that wait to be fetched; of more the oldest are left out, since nobody looks at them any more."""
FRESH = 2.0
"""Seconds after which what is asked for is fetched again: not every change of an item changes its row."""
EVENTS = 8
"""Events of an item that are shown."""


@dataclass
class Detail:
    """One thing, whole, as it was at a revision of its row."""

    rev: int
    at: float
    """When it was fetched, on the clock of `time.monotonic`."""
    value: dict[str, Any]
    events: list[ops.LogLine] = field(default_factory=list)


class Details:
    """The background reader. Whoever asks is answered at once with what is known, or nothing."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._known: OrderedDict[str, Detail] = OrderedDict()
        self._wanted: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._on_arrival: list[Callable[[str], None]] = []
        server.on_command(self._commanded)

    def item(self, id: str) -> Detail | None:
        """What is known of a work item."""
        return self._of(self._server.town.item(id))

    def rig(self, name: str) -> Detail | None:
        """What is known of a rig."""
        return self._of(self._server.town.rig(name))

    def read_ahead(self, ids: Iterable[str]) -> None:
        """Fetch items of which nothing is known yet."""
        for id in ids:
            if f"work:{id}" not in self._known and self._server.town.item(id) is not None:
                self._want(f"work:{id}")

    def on_arrival(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the key of a row (`work:gt-3f8k2`) when more is known of it."""
        self._on_arrival.append(listener)

    def rig_of(self, path: str) -> str:
        """The rig that a file belongs to: by its own checkout, or by a worktree below the home; empty for none."""
        place = Path(path)
        if place.is_relative_to(self._server.home.rigs):
            return place.relative_to(self._server.home.rigs).parts[0]
        sources = {r.id: self._source(r.id) for r in self._server.town.rows("rig")}
        inside = [(len(s), name) for name, s in sources.items() if s and place.is_relative_to(s)]
        return max(inside)[1] if inside else ""

    async def run(self) -> None:
        """Fetch what is wanted, for ever."""
        for row in self._server.town.rows("rig"):
            self._of(row)
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._wanted:
                keys = list(self._wanted)[-AT_ONCE:]
                for key in keys:
                    del self._wanted[key]
                await asyncio.gather(*(self._fetch(key) for key in keys))

    def _of(self, row: Row | None) -> Detail | None:
        if row is None:
            return None
        known = self._known.get(row.key)
        if known is not None:
            self._known.move_to_end(row.key)
        if known is None or known.rev != row.rev or time.monotonic() - known.at > FRESH:
            self._want(row.key)
        return known

    def _want(self, key: str) -> None:
        self._wanted.pop(key, None)
        self._wanted[key] = None
        items = [k for k in self._wanted if k.startswith("work:")]
        if len(items) > WAITING:
            del self._wanted[items[0]]
        self._woken.set()

    def _commanded(self, result: BaseModel) -> None:
        key = f"work:{result.id}" if isinstance(result, ops.Answer) else ""
        if key in self._known:
            self._want(key)

    def _source(self, name: str) -> str:
        detail = self.rig(name)
        source = ((detail.value.get("config") or {}).get("source") or {}) if detail else {}
        return str(source.get("path") or "")

    async def _fetch(self, key: str) -> None:
        kind, _, id = key.partition(":")
        row = self._server.town.item(id) if kind == "work" else self._server.town.rig(id)
        if row is None:
            return
        at = time.monotonic()
        try:
            if kind == "work":
                shown, told = await asyncio.gather(
                    self._server.call(ops.WORK_SHOW, ops.Id(id=id)),
                    self._server.call(ops.LOG, ops.LogArgs(id=id, limit=EVENTS)),
                )
                detail = Detail(row.rev, at, shown.value, told.rows)
            else:
                detail = Detail(row.rev, at, (await self._server.call(ops.RIG_SHOW, ops.Id(id=id))).value)
        except (RgtError, OSError) as e:
            log.debug("%s: %s", key, e)
            return
        except Exception:
            # Such as an answer of another version: this thing stays unknown, the others do not.
            log.exception("%s", key)
            return
        before, self._known[key] = self._known.get(key), detail
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        if before is None or (before.value, before.events) != (detail.value, detail.events):
            tell(self._on_arrival, key)
