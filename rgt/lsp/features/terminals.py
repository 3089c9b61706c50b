"""How an editor opens an agent's terminal: the command line for it. The server itself never runs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from rgt.host.sessions import list_sessions, session_name
from rgt.host.tmux import Tmux
from rgt.lsp.registry import PREFIX, Command, add
from rgt.model.errors import RgtError
from rgt.model.operations import Args

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


class Attach(Args):
    """Whose terminal: an agent's address, or its name where only one has it."""

    agent: str = Field(min_length=1)
    read_only: bool = Field(default=False, description="Only watch; leaves the size of the terminal alone.")


def register(server: RgtServer) -> None:
    """Offer `attachSpec`."""

    async def spec(args: Attach) -> dict[str, Any]:
        row = server.town.agent(args.agent)
        address = row.id if row is not None else args.agent
        tmux = Tmux(server.home.agents_tmux, server.home.tmux_conf)
        session = next((s for s in await list_sessions(tmux) if s.name == session_name(address)), None)
        if session is None:
            raise RgtError("not_found", f"{args.agent[:60]} has no session", "see `rgt agents list`")
        if not session.alive:
            raise RgtError("refused", f"the session of {address} is dead", f"`rgt agents restart {address}`")
        argv = tmux.attach_argv(session.name, args.read_only)
        return {"agent": address, "argv": argv, "title": f"rgt {address}"}

    add(server, Command(f"{PREFIX}attachSpec", "The command line of an agent's terminal", Attach, spec))
