"""What this worker does for the agents of its machine while they live: it waits for their first sign, looks whether
they still give any, and rings those that should go on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rgt.client.handlers.hooks import said
from rgt.client.hearing import Hearing, doing
from rgt.host import nolinks, processes, sessions
from rgt.host.config import read_town
from rgt.host.runtimes import claude_state
from rgt.host.runtimes.setup import DONE, FAILED, LOG, RUNNING
from rgt.host.sessions import Session
from rgt.host.tmux import Tmux
from rgt.model.base import Model
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.messages import AgentEvent, SessionEvent
from rgt.model.operations import HookArgs
from rgt.model.rows import Row

log = logging.getLogger(__name__)

LAUNCH, READY, BELL, SPOOL = "launch.json", "ready", "bell", "spool"
"""In an agent's directory: how it was started, its first sign of life, what rings it, events that nobody took."""
MAIL = "You have mail: run `rgt mail check`, then go on."
ENDED = ("idle", "limited", "failed")
"""States in which nothing but a line of input makes an agent go on."""
SCREEN = 4000
"""Bytes of a screen that are kept as the reason of a failure."""
LOOK = 0.5
"""Seconds between two looks at a recipe that runs, or at one that is to be given its first prompt."""


class Launched(Model):
    """How an agent's process was started: what a later worker must know of it."""

    nonce: str
    generation: int
    runtime: str
    ready: Literal["file", "hook", "delay"]
    seconds: float
    mail: Literal["hook-bell", "command", "paste", "none"]
    paste: str = ""
    """To be typed into the session once it is ready."""


class Tending:
    """Looks after the agents of this machine."""

    def __init__(
        self, client: Client, home: Home, tmux: Tmux, hearing: Hearing, rows: Callable[[], Awaitable[list[Row]]]
    ) -> None:
        self.client = client
        self.home = home
        self.tmux = tmux
        self.hearing = hearing
        self.rows = rows
        self._expected: dict[str, asyncio.Task[None]] = {}
        self._since: dict[str, float] = {}
        """Nonce → when the session was seen first."""
        self._shown: dict[str, str] = {}
        """Nonce → what its runtime showed at the last look."""
        hearing.first = self._heard

    # --- the first sign of life

    def expect(self, session: Session, launched: Launched) -> None:
        """Have a session fail that does not say in time that it is up."""
        if launched.ready == "delay" and not launched.paste:
            return
        task = self._expected[session.nonce] = asyncio.create_task(self._expect(session, launched))
        task.add_done_callback(lambda _: self._expected.pop(session.nonce, None))

    async def seen(self, kind: str, session: Session) -> None:
        """The watcher saw a session: adopted ones are waited for again, dead ones that never were up say why."""
        launched = self._launched(session)
        text = ""
        if kind == "alive" and launched is not None and (launched.paste or not self._is_up(launched, session)):
            self.expect(session, launched)
        if kind == "alive":
            await self._catch_up(session)
        elif kind == "dead":
            if expected := self._expected.get(session.nonce):
                expected.cancel()
            if launched is not None and session.status and not self._is_up(launched, session):
                text = await self._why(session, f"its process ended with exit code {session.status}")
        await self._report(kind, session, text)

    async def close(self) -> None:
        """Stop waiting; the next worker goes on with it."""
        tasks = list(self._expected.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _expect(self, session: Session, launched: Launched) -> None:
        directory = self.home.agent_dir(session.agent)
        begun = time.time()
        while (left := begun + launched.seconds - time.time()) > 0:
            pause = left
            if nolinks.status(directory, RUNNING):
                begun, pause = time.time(), LOOK
            elif done := nolinks.status(directory, DONE):
                begun = max(begun, done.st_mtime)
            if launched.paste:
                if launched.ready != "delay" and self._is_up(launched, session):
                    break
                pause = LOOK
            await asyncio.sleep(min(pause, max(begun + launched.seconds - time.time(), 0.01)))
        if launched.ready == "delay" or self._is_up(launched, session):
            if launched.paste:
                told = launched.model_copy(update={"paste": ""})
                self._put(session.agent, LAUNCH, told.model_dump_json(exclude_defaults=True))
                await self.tmux.paste(session.name, launched.paste)
        elif processes.alive(session.proc):
            what = f"it did not say within {launched.seconds:g} s that it is up"
            await self._silent(session, await self._why(session, what))

    async def _silent(self, session: Session, text: str) -> None:
        pause = LOOK
        while True:
            try:
                return await self._report("silent", session, text)
            except RPCError as e:
                log.warning("telling that %s is silent failed: %s", session.name, e.message)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _report(self, kind: Any, session: Session, text: str) -> None:
        """Tell an agent's workflow what was seen of its session."""
        event = SessionEvent(
            kind=kind,
            nonce=session.nonce,
            generation=session.generation,
            pid=session.pid,
            status=session.status,
            signal=session.signal,
            text=text,
        )
        await signal_agent(self.client, session.agent, event)

    def _is_up(self, launched: Launched, session: Session) -> bool:
        try:
            return launched.nonce.encode() in nolinks.read(self.home.agent_dir(session.agent), READY)
        except OSError:
            return False

    def _heard(self, agent: str, generation: int) -> None:
        """Its hooks speak: it is up, also for a worker that comes after this one."""
        directory = self.home.agent_dir(agent)
        launched = self._read(directory)
        if launched is not None and launched.generation == generation and launched.ready == "hook":
            self._put(agent, READY, f"{launched.nonce}\n")

    async def _why(self, session: Session, what: str) -> str:
        """Why one is not up: how its recipe failed with the end of the log, else `what` with the end of its screen."""
        directory = self.home.agent_dir(session.agent)
        try:
            failed = nolinks.read(directory, FAILED, SCREEN).decode(errors="replace")
            shown = nolinks.read(directory, LOG, end=True).decode(errors="replace")
        except OSError:
            shown, failed = await self.tmux.capture(session.name, 200), ""
        lines = "\n".join(line.rstrip() for line in shown.splitlines() if line.strip())
        end = lines.encode()[-SCREEN:].decode(errors="ignore")
        return "\n".join((f"the setup recipe {failed}" if failed else what, end or "its screen is empty"))

    async def _catch_up(self, session: Session) -> None:
        """Hear what its hooks said while no worker lived: the last that says what it does counts."""
        agent, generation, last = session.agent, session.generation, None
        directory = self.home.agent_dir(agent)
        begun = nolinks.status(directory, LAUNCH)
        for name in nolinks.find(directory, f"{SPOOL}/*"):
            if name.endswith(".new"):
                continue
            with contextlib.suppress(OSError, ValueError):
                args = HookArgs.model_validate_json(nolinks.read(directory, name))
                file = nolinks.status(directory, name)
                if file and begun and file.st_mtime >= begun.st_mtime:
                    last = said(args.event, args.data, generation) or last
            with contextlib.suppress(RgtError):
                nolinks.remove(directory, name)
        if last is not None and not self.hearing.knows(agent, generation):
            self.hearing.voice(agent, generation, doing(await self.rows(), agent.partition("/")[2]))
            self._heard(agent, generation)
            await self.hearing.note(agent, last, self._tell)

    # --- later signs

    async def look(self, living: list[Session]) -> None:
        """One look at all: who is at work and has said nothing for long counts as stuck, once."""
        now = time.monotonic()
        self._since = {s.nonce: self._since.get(s.nonce, now) for s in living}
        self._shown = {nonce: shown for nonce, shown in self._shown.items() if nonce in self._since}
        if not living:
            return
        minutes = read_town(self.home).limits.stuck_minutes
        for session in living:
            await self._ask(session)
            if now - self._since[session.nonce] > minutes * 60:
                await self._look(session, minutes)

    async def _ask(self, session: Session) -> None:
        """What its runtime shows of it beside its hooks: a dialog counts at once, all else when it is seen twice."""
        agent, generation = session.agent, session.generation
        status, why = claude_state.read(self.home.agent_dir(agent), session.pid)
        before, self._shown[session.nonce] = self._shown.get(session.nonce, ""), status
        if not status or not self.hearing.knows(agent, generation):
            return
        word = self.hearing.voice(agent, generation).word
        if status == "waiting" and word != "waiting":
            event = AgentEvent(kind="waiting", generation=generation, why=why)
        elif status == before == "busy" and word in ("waiting", "idle", "limited", "failed"):
            event = AgentEvent(kind="busy", generation=generation)
        elif status == before == "idle" and word in ("", "waiting", "stuck"):
            event = AgentEvent(kind="idle", generation=generation)
        else:
            return
        await self.hearing.note(agent, event, self._tell)

    async def _look(self, session: Session, minutes: float) -> None:
        agent, generation = session.agent, session.generation
        launched = self._launched(session)
        if launched is None or launched.ready == "delay" or not self._is_up(launched, session):
            return
        if not self.hearing.knows(agent, generation):
            said = doing(await self.rows(), agent.partition("/")[2])
            self.hearing.voice(agent, generation, said).last = self._since[session.nonce]
        voice = self.hearing.voice(agent, generation)
        if voice.word == "" and time.monotonic() - voice.last > minutes * 60:
            event = AgentEvent(kind="stuck", generation=generation, why=f"silent for {minutes:g} min")
            await self.hearing.note(agent, event, self._tell)

    async def _tell(self, agent: str, event: AgentEvent) -> None:
        await self.client.get_workflow_handle(agent).signal("agent_event", event)

    async def ring(self, row: Row) -> bool:
        """Let an agent know that something waits for it; False when it cannot be reached now.

        Its bell makes its hooks ask for it; what has no bell is told by typing while its turn has ended."""
        session = await sessions.find(self.tmux, row.id)
        launched = self._launched(session) if session is not None and session.alive else None
        if session is None or launched is None:
            return False
        if launched.mail == "hook-bell":
            return self._put(session.agent, BELL, f"{time.time_ns()}\n")
        if launched.mail == "paste" and row.state in ENDED:
            await self.tmux.paste(session.name, MAIL)
            return True
        return False

    # --- how it was started

    def launched(self, agent: str, launched: Launched) -> None:
        """Note how an agent is about to be started; a start that is tried again has left its signs already."""
        directory = self.home.agent_dir(agent)
        before = self._read(directory)
        if before is None or before.nonce != launched.nonce:
            for sign in (READY, RUNNING, FAILED):
                nolinks.remove(directory, sign)
            nolinks.write(directory, LAUNCH, launched.model_dump_json(exclude_defaults=True))
            self.hearing.begin(agent, launched.generation)

    def _put(self, agent: str, name: str, text: str) -> bool:
        """Write in the directory of an agent that lives; False when it has seen to it that nobody can."""
        try:
            nolinks.write(self.home.agent_dir(agent), name, text, watched=name == BELL)
        except RgtError as e:
            log.warning("%s: %s", agent, e.message)
            return False
        return True

    def _launched(self, session: Session) -> Launched | None:
        launched = self._read(self.home.agent_dir(session.agent))
        return launched if launched is not None and launched.nonce == session.nonce else None

    @staticmethod
    def _read(directory: Path) -> Launched | None:
        try:
            return Launched.model_validate_json(nolinks.read(directory, LAUNCH))
        except (OSError, ValidationError):
            return None


async def signal_agent(client: Client, agent: str, event: SessionEvent) -> None:
    """Tell an agent's workflow, if it is open, what was seen of its session."""
    try:
        await client.get_workflow_handle(agent).signal("session_event", event)
    except RPCError as e:
        if e.status != RPCStatusCode.NOT_FOUND:
            raise
        log.info("%s has ended already", agent)
