"""What the hooks of agents have said to this process, in memory: most of it is no news for anybody else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from temporalio.service import RPCError

from rgt.model import messages as m
from rgt.model.care import ACTIVITIES, SHOWN
from rgt.model.rows import Row

log = logging.getLogger(__name__)

AT_ONCE = 5
WITHIN = 10.0
"""An agent's workflow is told at most so many changes in so many seconds; of more, the last one, later."""
Tell = Callable[[str, m.AgentEvent], Awaitable[None]]
"""Tells an agent's workflow."""


@dataclass
class Voice:
    """One process of one agent, as far as its hooks have spoken."""

    generation: int
    said: str
    """The last thing that its workflow was told, or is about to be told."""
    begun: bool = False
    """Whether it was started by this process, so that no other one of the agent can be meant."""
    heard: bool = False
    last: float = field(default_factory=time.monotonic)
    """When it was last heard, whatever it said."""
    told: deque[float] = field(default_factory=lambda: deque(maxlen=AT_ONCE))
    event: m.AgentEvent | None = None
    later: asyncio.Task[None] | None = None

    @property
    def word(self) -> str:
        """What it does (`ACTIVITIES`)."""
        return self.said.partition(" ")[0]

    def pause(self) -> float:
        """Seconds until its workflow may be told the next change."""
        full = len(self.told) == AT_ONCE
        return max(0.0, self.told[0] + WITHIN - time.monotonic()) if full else 0.0


class Hearing:
    """Everything that was heard of the agents of this machine since this process began."""

    def __init__(self) -> None:
        self.voices: dict[str, Voice] = {}
        """Workflow id → its present process."""
        self.printing: dict[str, str] = {}
        """Receipts of mail that live hooks were given and have perhaps not printed yet, and whose hooks they are."""
        self.claims: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Hooks of one agent are given mail one after the other."""
        self.first: Callable[[str, int], None] = lambda agent, generation: None
        """Called when an agent's process is heard for the first time."""
        self.event: Callable[[str, str], None] = lambda agent, event: None
        """Called with every event of an agent's hooks, whether it is news or not."""

    def begin(self, agent: str, generation: int) -> None:
        """A process of the agent is about to be started here; generations of another attempt begin at 1 again."""
        if (before := self.voices.get(agent)) and before.later is not None:
            before.later.cancel()
        self.voices[agent] = Voice(generation, "", begun=True)

    def voice(self, agent: str, generation: int, said: str = "") -> Voice:
        """The voice of an agent's present process; `said` is what its workflow knows of one that this process did not
        start and has not heard yet."""
        known = self.voices.get(agent)
        if known is None or (known.generation < generation and not known.begun):
            known = self.voices[agent] = Voice(generation, "" if known else said)
        return known

    def knows(self, agent: str, generation: int) -> bool:
        """Whether this process of the agent was heard here."""
        known = self.voices.get(agent)
        return known is not None and known.heard and known.generation == generation

    async def note(self, agent: str, event: m.AgentEvent, tell: Tell) -> None:
        """Tell an agent's workflow what its hooks said, when that is something new; its end is seen without them."""
        voice = self.voice(agent, event.generation)
        if voice.generation != event.generation:
            return
        if event.kind != "stuck":
            voice.heard, voice.last = True, time.monotonic()
        if event.kind == "session_end":
            return
        said = f"{ACTIVITIES[event.kind]} {event.why} {event.until}"
        if said.rstrip() == voice.said.rstrip() and event.kind != "failed":
            return
        voice.said, voice.event = said, event
        if voice.later is not None:
            return
        if pause := voice.pause():
            voice.later = asyncio.create_task(self._later(agent, voice, pause, tell))
        else:
            voice.told.append(time.monotonic())
            await tell(agent, event)

    async def _later(self, agent: str, voice: Voice, pause: float, tell: Tell) -> None:
        await asyncio.sleep(pause)
        voice.later = None
        voice.told.append(time.monotonic())
        if voice.event is not None:
            try:
                await tell(agent, voice.event)
            except RPCError as e:
                log.info("%s was not told that it is %s: %s", agent, voice.word, e.message)

    def about_to_print(self, agent: str) -> list[str]:
        """Receipts of mail that hooks of the agent were given and may still print."""
        return [receipt for receipt, whose in self.printing.items() if whose == agent]

    def hooks_gone(self, receipts: Iterable[str]) -> None:
        """These hooks are gone: whatever they did not confirm is given to others."""
        for receipt in receipts:
            self.printing.pop(receipt, None)


def doing(rows: list[Row], address: str) -> str:
    """What the workflow of an agent knows of what it does, by its row; nothing when it works."""
    found = [r.state for r in rows if r.id == address and r.kind in ("polecat", "crew")]
    return found[0] if found and found[0] in SHOWN else ""
