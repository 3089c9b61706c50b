"""A rig: which items wait for a polecat, which polecats live, what may start next."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.budgets import Held
from rgt.model.config import RigConfig
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.refs import work_branch
from rgt.model.rows import Row
from rgt.model.times import epoch

STEP = 8
"""Agent places are asked of the host in steps of so many."""
NAMES = (
    "nux furiosa toast capable dag cheedo slit ace rictus valkyrie keeper splendid angharad max goose jessie fifi "
    "toecutter bubba johnny wez lord gyro papagallo feral warrior zetta aunty blaster master savannah scrooloose "
    "gekko tubba finn cusha anna pigkiller ironbar quince dealer coma doof corpus organic miss giddy morsov dementus "
    "jabassa jack octoboss stitch history vulture mortiflyer smeg fang charlie roop scuttle clunk mudguts sundance "
    "benno sarse starbuck labatouche grease rat clara diabando barry nightrider"
).split()
"""Names of polecats, in the order in which they are given out; after them `p1`, `p2`, …"""


class Waiting(Model):
    """An item that waits for a polecat."""

    item: str
    attempt: int
    title: str = ""
    priority: str = "p2"
    rejected: bool = False
    runtime: str = ""
    since: str = ""
    deaths: int = 0


class Live(Model):
    """A polecat that has been started and has not ended."""

    item: str
    attempt: int


class Admission(Model):
    """What `admit` decides from."""

    waiting: list[Waiting]
    places: int
    names: dict[str, str] = Field(default_factory=dict)
    taken: list[str] = Field(default_factory=list)


class Start(Model):
    """Who starts now, and under which name."""

    item: str
    name: str


def admit(a: Admission) -> list[Start]:
    """Who starts now: priority first, then the longest waiting, as many as there are places.

    An item that had a name keeps it, since its worktree is there."""
    taken = set(a.taken)
    start: list[Start] = []
    for waiting in sorted(a.waiting, key=lambda w: (w.priority, w.since))[: max(a.places, 0)]:
        name = a.names.get(waiting.item) or free_name(taken)
        taken.add(name)
        start.append(Start(item=waiting.item, name=name))
    return start


class Rig(Entity):
    """State of one rig's workflow."""

    name: str
    host: str
    config: RigConfig
    state: Literal["founding", "open", "parked", "docked", "down", "failed", "removed"] = "founding"
    before_down: Literal["open", "parked", "docked"] = "open"
    queue: list[Waiting] = Field(default_factory=list)
    live: dict[str, Live] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    """item → name whose worktree holds it, from its first attempt until it is merged or closed."""
    stopping: list[str] = Field(default_factory=list)
    release: list[str] = Field(default_factory=list)
    """Items whose worktree may be recycled as soon as their polecat has ended."""
    crew: list[str] = Field(default_factory=list)
    room: int = 0
    asked: int = 0
    error: dict[str, Any] | None = None
    mistake: str = ""
    """What is wrong in rig.toml."""
    held: str = ""
    """Why no new work begins: a budget is spent."""

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"rig/{self.name}"

    @property
    def source(self) -> str:
        """The rig's own path, or the URL of its remote."""
        return self.config.source.path or self.config.source.git_url or ""

    def row(self) -> Row:
        alert = self.mistake
        if not alert and self.state == "open" and not self.config.gates and not self.config.no_gates:
            alert = "no gates: work runs, landings are held"
        if not alert and self.held and self.queue:
            alert = self.held
        return Row(
            kind="rig",
            id=self.name,
            rev=self.rev,
            state=self.state,
            title=self.config.target,
            rig=self.name,
            attempt=len(self.queue),
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            alert=alert,
            gone=self.state in ("failed", "removed"),
        )

    # --- life

    def founded(self, config: RigConfig) -> None:
        """The hub stands."""
        self.config, self.state = config, "open"
        self.tell("boot", "register", m.RigName(rig=self.name, host=self.host))
        self.tell("mayor", "rig_opened", m.RigName(rig=self.name))
        self.changed()

    def founding_error(self) -> RgtError | None:
        """Why the rig could not be founded."""
        return RgtError.from_dict(self.error) if self.error else None

    def failed(self, error: RgtError) -> None:
        """The hub could not be made."""
        self.error, self.state = error.as_dict(), "failed"
        self.changed()

    def remove(self, c: m.Empty) -> None:
        """Leave the town; its repository and all saved work are kept aside."""
        if self.live or self.queue or self.crew:
            busy = ", ".join([*self.live, *(w.item for w in self.queue), *self.crew][:5])
            raise RgtError("refused", f"rig {self.name} still has {busy}", "unsling or finish them, remove its crew")
        self.state = "removed"
        for part in ("witness", "refinery"):
            self.tell(f"{part}/{self.name}", "end", m.Empty())
        self.tell("boot", "forget", m.RigName(rig=self.name, host=self.host))
        self.tell("mayor", "rig_closed", m.RigName(rig=self.name))
        self.changed()

    def park(self, c: m.Empty) -> None:
        """No new work; what runs finishes."""
        self._shift("parked", ("open",), "only an open rig can be parked")

    def unpark(self, c: m.Empty) -> None:
        """New work again."""
        self._shift("open", ("parked",), "it is not parked")

    def dock(self, c: m.Empty) -> None:
        """Out of service: no new work until it is undocked."""
        self._shift("docked", ("open", "parked"), "it cannot be docked")

    def undock(self, c: m.Empty) -> None:
        """In service again."""
        self._shift("open", ("docked",), "it is not docked")

    def _shift(self, to: Literal["open", "parked", "docked"], allowed: tuple[str, ...], why: str) -> None:
        if self.state == to:
            return
        if self.state not in allowed:
            raise RgtError("refused", f"rig {self.name} is {self.state}: {why}", "see `rgt rig list`")
        self.state = to
        self.changed()

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep: dispatch waits, polecats save their work and end."""
        if self.state in ("open", "parked", "docked"):
            self.before_down, self.state = self.state, "down"
            self._to_all("down")
            self.changed()

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        if self.state == "down":
            self.state = self.before_down
            self._to_all("up")
            self.changed()

    def _to_all(self, signal: str) -> None:
        for name in self.live:
            self.tell(f"polecat/{self.name}/{name}", signal, m.Empty())
        self.tell(f"refinery/{self.name}", signal, m.Empty())
        self.tell(f"witness/{self.name}", signal, m.Empty())

    def reconfigure(self, c: m.RigChanged) -> None:
        """rig.toml was read; with a mistake in it the old configuration stays and the mistake is shown."""
        if c.error != self.mistake:
            self.mistake = c.error
            self.changed()
        if c.error:
            return
        config = RigConfig.model_validate(c.config)
        if config == self.config:
            return
        self.config = config
        self.tell(f"refinery/{self.name}", "reconfigure", m.RefineryConfig(config=self.refinery_start()))
        self.ask()
        self.changed()

    def refinery_start(self) -> m.RefineryStart:
        """What the refinery needs to know."""
        return m.RefineryStart(
            rig=self.name,
            host=self.host,
            target=self.config.target,
            strategy=self.config.strategy,
            landing=self.config.landing,
            source=self.source,
            max_attempts=self.config.max_attempts,
            gates=self.config.gate_specs(),
            no_gates=self.config.no_gates,
            matchers=self.config.matcher_tables(),
        )

    # --- dispatch

    def wanted(self, c: m.Wanted) -> None:
        """An item wants a polecat."""
        if any(w.item == c.item and w.attempt >= c.attempt for w in self.queue):
            return
        if any(p.item == c.item and p.attempt >= c.attempt for p in self.live.values()):
            return
        self.queue = [w for w in self.queue if w.item != c.item]
        self.queue.append(Waiting.model_validate(c.model_dump(exclude={"op_id", "sender", "seq"})))
        if c.item in self.release:
            self.release.remove(c.item)
        self.ask()
        if not self.may_admit:
            self.changed()

    def withdrawn(self, c: m.Withdrawn) -> None:
        """An item needs no polecat any more."""
        self.queue = [w for w in self.queue if w.item != c.item]
        for name, live in self.live.items():
            if live.item == c.item and name not in self.stopping:
                self.stopping.append(name)
                stop = m.Stop(item=c.item, attempt=live.attempt, released=c.released)
                self.tell(f"polecat/{self.name}/{name}", "stop", stop)
        if c.released and c.item in self.names and c.item not in self.release:
            self.release.append(c.item)
        self.changed()

    def granted(self, c: m.Room) -> None:
        """The host lends this many places."""
        self.room = c.total

    def hold(self, c: Held) -> None:
        """The mayor says that a budget is spent, or that there is room again."""
        self.held = c.text
        self.changed()

    def ask(self) -> None:
        """Ask the host for at least one place more than is needed, so that the next sling need not wait for an answer.

        In steps, so that an ordinary sling asks nothing at all."""
        needed = len(self.live) + len(self.queue) + 1
        want = min(-(-needed // STEP) * STEP, self.config.max_polecats)
        if want != self.asked:
            self.asked = want
            self.tell(f"host/{self.host}", "room_wanted", m.RoomWanted(rig=self.name, total=want))

    @property
    def may_admit(self) -> bool:
        """Whether there is a place and somebody who could take it."""
        return self.state == "open" and not self.held and self._places() > 0 and bool(self._waiting())

    def _places(self) -> int:
        return min(self.room, self.config.max_polecats) - len(self.live)

    def _waiting(self) -> list[Waiting]:
        busy = {p.item for p in self.live.values()}
        return [w for w in self.queue if w.item not in busy]

    def admission(self) -> Admission:
        """What the decision about who starts next needs to know."""
        return Admission(
            waiting=self._waiting(),
            places=self._places(),
            names=self.names,
            taken=sorted({*self.live, *self.names.values(), *self.crew}),
        )

    def started(self, name: str, item: str) -> m.PolecatStart | None:
        """A polecat begins: it leaves the queue and takes its place. None when the item was withdrawn meanwhile."""
        waiting = next((w for w in self.queue if w.item == item), None)
        if waiting is None or self.state != "open" or self.held:
            return None
        self.queue = [w for w in self.queue if w.item != waiting.item]
        self.live[name] = Live(item=waiting.item, attempt=waiting.attempt)
        self.names[waiting.item] = name
        self.ask()
        self.changed()
        return m.PolecatStart(
            rig=self.name,
            name=name,
            item=waiting.item,
            attempt=waiting.attempt,
            host=self.host,
            title=waiting.title,
            target=self.config.target,
            branch=work_branch(name, waiting.item),
            rejected=waiting.rejected,
            deaths=waiting.deaths,
            runtime=waiting.runtime,
            source=self.source,
            setup_copy=self.config.setup.copy_files,
            setup_run=self.config.setup.run,
            setup_ports=self.config.setup.ports,
        )

    def ended(self, c: m.Ended) -> None:
        """A polecat's attempt is over."""
        live = self.live.get(c.name)
        if live is None or live.item != c.item or live.attempt != c.attempt:
            return
        del self.live[c.name]
        if c.name in self.stopping:
            self.stopping.remove(c.name)
        if c.unused:
            self.names.pop(c.item, None)
        self.ask()
        self.changed()

    def releasable(self) -> list[tuple[str, str]]:
        """(item, name) of worktrees that may be recycled now."""
        return [(i, self.names[i]) for i in self.release if i in self.names and self.names[i] not in self.live]

    def released(self, item: str) -> None:
        """The worktree is in the pool again and the name is free."""
        self.release = [i for i in self.release if i != item]
        self.names.pop(item, None)

    def keep_worktree(self, item: str, why: str) -> None:
        """The worktree could not be saved, so it stays."""
        self.release = [i for i in self.release if i != item]
        self.fault(f"the worktree of {item} is kept: {why}")

    def postpone(self, begin: m.PolecatStart) -> None:
        """A polecat could not begin under this name: its item waits on, the name stays taken by whoever has it."""
        del self.live[begin.name]
        self.names.pop(begin.item, None)
        self.crew.append(begin.name)
        waiting = Waiting.model_validate(begin.model_dump(include=set(Waiting.model_fields)))
        self.queue.append(waiting)

    # --- crew

    def join(self, c: m.Assigned) -> None:
        """A crew member joins; polecats and crew share one namespace. `item` carries the name."""
        if c.item in self.crew or c.item in self.names.values() or c.item in self.live:
            raise RgtError("exists", f"{self.name}/{c.item} exists", "choose another name")
        self.crew.append(c.item)
        self.changed()

    def leave(self, c: m.Assigned) -> None:
        """A crew member leaves."""
        self.crew = [n for n in self.crew if n != c.item]
        self.changed()


def free_name(taken: set[str]) -> str:
    """The first name that nobody has."""
    for name in NAMES:
        if name not in taken:
            return name
    number = 1
    while f"p{number}" in taken:
        number += 1
    return f"p{number}"
