"""Slings and merges as progress: begun when they begin, told at most four times a second, and always ended.

A sling can be cancelled, which takes the item back. A merge cannot: a run that has begun may land whatever one says."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from lsprotocol import types
from pydantic import BaseModel
from pygls.exceptions import JsonRpcException

from rgt.lsp.documents import words
from rgt.lsp.town import Health
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

GAP = 0.25
"""Seconds between two reports of one progress."""
LONGEST = 3600.0
"""Seconds after which one is ended whatever has become of it."""
AT_ONCE = 5
"""Progress bars at most."""
BEFORE = ("queued", "assigned")
"""States of an item that was slung and has no agent at work yet."""


def register(server: RgtServer) -> None:
    """Show progress, where the editor can."""
    if server.editor.has("window.work_done_progress"):
        Bars(server)


class Bars:
    """The progress bars that are shown: `sling:<item>` and `merge:<item>`."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._bars: dict[str, Bar] = {}
        server.offer(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, self._cancelled)
        server.on_command(self._commanded)
        server.town.on_change(self._look)
        server.town.on_health(self._felt)

    def _commanded(self, result: BaseModel) -> None:
        if isinstance(result, ops.Slung):
            for answer in result.rows:
                if answer.state in BEFORE and answer.message != "nothing was done":
                    self._begin("sling", answer.id, f"Sling {answer.id}", answer.message or answer.state)
            self._look(self._server.town.rows("work"))

    def _look(self, rows: list[Row]) -> None:
        for row in rows:
            if row.kind == "entry":
                if row.state == "testing" and not row.gone:
                    self._begin("merge", row.item, f"Merge {row.item}", row.title)
                elif not row.gone:
                    self._end("merge", row.item, words(row))
                # What has left the queue is merged or goes back: the item's own row says so.
            elif row.kind == "work":
                self._work(row)

    def _work(self, row: Row) -> None:
        sling = self._bars.get(f"sling:{row.id}")
        if sling is not None:
            if row.state in BEFORE and not row.gone:
                sling.report(words(row))
            else:
                self._end("sling", row.id, words(row))
        if row.state not in ("submitted", "merging"):
            self._end("merge", row.id, words(row))

    def _felt(self, health: Health) -> None:
        # Nobody would tell how these go on.
        if health.health == "error":
            for key in list(self._bars):
                self._bars.pop(key).end(health.message)

    def _begin(self, kind: str, id: str, title: str, message: str) -> None:
        key = f"{kind}:{id}"
        self._bars = {k: b for k, b in self._bars.items() if not b.over}
        if key not in self._bars and len(self._bars) < AT_ONCE and self._server.settings.now.progress:
            cancellable = kind == "sling" and self._server.outside.who.role in ops.UNSLING.roles
            self._bars[key] = Bar(self._server, id, title, message, cancellable)

    def _cancelled(self, params: types.WorkDoneProgressCancelParams) -> None:
        bar = next((b for b in self._bars.values() if b.token == params.token), None)
        if bar is not None and bar.cancellable and not bar.over:
            self._server.spawn(self._take_back(bar.id), f"cancelled sling of {bar.id}")

    async def _take_back(self, id: str) -> None:
        """The item's row ends the bar."""
        try:
            await self._server.operate(ops.UNSLING, ops.Id(id=id))
        except (RgtError, OSError) as e:
            said = e.line() if isinstance(e, RgtError) else str(e)
            self._server.say(f"{id} was not taken back: {said}", types.MessageType.Warning)

    def _end(self, kind: str, id: str, message: str) -> None:
        bar = self._bars.pop(f"{kind}:{id}", None)
        if bar is not None:
            bar.end(message)


class Bar:
    """One progress bar: a task that tells the editor what it was last told itself."""

    def __init__(self, server: RgtServer, id: str, title: str, message: str, cancellable: bool) -> None:
        self.id, self.cancellable, self.over = id, cancellable, False
        self.token = f"rgt-{secrets.token_hex(6)}"
        self._server = server
        self._message = message
        self._changed = asyncio.Event()
        server.spawn(self._show(title, message), f"progress of {id}")

    def report(self, message: str) -> None:
        """How it is now."""
        if message != self._message:
            self._message = message
            self._changed.set()

    def end(self, message: str) -> None:
        """What has become of it."""
        self._message, self.over = message, True
        self._changed.set()

    async def _show(self, title: str, message: str) -> None:
        try:
            params = types.WorkDoneProgressCreateParams(token=self.token)
            await self._server.window_work_done_progress_create_async(params)
        except JsonRpcException:
            self.over = True
            return
        self._tell(types.WorkDoneProgressBegin(title=title, message=message, cancellable=self.cancellable))
        until = time.monotonic() + LONGEST
        try:
            while not self.over and time.monotonic() < until:
                try:
                    async with asyncio.timeout_at(asyncio.get_running_loop().time() + until - time.monotonic()):
                        await self._changed.wait()
                except TimeoutError:
                    break
                self._changed.clear()
                if not self.over:
                    self._tell(types.WorkDoneProgressReport(message=self._message))
                    await asyncio.sleep(GAP)
        finally:
            self.over = True
            self._tell(types.WorkDoneProgressEnd(message=self._message))

    def _tell(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(token=self.token, value=value))
