"""How the connection to the town is and what is in the town, for status lines: two notifications of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rgt.lsp.registry import PREFIX, Command, add
from rgt.lsp.town import Health
from rgt.model.operations import None_

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

STATUS = "rgt/serverStatus"
CHANGED = "rgt/townChanged"


def register(server: RgtServer) -> None:
    """Tell every change to an editor that listens."""

    told = ""

    def say() -> None:
        nonlocal told
        told = server.town.health.health
        server.protocol.notify(STATUS, as_dict(server))

    async def later() -> None:
        say()

    def felt(health: Health) -> None:
        # Better or worse is said at once, other numbers with what else has changed.
        if health.health != told:
            say()
        else:
            server.stale.mark(STATUS)

    async def changed() -> None:
        server.protocol.notify(CHANGED, {"version": server.town.version, "counts": server.town.counts()})

    async def asked(args: None_) -> dict[str, Any]:
        town = server.town
        # A change may be told before this answer is on its way: who listens is told once more how it is.
        server.stale.mark(STATUS)
        return {**as_dict(server), "version": town.version, "counts": town.counts(), "home": str(server.home.root)}

    add(server, Command(f"{PREFIX}status", "How the connection to the town is", None_, asked))
    if server.editor.hears("serverStatus"):
        server.stale.tell(STATUS, later)
        server.town.on_health(felt)
    if server.editor.hears("townChanged"):
        server.stale.tell(CHANGED, changed)
        server.town.on_change(lambda rows: server.stale.mark(CHANGED))


def as_dict(server: RgtServer) -> dict[str, Any]:
    """The parameters of `rgt/serverStatus`."""
    health = server.town.health
    told = {"health": health.health, "message": health.message, "town": health.town}
    return {**told, "quiescent": health.town != "connecting"}
