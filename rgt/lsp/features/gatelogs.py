"""How an editor follows what a gate prints, while it prints it: the command line for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rgt.lsp import runs
from rgt.lsp.registry import PREFIX, Command, add
from rgt.model import operations as ops
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Offer `gateLogSpec`."""

    async def spec(args: ops.Id) -> dict[str, Any]:
        logs = runs.logs(server, args.id)
        if not logs:
            raise RgtError("not_found", f"no gate has run for {args.id} on this machine", f"`rgt mq show {args.id}`")
        log = logs[-1]
        argv = ["tail", "-n", "+1", "-F", str(log)]
        return {"item": args.id, "gate": log.stem, "path": str(log), "argv": argv, "title": f"{log.stem} {args.id}"}

    add(server, Command(f"{PREFIX}gateLogSpec", "The command line that follows the log of a gate", ops.Id, spec))
