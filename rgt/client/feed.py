"""The change feed: one reader follows the town's history and keeps a live copy that everyone here is served from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rgt.model.rows import Row, fold, key
from rgt.model.town import Index

log = logging.getLogger(__name__)
POLL = timedelta(seconds=70)
"""Longer than the server holds a long poll."""


async def follow(client: Client, *, wait: bool = True) -> AsyncIterator[Index | list[Any]]:
    """The town's history from the start of its current run: first an `Index`, then packed rows, for ever.

    Runs on across continue-as-new and a server that goes away; nothing is lost or doubled. With `wait=False` it ends
    with what there is, which needs no worker at all.
    """
    run, token, seen = "", b"", 0
    while True:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id="town", run_id=run),
            wait_new_event=wait,
            next_page_token=token,
            maximum_page_size=256,  # the server logs a warning for each poll that asks for more
        )
        try:
            answer = await client.workflow_service.get_workflow_execution_history(request, timeout=POLL, retry=False)
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND or not wait:
                raise
            log.info("town history: %s", e.message)
            # A page token may be stale after a restart of the server: read again and skip what was seen.
            token = b""
            await asyncio.sleep(0.2)
            continue
        following = ""
        for event in answer.history.events:
            if event.event_id <= seen:
                continue
            seen = event.event_id
            got = await _read(client, event)
            if isinstance(got, str):
                following = got
            elif isinstance(got, Index):
                yield got
            else:
                for packed in got:
                    yield packed
        token = answer.next_page_token
        if following:
            run, token, seen = following, b"", 0
        elif not token:
            if not wait:
                return
            run, token = "", b""
            await asyncio.sleep(0.2)


async def _read(client: Client, event: HistoryEvent) -> Index | list[list[Any]] | str:
    """The index a run starts with, packed rows, or the id of the following run."""
    kind = event.event_type
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        started = event.workflow_execution_started_event_attributes
        return (await client.data_converter.decode(started.input.payloads, [Index]))[0]  # type: ignore[no-any-return]
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        signaled = event.workflow_execution_signaled_event_attributes
        if signaled.signal_name == "event":
            content = (await client.data_converter.decode(signaled.input.payloads))[0]
            return list(content["rows"])
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return []


class Live:
    """A copy of every row, changed within milliseconds of the town, with subscribers."""

    def __init__(self) -> None:
        self.seq = 0
        self.ready = asyncio.Event()
        self._index: dict[str, list[Any]] = {}
        self._rows: dict[str, Row] = {}
        self._awaited: dict[tuple[str, int], asyncio.Event] = {}
        self._listeners: set[Callable[[int, Row], None]] = set()

    def rows(self) -> list[Row]:
        """All rows."""
        return list(self._rows.values())

    def get(self, kind: str, id: str) -> Row | None:
        """One row."""
        return self._rows.get(f"{kind}:{id}")

    async def seen(self, row: str, rev: int, within: float = 1.0) -> None:
        """Wait until `rev` of the row `kind:id` has arrived, at most `within` seconds."""
        if row not in self._index or self._index[row][2] < rev:
            arrived = self._awaited.setdefault((row, rev), asyncio.Event())
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await arrived.wait()
            self._awaited.pop((row, rev), None)

    def listen(self, listener: Callable[[int, Row], None]) -> Callable[[], None]:
        """Call `listener(seq, row)` at every change; gives the function that ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def take(self, change: Index | list[Any]) -> None:
        """Fold one element of `follow`."""
        if isinstance(change, Index):
            self.seq = max(self.seq, change.seq)
            for packed in change.rows.values():
                self._fold(packed)
            return
        self.seq += 1
        row = self._fold(change)
        if row is not None:
            for listener in list(self._listeners):
                listener(self.seq, row)

    def _fold(self, packed: list[Any]) -> Row | None:
        if not fold(self._index, packed):
            return None
        row = Row.unpack(packed)
        k = key(packed)
        for (awaited, rev), arrived in self._awaited.items():
            if awaited == k and row.rev >= rev:
                arrived.set()
        if row.gone:
            self._rows.pop(k, None)
        else:
            self._rows[k] = row
        return row

    async def run(self, client: Client) -> None:
        """Follow the town until cancelled."""
        target = await client.get_workflow_handle("town").query("snapshot", result_type=Index)
        while True:
            try:
                async for change in follow(client):
                    self.take(change)
                    if self.seq >= target.seq:
                        self.ready.set()
            except RPCError as e:
                log.warning("the feed was interrupted: %s", e.message)
                await asyncio.sleep(0.5)


async def snapshot(client: Client) -> list[Row]:
    """Every row, read from the town's history: needs no worker."""
    live = Live()
    async for change in follow(client, wait=False):
        live.take(change)
    return live.rows()
