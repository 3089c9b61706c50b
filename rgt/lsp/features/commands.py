"""Workspace commands `rgt.server.<operation>`: the table of operations, as far as this caller may use it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel

from rgt.client.town import new_op_id
from rgt.lsp.registry import PREFIX, Command, add, operations
from rgt.model import operations as ops

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def register(server: RgtServer) -> None:
    """Announce every operation."""

    async def carry_out(operation: ops.Operation[BaseModel, BaseModel], args: BaseModel) -> BaseModel:
        return await server.outside.call(operation, args, new_op_id())

    for o in operations(server.outside.who):
        add(server, Command(PREFIX + o.name, o.title, o.args, partial(carry_out, o)))
