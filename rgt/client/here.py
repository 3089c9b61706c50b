"""The town as a process outside the worker reaches it; with no worker, what can be asked of Temporal itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from rgt.client.socket import PATIENCE, SocketTown
from rgt.host.callers import must_be_person
from rgt.host.config import read_env
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import Operation
from rgt.model.rows import Row
from rgt.model.tokens import Identity, identify, proof

if TYPE_CHECKING:
    from temporalio.client import Client

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
    item: str = ""
    """What was on the hook of this agent when its session began."""

    async def call(self, operation: Operation[A, R], args: A, op_id: str = "") -> R:
        """Carry out one operation."""
        try:
            return await self.socket.call(operation, args, op_id)
        except RgtError as e:
            if e.code != "unreachable":
                raise
            result = await self._without_worker(operation, args, op_id)
            if result is None:
                raise
        assert isinstance(result, operation.result)
        return result

    async def _without_worker(self, operation: Operation[A, R], args: A, op_id: str) -> BaseModel | None:
        """The answer of a town without a worker; None when it has none."""
        if operation.name in READABLE:
            return await self._read(operation, args, op_id)
        if self.who.agent and self.item and operation is ops.HOOK:
            return ops.HookOf(agent=self.who.address, item=self.item)
        if self.who.agent and isinstance(args, ops.DoneArgs):
            return await self._leave_done(args)
        return None

    async def _read(self, operation: Operation[A, R], args: A, op_id: str) -> BaseModel:
        from rgt.client.direct import Direct
        from rgt.client.feed import snapshot

        client = await self.temporal()
        around = Remains(await snapshot(client))
        return await Direct(client, around).serve(operation, args, self.who, op_id)

    async def _leave_done(self, a: ops.DoneArgs) -> ops.Answer:
        """Leave a `done` with Temporal, proven by the token that no worker could check."""
        from temporalio.service import RPCError, RPCStatusCode

        client = await self.temporal()
        done = m.Done(
            branch=a.branch,
            head=a.head,
            summary=a.summary,
            rig=a.rig,
            agent=self.who.agent,
            generation=self.who.generation,
            proof=proof(self.socket.token, a.id, a.branch, a.head),
        )
        try:
            await client.get_workflow_handle(f"work/{a.id}").signal("done_requested", done)
        except RPCError as e:
            if e.status != RPCStatusCode.NOT_FOUND:
                raise RgtError("unreachable", f"Temporal does not answer: {e.message[:120]}", "try again") from e
            raise RgtError("refused", f"{a.id} has ended", "stop here; your commits are kept") from e
        return ops.Answer(id=a.id, state="left", message="no worker answers: it counts as soon as one is back")

    async def temporal(self) -> Client:
        """A client of the Temporal that runs for this home; `unreachable` when none does."""
        from rgt.client.temporal import connect

        env = read_env(self.home)
        if not env.temporal_address:
            raise RgtError("unreachable", "the town does not run", "`rgt start`")
        return await connect(env.temporal_address, env.namespace)


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

    def branch(self, worktree: str) -> str:
        """Nothing is looked at."""
        return ""

    async def head(self, worktree: str) -> str:
        """Nothing is looked at."""
        return ""

    def default_runtime(self, role: str) -> str:
        """Nothing can be started."""
        return ""

    def fallback(self, role: str) -> str:
        """Nothing can be started."""
        return ""

    def runtimes(self) -> dict[str, bool]:
        """Nothing can be started."""
        return {}


def here(home: Home, env: Mapping[str, str], patience: float = PATIENCE) -> tuple[Outside, Identity]:
    """The town of this home, and who this process is in it; a worker may be silent for `patience` seconds."""
    given = env.get("GTR_TOKEN", "")
    who = Identity()
    if not given:
        must_be_person(home, os.getpid())
    else:
        try:
            key = home.key.read_text().strip()
        except OSError as e:
            raise RgtError("unreachable", f"the town at {home.root} is gone", "leave this session") from e
        who = identify(key, given)
    return Outside(home, who, SocketTown(home, given, patience), env.get("GTR_WORK_ITEM", "")), who
