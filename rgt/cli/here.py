"""The town as a process outside the worker reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from rgt.client.socket import SocketTown
from rgt.client.town import Town
from rgt.host.config import read_env
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import Operation
from rgt.model.rows import Row
from rgt.model.tokens import Identity, identify

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
READABLE = {"rows", "work.list", "needs", "log"}
"""Operations that need no worker: they read the town's history."""


@dataclass
class Outside:
    """Asks the worker's gateway; with no worker, reads from Temporal itself what can be read without one."""

    home: Home
    who: Identity
    socket: SocketTown

    async def call(self, operation: Operation[A, R], args: A, op_id: str = "") -> R:
        """Carry out one operation."""
        try:
            return await self.socket.call(operation, args, op_id)
        except RgtError as e:
            if e.code != "unreachable" or operation.name not in READABLE:
                raise
        return await self._without_worker(operation, args, op_id)

    async def _without_worker(self, operation: Operation[A, R], args: A, op_id: str) -> R:
        from rgt.client.direct import Direct
        from rgt.client.feed import snapshot
        from rgt.client.temporal import connect

        env = read_env(self.home)
        if not env.temporal_address:
            raise RgtError("unreachable", "the town does not run", "`rgt start`")
        client = await connect(env.temporal_address, env.namespace)
        around = Remains(await snapshot(client))
        result: Any = await Direct(client, around).serve(operation, args, self.who, op_id)
        assert isinstance(result, operation.result)
        return result


@dataclass
class Remains:
    """What is known of a town without a worker."""

    known: list[Row] = field(default_factory=list)
    host: str = ""

    async def rows(self) -> list[Row]:
        """Every row, as its history tells."""
        return self.known

    async def seen(self, row: str, rev: int) -> None:
        """Nothing changes."""

    def default_runtime(self) -> str:
        """Nothing can be started."""
        return ""

    def runtimes(self) -> dict[str, bool]:
        """Nothing can be started."""
        return {}


def here(home: Home, env: Mapping[str, str]) -> tuple[Town, Identity]:
    """The town of this home, and who this process is in it."""
    given = env.get("GTR_TOKEN", "")
    who = Identity()
    if given:
        try:
            key = home.key.read_text().strip()
        except OSError as e:
            raise RgtError("unreachable", f"the town at {home.root} is gone", "leave this session") from e
        who = identify(key, given)
    return Outside(home, who, SocketTown(home, given)), who
