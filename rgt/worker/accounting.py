"""What the agents of this machine use: read from their transcripts, told to the mayor and to the agents' workflows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rgt.client.feed import Live
from rgt.client.reach import workflow_of
from rgt.host import transcripts
from rgt.host.prices import prices_in_force
from rgt.host.sessions import Session
from rgt.host.transcripts import Book
from rgt.model.costs import NOTHING
from rgt.model.home import Home
from rgt.model.rows import Row
from rgt.model.spending import Spent, Used

log = logging.getLogger(__name__)
ENDS = ("Stop", "StopFailure", "SessionEnd", "PreCompact")
"""Events after which an agent's transcripts are read."""
DURING = ("PostToolUse", "PostToolUseFailure")
"""Events in a turn, which may last for hours."""
EVERY = 60.0
"""Seconds between two readings in a turn: how late a budget that is spent may be noticed."""
PAUSE = 0.3
"""Seconds that a runtime may take to write what it has just said."""
AGAIN = 5.0
"""Seconds until what the town could not be told is told again."""


class Accounting:
    """Keeps the account books of the agents of this machine. Whatever happens to it in between, totals are told again
    until they were heard; hooks do not wait for it."""

    def __init__(self, client: Client, home: Home) -> None:
        self.client = client
        self.home = home
        self._read: dict[str, float] = {}
        self._due: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._items: dict[str, str] = {}
        """What crew have on their hooks."""
        self._moving: set[asyncio.Task[None]] = set()
        self._leave: Callable[[], object] = lambda: None

    def open(self, live: Live) -> None:
        """Count what was used while no worker lived, and follow what crew have on their hooks."""
        for agent in transcripts.books(self.home.agents):
            self.soon(agent)
        self._leave = live.listen(lambda _, row: self._changed(row))
        for row in live.rows():
            self._changed(row)

    async def close(self) -> None:
        """Stop; the next worker goes on with it."""
        self._leave()
        tasks = [*self._due.values(), *self._moving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self, agent: str, item: str, pattern: str, *, new: bool = False) -> None:
        """A process of the agent is about to be started for an item: what was used before was for the one before.

        `new`: a crew member of this name that there was before was somebody else."""
        if pattern:
            async with self._lock(agent):
                await asyncio.to_thread(self._turn, agent, item, pattern, new)
            self._read.pop(agent, None)

    def heard(self, agent: str, event: str) -> None:
        """A hook of the agent has said something."""
        if event in ENDS or (event in DURING and time.monotonic() - self._read.get(agent, -EVERY) >= EVERY):
            self.soon(agent)

    def seen(self, kind: str, session: Session) -> None:
        """The watcher saw a session: adopted ones may have used something meanwhile, dead ones use nothing more."""
        self.soon(session.agent)

    def soon(self, agent: str) -> None:
        """Read in a moment what the agent has used."""
        if agent in self._due:
            self._again.add(agent)
            return
        self._read[agent] = time.monotonic()
        self._due[agent] = asyncio.create_task(self._until_told(agent))

    async def _until_told(self, agent: str) -> None:
        try:
            await self._looks(agent)
        finally:
            self._due.pop(agent, None)

    async def _looks(self, agent: str) -> None:
        pause = PAUSE
        while True:
            await asyncio.sleep(pause)
            self._again.discard(agent)
            try:
                await self.look(agent)
            except RPCError as e:
                log.info("what %s has used could not be told: %s", agent, e.message)
                pause = AGAIN
            except Exception:
                log.exception("what %s has used could not be read", agent)
                return
            else:
                if agent not in self._again:
                    return
                pause = PAUSE

    async def look(self, agent: str) -> None:
        """Read what the agent has used, and tell what is new."""
        async with self._lock(agent):
            book = await asyncio.to_thread(self._count, agent)
            if book is not None:
                await self._tell(agent, book)

    async def _tell(self, agent: str, book: Book) -> None:
        lines, used = book.news(agent), book.used
        if not lines and used == book.used_told:
            return
        if lines:
            await self.client.get_workflow_handle("mayor").signal("spent", Spent(lines=lines))
        if used != book.used_told:
            try:
                await self.client.get_workflow_handle(agent).signal("spent", Used(book=book.id, amount=used))
            except RPCError as e:
                if e.status != RPCStatusCode.NOT_FOUND:
                    raise
        book.was_told(lines, used)
        await asyncio.to_thread(transcripts.save_book, self.home.agent_dir(agent), book)

    def _count(self, agent: str) -> Book | None:
        directory = self.home.agent_dir(agent)
        book = transcripts.find_book(directory)
        if book is not None and transcripts.read(directory, book, prices_in_force(self.home).price):
            transcripts.save_book(directory, book)
        return book

    def _turn(self, agent: str, item: str, pattern: str, new: bool) -> None:
        directory = self.home.agent_dir(agent)
        book = transcripts.open_book(directory, pattern)
        transcripts.read(directory, book, prices_in_force(self.home).price)
        if new or (item != book.item and agent.startswith("polecat/")):
            book.used = list(NOTHING)
        # The workflow of another attempt has not heard of it yet.
        book.item, book.used_told = item, list(NOTHING)
        transcripts.save_book(directory, book)

    def _move(self, agent: str, item: str) -> None:
        directory = self.home.agent_dir(agent)
        book = transcripts.find_book(directory)
        if book is not None and book.item != item:
            transcripts.read(directory, book, prices_in_force(self.home).price)
            book.item = item
            transcripts.save_book(directory, book)

    def _changed(self, row: Row) -> None:
        """A crew member may have got another item in the middle of a session."""
        agent = workflow_of(row)
        if row.kind == "crew" and not row.gone and self._items.get(agent) != row.item:
            self._items[agent] = row.item
            task = asyncio.create_task(self._move_on(agent, row.item))
            self._moving.add(task)
            task.add_done_callback(self._moving.discard)

    async def _move_on(self, agent: str, item: str) -> None:
        async with self._lock(agent):
            await asyncio.to_thread(self._move, agent, item)
        self.soon(agent)

    def _lock(self, agent: str) -> asyncio.Lock:
        return self._locks.setdefault(agent, asyncio.Lock())
