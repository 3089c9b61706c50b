"""Workspace commands `rgt.server.<operation>`: the table of operations, as far as this caller may use it."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from rgt.lsp.registry import PREFIX, Command, add, operations
from rgt.model import operations as ops
from rgt.model.needs import needs

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

LETTERS = (ops.MAIL_SEND, ops.MAIL_BROADCAST)
"""What is carried out one after the other: letters arrive in the order in which they were sent."""


def register(server: RgtServer) -> None:
    """Announce every operation."""

    writing = asyncio.Lock()

    async def carry_out(operation: ops.Operation[BaseModel, BaseModel], args: BaseModel) -> BaseModel:
        async with writing if operation in LETTERS else nullcontext():
            return known(server, operation, args) or await server.operate(operation, args)

    for o in operations(server.outside.who):
        add(server, Command(PREFIX + o.name, o.title, o.args, partial(carry_out, o)))


def known(server: RgtServer, operation: ops.Operation[Any, Any], args: BaseModel) -> BaseModel | None:
    """The answer to a question that the live copy can answer; None for every other operation."""
    town = server.town
    if town.health.health == "error" or not town.known:
        return None
    if isinstance(args, ops.RigFilter):
        rows = [r for r in town.rows() if not args.rig or r.rig == args.rig or (operation is ops.ROWS and not r.rig)]
        return ops.Rows(rows=rows) if operation is ops.ROWS else ops.Needs(rows=needs(rows))
    if isinstance(args, ops.WorkFilter) and not args.mine:
        rows = [r for r in town.rows("work") if not args.rig or r.rig == args.rig]
        rows = [r for r in rows if not args.states or r.state in args.states]
        return ops.Rows(rows=sorted(rows, key=lambda r: (r.created, r.id)))
    return None
