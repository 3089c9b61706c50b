"""Who takes which message: holds what one model tells against what another can hear."""

from __future__ import annotations

import typing
from collections.abc import Iterable

from rgt.model.agents import Crew, Polecat, Witness
from rgt.model.entity import Entity
from rgt.model.messages import Message, Tell
from rgt.model.refinery import Refinery
from rgt.model.rig import Rig
from rgt.model.town import Boot, Host, Mayor
from rgt.model.work import Work

RECEIVERS: dict[str, type[Entity]] = {
    "agent": Crew,
    "boot": Boot,
    "host": Host,
    "mayor": Mayor,
    "polecat": Polecat,
    "refinery": Refinery,
    "rig": Rig,
    "witness": Witness,
    "work": Work,
}


def opened(tell: Tell) -> Message:
    """The message in a `Tell`, as its receiver's model takes it; fails when there is no such receiver or message."""
    method = getattr(RECEIVERS[tell.to.partition("/")[0]], tell.signal)
    kind = typing.get_type_hints(method)["c"]
    message = kind.model_validate(tell.payload)
    assert isinstance(message, Message)
    return message


def told(entity: Entity, to: str = "", signal: str = "") -> list[Message]:
    """The messages in the outbox of `entity`, those to one receiver or of one kind."""
    tells: Iterable[Tell] = (t for t in entity.outbox if t.to.startswith(to) and signal in ("", t.signal))
    return [opened(t) for t in tells]
