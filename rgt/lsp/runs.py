"""What the gates of an item print, while they run and afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

SHOWN = 500_000
"""Bytes of a log that are shown, from its end."""


def place(server: RgtServer, id: str) -> Path:
    """The directory of all runs of an item, which need not be there; refused before the item has a rig."""
    row = server.town.item(id)
    if row is None:
        raise RgtError("not_found", f"the town knows no item {id[:60]}")
    if not row.rig:
        raise RgtError("refused", f"no gate has run for {id}, which has no rig yet", f"`rgt sling {id}`")
    return server.home.rig(row.rig).runs / row.id


def logs(server: RgtServer, id: str) -> list[Path]:
    """The logs of all runs of an item, the one that was written last at the end: of the gate that runs, if one does."""
    return sorted(place(server, id).glob("*/*.log"), key=lambda log: log.stat().st_mtime_ns)


def text(server: RgtServer, id: str) -> str:
    """The logs of the newest run, a gate below the other."""
    every = logs(server, id)
    if not every:
        return f"No gate has run for {id} yet.\n"
    parts = []
    for log in (log for log in every if log.parent == every[-1].parent):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - SHOWN))
            said = file.read().decode(errors="replace")
        parts.append(f"── gate {log.stem} · {log.parent.name}\n{said.rstrip()}\n")
    return "\n".join(parts)
