"""How an editor follows what a gate prints, while it prints it: the command line for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgt.lsp.registry import PREFIX, Command, add
from rgt.model import operations as ops
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Offer `gateLogSpec`."""

    async def spec(args: ops.Id) -> dict[str, Any]:
        row = server.town.item(args.id)
        if row is None or not row.rig:
            raise RgtError("not_found", f"the town knows no item {args.id[:40]!r} of a rig", "see `rgt work list`")
        log = newest(server.home.rig(row.rig).runs / row.id)
        if log is None:
            raise RgtError("not_found", f"no gate has run for {row.id} on this machine", f"`rgt mq show {row.id}`")
        argv = ["tail", "-n", "+1", "-F", str(log)]
        return {"item": row.id, "gate": log.stem, "path": str(log), "argv": argv, "title": f"{log.stem} {row.id}"}

    add(server, Command(f"{PREFIX}gateLogSpec", "The command line that follows the log of a gate", ops.Id, spec))


def newest(runs: Path) -> Path | None:
    """The log that was written last: of the gate that runs, if one does."""
    logs = [(path.stat().st_mtime_ns, path) for path in runs.glob("*/*.log")]
    return max(logs)[1] if logs else None
