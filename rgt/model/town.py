"""The town itself: its index of rows, its hosts, boot and the mayor."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.budgets import BudgetDefaults
from rgt.model.entity import Entity
from rgt.model.mail import Mailbox, Mailed
from rgt.model.rows import Row, fold
from rgt.model.times import epoch
from rgt.model.treasury import Treasury


class Index(Model):
    """State of the town's workflow: every row, and the number of the last change."""

    rows: dict[str, list[Any]] = Field(default_factory=dict)
    seq: int = 0
    home: str = ""

    def event(self, packed: list[Any]) -> None:
        """One change."""
        self.seq += 1
        fold(self.rows, packed)


class Host(Entity):
    """State of one machine: how many agents and gate runs it bears and who has them."""

    name: str
    agents: int = 30
    slots: int = 2
    lost: bool = False
    room: dict[str, int] = Field(default_factory=dict)
    gates: dict[str, int] = Field(default_factory=dict)
    wanted: dict[str, int] = Field(default_factory=dict)
    wanted_slots: dict[str, int] = Field(default_factory=dict)

    def row(self) -> Row:
        return Row(
            kind="host",
            id=self.name,
            rev=self.rev,
            state="lost" if self.lost else "up",
            attempt=self.agents,
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
        )

    def resize(self, c: m.HostName) -> None:
        """The configuration of the host changed."""
        if (self.agents, self.slots) != (c.agents, c.slots):
            self.agents, self.slots = c.agents, c.slots
            self.changed()
        self._lend(self.wanted, self.room, self.agents, "rig", "granted", m.Room)
        self._lend_slots()

    def room_wanted(self, c: m.RoomWanted) -> None:
        """A rig wants so many agent places in all."""
        self.wanted[c.rig] = c.total
        self._lend(self.wanted, self.room, self.agents, "rig", "granted", m.Room)

    def slot_wanted(self, c: m.SlotWanted) -> None:
        """A refinery wants so many gate slots in all."""
        self.wanted_slots[c.rig] = c.total
        self._lend_slots()

    def _lend_slots(self) -> None:
        # A refinery keeps its slot also while it has nothing to test, so nobody may be left without one.
        total = max(self.slots, len(self.wanted_slots))
        self._lend(self.wanted_slots, self.gates, total, "refinery", "granted", m.Slot)

    def _lend(
        self, wanted: dict[str, int], lent: dict[str, int], total: int, kind: str, signal: str, message: type[Any]
    ) -> None:
        for rig, amount in lend(wanted, total).items():
            if lent.get(rig) != amount:
                lent[rig] = amount
                self.tell(f"{kind}/{rig}", signal, message(total=amount))
        for rig in [r for r in lent if r not in wanted]:
            del lent[rig]

    def forget(self, c: m.RigName) -> None:
        """A rig is gone."""
        self.wanted.pop(c.rig, None)
        self.wanted_slots.pop(c.rig, None)
        self._lend(self.wanted, self.room, self.agents, "rig", "granted", m.Room)
        self._lend_slots()


def lend(wanted: dict[str, int], total: int) -> dict[str, int]:
    """Fair shares of `total` places: one each in turn to whoever still wants more."""
    shares = dict.fromkeys(wanted, 0)
    while total > 0:
        hungry = [rig for rig in sorted(wanted) if shares[rig] < wanted[rig]]
        if not hungry:
            break
        for rig in hungry[:total]:
            shares[rig] += 1
        total -= min(len(hungry), total)
    return shares


class Boot(Entity):
    """State of boot: what must be open in this town, and whether the town sleeps."""

    rigs: dict[str, str] = Field(default_factory=dict)
    """rig → host"""
    hosts: list[str] = Field(default_factory=list)
    crew: list[str] = Field(default_factory=list)
    """Workflow ids of crew members."""
    state: Literal["up", "down"] = "up"

    def row(self) -> Row:
        return Row(
            kind="boot",
            id="boot",
            rev=self.rev,
            state=self.state,
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
        )

    def register(self, c: m.RigName) -> None:
        """A rig belongs to the town from now on."""
        self.rigs[c.rig] = c.host

    def forget(self, c: m.RigName) -> None:
        """A rig has left the town."""
        self.rigs.pop(c.rig, None)
        self.crew = [a for a in self.crew if not a.startswith(f"agent/{c.rig}/")]
        self.tell(f"host/{c.host}", "forget", c)

    def hire(self, c: m.Assigned) -> None:
        """A crew member belongs to the town; `item` carries its workflow id."""
        if c.item not in self.crew:
            self.crew.append(c.item)

    def dismiss(self, c: m.Assigned) -> None:
        """A crew member has left."""
        self.crew = [a for a in self.crew if a != c.item]

    def back(self, c: m.HostName) -> None:
        """A host has come up."""
        if c.host not in self.hosts:
            self.hosts.append(c.host)

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep."""
        if self.state == "up":
            self.state = "down"
            self._all("down")
            self.changed()

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        if self.state == "down":
            self.state = "up"
            self._all("up")
            self.changed()

    def _all(self, signal: str) -> None:
        self.tell("mayor", signal, m.Empty())
        for rig in self.rigs:
            self.tell(f"rig/{rig}", signal, m.Empty())
        for agent in self.crew:
            self.tell(agent, signal, m.Empty())


class Mayor(Mailed, Treasury):
    """State of the mayor: alerts it was given, its mail, and that of people, the ledger and the budgets. Its model
    session starts when it is first needed."""

    state: Literal["idle", "down"] = "idle"
    alerts: dict[str, m.Alert] = Field(default_factory=dict)
    desk: Mailbox = Field(default_factory=Mailbox)
    """Letters to the person whose town this is."""

    def post(self, c: m.Mail) -> dict[str, Any]:
        """Somebody writes to the person."""
        letter = self.desk.put(c, self.updated_at)
        self._on_desk()
        return {"number": letter.number}

    def desk_read(self, c: m.MailRead) -> dict[str, Any]:
        """The person has looked at letters."""
        found = self.desk.read(c.numbers)
        self._on_desk()
        return {"letters": [x.model_dump(mode="json") for x in found]}

    def _on_desk(self) -> None:
        letters = self.desk.waiting()
        text = f"mail from {letters[-1].sender}: {letters[-1].subject or letters[-1].text}" if letters else ""
        self.alert(m.Alert(key="desk", text=text, command="rgt mail inbox"))

    def row(self) -> Row:
        newest = next(reversed(self.alerts.values())) if self.alerts else None
        today = self.spent_today()
        return Row(
            kind="mayor",
            id="mayor",
            rev=self.rev,
            state=self.state,
            attempt=len(self.alerts),
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            mail=self.mail_count,
            alert=newest.text if newest else "",
            cost=today.micro // 1000,
            tokens=today.tokens,
        )

    def budget_defaults(self, c: BudgetDefaults) -> None:
        """The files of the configuration were read."""
        super().budget_defaults(c)
        known = self.alerts.get("config")
        if c.mistake != (known.text if known else ""):
            self.alert(m.Alert(key="config", text=c.mistake, command="rgt config edit"))

    def alert(self, c: m.Alert) -> None:
        """A fault begins or ends; one alert per key."""
        if c.text:
            self.alerts[c.key] = c
        else:
            self.alerts.pop(c.key, None)
        self.changed()

    def down(self, c: m.Empty) -> None:
        """The town goes to sleep."""
        self.state = "down"
        self.changed()

    def up(self, c: m.Empty) -> None:
        """The town wakes."""
        self.state = "idle"
        self.changed()
