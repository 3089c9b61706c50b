"""Deaths of agents: seen within milliseconds through pidfds, with a look at tmux every few seconds as the net below."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

from rgt.host import processes, sessions
from rgt.host.processes import Proc
from rgt.host.sessions import Session
from rgt.host.tmux import Tmux

log = logging.getLogger(__name__)

OnEvent = Callable[[str, Session], Awaitable[None]]
"""Gets a word and the session, and is called again until it does not raise: `alive` (found by `adopt`), `dead` (its
process ended inside a session that stands) or `gone` (tmux has no such session any more)."""
OnLook = Callable[[list[Session]], Awaitable[None]]
"""Gets the sessions that live, at every look at tmux."""
STATUS_WAIT = 0.3
"""Seconds to wait for tmux to know how a dead process ended."""
REMEMBERED = 4096
"""Deaths told that are remembered, so that none is told twice."""


@dataclass
class Watched:
    """A session that lives as far as we know, and the pidfd on its process."""

    session: Session
    fd: int | None = None


class Watcher:
    """Watches sessions of one tmux server and tells each death once.

    When the tmux server itself dies, agents that ignore its hang-up are ended before their death is told, so that a
    new start never meets the old process. A receiver that fails is called again with growing pauses of up to 5 s; the
    other sessions do not wait for it.
    """

    def __init__(self, tmux: Tmux, on_event: OnEvent, net: float = 5.0, on_look: OnLook | None = None) -> None:
        self._tmux = tmux
        self._on_event = on_event
        self._on_look = on_look
        self._net = net if hasattr(os, "pidfd_open") else min(net, 1.0)
        self._watched: dict[str, Watched] = {}
        self._dying: dict[str, tuple[Session, float]] = {}
        self._told: dict[str, None] = {}
        self.server: Proc | None = None
        """The tmux server, once it is watched."""
        self._server_fd: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._examiner: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def watch(self, session: Session) -> None:
        """Watch a session from now on; one that is watched or told dead already is left as it is."""
        nonce = session.nonce
        if nonce in self._watched or nonce in self._dying or nonce in self._told:
            return
        entry = self._watched[nonce] = Watched(session)
        entry.fd = processes.open_pidfd(session.proc, lambda: self._died(nonce))
        if not processes.alive(session.proc):
            self._died(nonce)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep_for_ever())
        if self.server is None:
            self._wake.set()

    def unwatch(self, session: Session) -> None:
        """Tell nothing more about this session, for one that is about to be ended on purpose."""
        self._remember(session.nonce)
        self._dying.pop(session.nonce, None)
        if entry := self._watched.pop(session.nonce, None):
            processes.close_pidfd(entry.fd)

    async def adopt(self) -> list[Session]:
        """Take over the sessions that are there: each is told as `alive` or `dead`, the living are watched."""
        found = await sessions.list_sessions(self._tmux)
        for session in found:
            if session.alive:
                self.watch(session)
                self._spawn(self._tell("alive", session))
            elif session.nonce not in self._told:
                self._ended(session)
        return found

    async def close(self) -> None:
        """Stop watching; what is not told yet is found again by the next `adopt`."""
        tasks = [*self._tasks, *(t for t in (self._sweeper, self._examiner) if t)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for entry in self._watched.values():
            processes.close_pidfd(entry.fd)
        self._watched.clear()
        processes.close_pidfd(self._server_fd)
        self._server_fd = None

    def _died(self, nonce: str) -> None:
        entry = self._watched.pop(nonce, None)
        if entry is None:
            return
        processes.close_pidfd(entry.fd)
        self._ended(entry.session)

    def _ended(self, session: Session) -> None:
        """Ask tmux how it ended, once for all that die together, then tell."""
        self._dying[session.nonce] = (session, time.monotonic() + STATUS_WAIT)
        if self._examiner is None or self._examiner.done():
            self._examiner = asyncio.create_task(self._examine())

    async def _examine(self) -> None:
        pause = 0.005
        while self._dying:
            known: dict[str, Session] | None = None
            with suppress(Exception):
                known = {s.nonce: s for s in await sessions.list_sessions(self._tmux)}
            for nonce, (session, deadline) in list(self._dying.items()):
                gone = known is not None and nonce not in known
                now = (known or {}).get(nonce, session)
                settled = now.status is not None or now.signal is not None or gone
                if settled or time.monotonic() > deadline:
                    del self._dying[nonce]
                    end = {"alive": False, "status": now.status, "signal": now.signal}
                    self._remember(nonce)
                    self._spawn(self._tell("gone" if gone else "dead", session.model_copy(update=end)))
            if self._dying:
                await self._follow_server()
                self._signal_server(signal.SIGCHLD)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    async def _sweep_for_ever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._sweep()
            except Exception:
                log.exception("the look at the sessions on %s failed", self._tmux.socket)
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the result.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._net):
                    await self._wake.wait()

    async def _sweep(self) -> None:
        before = dict(self._watched)
        await self._follow_server()
        there = {s.nonce: s for s in await sessions.list_sessions(self._tmux)}
        if not there and before and self.server and processes.alive(self.server):
            # Somebody cleaned /tmp: at this signal the server makes its socket anew.
            self._signal_server(signal.SIGUSR1)
            return
        lost = [entry.session for nonce, entry in before.items() if nonce in self._watched and nonce not in there]
        await asyncio.gather(*(processes.end(s.proc, 1.0, {"GTR_NONCE": s.nonce}) for s in lost))
        for nonce in before:
            if nonce not in there or not there[nonce].alive:
                self._died(nonce)
        if self._on_look is not None:
            await self._on_look([entry.session for entry in self._watched.values()])

    async def _follow_server(self) -> None:
        """Have the death of the tmux server wake the sweep."""
        if self.server and processes.alive(self.server):
            return
        pid = await self._tmux.server_pid()
        processes.close_pidfd(self._server_fd)
        self.server = processes.identify(pid) if pid else None
        self._server_fd = processes.open_pidfd(self.server, self._server_died) if self.server else None

    def _signal_server(self, number: signal.Signals) -> None:
        """SIGCHLD makes tmux look at its children: 3.3a misses the death of one in ten until another one dies."""
        if self.server and processes.alive(self.server):
            with suppress(ProcessLookupError):
                os.kill(self.server.pid, number)

    def _server_died(self) -> None:
        processes.close_pidfd(self._server_fd)
        self._server_fd = None
        self._wake.set()

    async def _tell(self, kind: str, session: Session) -> None:
        pause = 0.1
        while True:
            try:
                return await self._on_event(kind, session)
            except Exception as e:
                log.warning("telling that %s is %s failed, once more in %.1f s: %s", session.name, kind, pause, e)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _remember(self, nonce: str) -> None:
        self._told[nonce] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
