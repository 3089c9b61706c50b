"""What asks the town: one typed call per operation, whatever the transport."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from rgt.model.operations import Operation
from rgt.model.tokens import PERSON, Identity

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


class Town(Protocol):
    """A town that answers operations. Raises `RgtError`: refused, not found, not reachable."""

    async def call(self, operation: Operation[A, R], args: A, op_id: str = "") -> R:
        """Carry out one operation; repeating it with the same `op_id` changes nothing more."""


class Server(Protocol):
    """Answers operations for whoever calls: the caller's identity comes with each call."""

    async def serve(self, operation: Operation[Any, Any], args: BaseModel, who: Identity, op_id: str) -> BaseModel:
        """Carry out one operation for `who`."""


@dataclass(frozen=True)
class Bound:
    """A town as one caller sees it."""

    server: Server
    who: Identity = PERSON

    async def call(self, operation: Operation[A, R], args: A, op_id: str = "") -> R:
        """Carry out one operation as this caller."""
        result = await self.server.serve(operation, args, self.who, op_id or new_op_id())
        assert isinstance(result, operation.result)
        return result


def new_op_id() -> str:
    """A random name for one command, which makes its retries harmless."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Call:
    """One command line with everything around it that its answer depends on."""

    argv: list[str]
    town: Town
    who: Identity = PERSON
    cwd: str = ""
    columns: int = 80
    colour: bool = False
    ascii: bool = False
    """Whether the caller's locale bears nothing but ASCII."""
    stdin: bytes = b""
    token: str = field(default="", repr=False)
    """What the caller shows to be who it is."""
    op_id: str = ""


class Answerer(Protocol):
    """Answers a command line: (exit code, standard output, standard error)."""

    async def __call__(self, call: Call) -> tuple[int, str, str]:
        """Run the command of `call` in this process."""
