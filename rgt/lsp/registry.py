"""Workspace commands: the operations of the town, and what else an editor may have done. One object in, one out."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pydantic import BaseModel, ValidationError

from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.tokens import Identity

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
PREFIX = "rgt.server."
OF_A_SESSION = frozenset(
    {
        ops.AGENT_HOOK.name, ops.HOOK.name, ops.PRIME.name, ops.DONE.name, ops.HANDOFF.name, ops.MAIL_CHECK.name,
        ops.CHECKPOINT_WRITE.name, ops.CHECKPOINT_READ.name, ops.CHECKPOINT_CLEAR.name,
    }
)  # fmt: skip
"""Operations by which an agent speaks of itself: not for editors."""


@dataclass(frozen=True)
class Command:
    """One workspace command."""

    name: str
    title: str
    args: type[BaseModel]
    carry_out: Callable[[Any], Awaitable[Any]]
    """Is given the checked arguments; gives a model, or what JSON can say as an object."""


def operations(who: Identity) -> list[ops.Operation[Any, Any]]:
    """The operations that this caller's editor offers."""
    return [o for o in ops.OPERATIONS.values() if o.name not in OF_A_SESSION and who.role in o.roles]


def add(server: RgtServer, command: Command) -> None:
    """Announce a command and carry it out when it is asked for."""

    async def execute(*arguments: Any) -> Any:
        try:
            given = _one_object(arguments)
            result = await command.carry_out(command.args.model_validate(given))
        except ValidationError as e:
            raise _wrong(e, command) from e
        return result.model_dump(mode="json") if isinstance(result, BaseModel) else result

    server.commands[command.name] = command
    server.protocol.fm.command(command.name)(execute)


def _one_object(arguments: tuple[Any, ...]) -> dict[str, Any]:
    given = [{} if a is None else a for a in arguments] or [{}]
    if len(given) > 1 or not isinstance(given[0], dict):
        raise RgtError("usage", f"one object is expected, not {json.dumps(list(arguments))[:60]}", "see docs/lsp.md")
    return given[0]


def _wrong(e: ValidationError, command: Command) -> RgtError:
    first = e.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(p) for p in first["loc"]) or "argument"
    said = first["msg"].replace("Value error, ", "")
    return RgtError("usage", f"{where}: {said[:1].lower()}{said[1:]}", f"see {command.name} in docs/lsp.md")


def link(name: str, title: str, **arguments: Any) -> types.Command:
    """A command for a lens or an action."""
    return types.Command(title=title, command=name, arguments=[arguments])
