"""The operations over Temporal itself: what the worker's gateway answers with, and what serves when no worker lives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from rgt.client.failures import cause
from rgt.client.handlers import agents, costs, hooks, mail, queue, rigs, sessions, town, work
from rgt.client.reach import Handler, Reach
from rgt.model.errors import RgtError
from rgt.model.operations import Operation
from rgt.model.tokens import Identity

GROUPS = (work, agents, rigs, queue, town, hooks, mail, sessions, costs)
HANDLERS: dict[str, Handler] = {name: handler for group in GROUPS for name, handler in group.HANDLERS.items()}
"""Who carries out which operation; a test holds it against the table of operations."""


class Direct(Reach):
    """Answers operations by talking to workflows."""

    async def serve(self, operation: Operation[Any, Any], args: BaseModel, who: Identity, op_id: str) -> BaseModel:
        """Carry out one operation for `who`; refuses what its role may not do."""
        if who.role not in operation.roles:
            raise RgtError(
                "denied", f"a {who.role} may not {operation.title[0].lower()}{operation.title[1:]}", operation.hint
            )
        try:
            return await HANDLERS[operation.name](self, args, who, op_id)
        except WorkflowUpdateFailedError as e:
            raise cause(e) from e
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND:
                raise RgtError("not_found", "there is no such thing in this town", "see `rgt status`") from e
            raise RgtError("unreachable", f"Temporal does not answer: {e.message[:120]}", "see `rgt doctor`") from e
