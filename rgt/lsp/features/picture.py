"""The whole town in one answer, for an editor that draws trees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rgt.lsp.registry import PREFIX, Command, add
from rgt.model.operations import None_

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Offer `picture`."""

    async def picture(args: None_) -> dict[str, Any]:
        town = server.town
        return {
            "version": town.version,
            "rows": [row.model_dump(mode="json") for row in town.rows()],
            "needs": [need.model_dump(mode="json") for need in town.needs()],
            "places": {row.item: place for place, row in town.queue()},
        }

    add(server, Command(f"{PREFIX}picture", "The whole town: rows, needs, places in the queues", None_, picture))
