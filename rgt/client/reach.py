"""Reaching the workflows of a town: commands, queries, and finding what a person's words mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol, cast

from pydantic import BaseModel
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from rgt.client.failures import cause
from rgt.client.hearing import Hearing
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.ids import ITEM, check_item, resolve
from rgt.model.mail import Mailbox
from rgt.model.rows import Kind, Row
from rgt.model.tokens import Identity
from rgt.model.work import Work

QUEUE = "rgt"
TASK = timedelta(seconds=3)
"""What a workflow task may take: when a worker is killed in the middle of one, its entity answers only after that."""
PATIENCE = timedelta(seconds=10)
"""How long Temporal may take to answer; then the state is unknown."""
KIND = SearchAttributeKey.for_keyword("RgtKind")
RIG = SearchAttributeKey.for_keyword("RgtRig")
Handler = Callable[["Reach", Any, Identity, str], Awaitable[BaseModel]]
"""Carries out one operation: what it reaches, the arguments, who asks, the operation's id."""


class Surroundings(Protocol):
    """What the operations need to know of the machine they are carried out on."""

    host: str

    def rows(self) -> Awaitable[list[Row]]:
        """Every row of the town, from the live copy or from its history."""

    async def seen(self, row: str, rev: int) -> None:
        """Wait until `rows` tells of this change (`kind:id`), a second at most: who has commanded sees its effect."""

    def branch(self, worktree: str) -> str:
        """The branch checked out in a worktree on this machine; empty when it cannot be read."""

    async def head(self, worktree: str) -> str:
        """The commit checked out there."""

    def default_runtime(self, role: str) -> str:
        """Runtime of agents of this role when none is asked for; empty for none."""

    def fallback(self, role: str) -> str:
        """Runtime that takes over from one that fails again and again; empty for none."""

    def runtimes(self) -> dict[str, bool]:
        """Known runtimes, and whether each can be used here."""


class Reach:
    """The workflows of one town, and the machine that asks."""

    def __init__(self, client: Client, around: Surroundings) -> None:
        self.client = client
        self.around = around
        self.hearing = Hearing()

    async def update(self, workflow: str, name: str, argument: BaseModel | None = None) -> dict[str, Any]:
        """One command to one workflow."""
        handle = self.client.get_workflow_handle(workflow)
        args = [] if argument is None else [argument]
        result = cast(dict[str, Any], await handle.execute_update(name, args=args, result_type=dict[str, Any]))
        await self.around.seen(result["row"], result["rev"])
        return result

    @staticmethod
    def refusal(e: Exception) -> RgtError | None:
        """What a workflow refused, if that is what went wrong."""
        return cause(e) if isinstance(e, WorkflowUpdateFailedError | RgtError) else None

    async def open(self, kind: str, state: Entity, workflow: str, rig: str = "") -> WorkflowHandle[Any, Any]:
        """Start a workflow; raises `WorkflowAlreadyStartedError` when it is open."""
        handle = await self.client.start_workflow(
            kind,
            state,
            id=workflow,
            task_queue=QUEUE,
            task_timeout=TASK,
            search_attributes=attributes(kind, rig),
            rpc_timeout=PATIENCE,
        )
        row = state.row()
        if row is not None:
            await self.around.seen(row.key, 1)
        return handle

    async def show(self, workflow: str) -> dict[str, Any]:
        """The state of one workflow, also of one that has ended."""
        handle = self.client.get_workflow_handle(workflow)
        end = time.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                shown = await handle.query("show", result_type=dict[str, Any], rpc_timeout=PATIENCE)
            except RPCError as e:
                # Nobody has thought for it in several times its time, as with a worker that was frozen.
                if e.status != RPCStatusCode.FAILED_PRECONDITION or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.1)
            else:
                return cast(dict[str, Any], shown)

    async def item(self, given: str) -> str:
        """The id of the item that `given` names, whole or by a unique prefix."""
        if ITEM.fullmatch(given):
            return given
        if not given.startswith("gt-"):
            check_item(given)
        known = [r.id for r in await self.around.rows() if r.kind == "work"]
        return resolve(given, known, "work item")

    async def work(self, given: str) -> Work:
        """The whole item."""
        item = await self.item(given)
        try:
            return Work.model_validate(await self.show(f"work/{item}"))
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND:
                raise await self._no_item(item) from e
            raise

    async def _no_item(self, item: str) -> RgtError:
        known = [r.id for r in await self.around.rows() if r.kind == "work"]
        try:
            resolve(item, known, "work item")
        except RgtError as e:
            return e
        return RgtError("not_found", f"{item} has ended and its history is gone", "see `rgt log`")

    async def to_item(self, given: str, name: str, argument: m.Message, op_id: str) -> ops.Answer:
        """One command to one item."""
        item = await self.item(given)
        argument.op_id = op_id
        try:
            result = await self.update(f"work/{item}", name, argument)
        except RPCError as e:
            if e.status != RPCStatusCode.NOT_FOUND:
                raise
            work = await self.work(item)
            raise RgtError("refused", f"{item} is {work.state} and has ended", "create a new item") from e
        return ops.Answer(id=item, state=result["state"])

    async def agent(self, address: str) -> Row:
        """The row of the agent at `address`, by a unique prefix of it or of its name too."""
        rows = [r for r in await self.around.rows() if r.kind in ("polecat", "crew", "witness", "refinery")]
        names = {r.id.partition("/")[2]: r.id for r in rows if r.kind in ("polecat", "crew")}
        found = resolve(names.get(address, address), [r.id for r in rows], "agent")
        return next(r for r in rows if r.id == found)

    async def caller(self, who: Identity) -> Row:
        """The row of the agent that calls; it may call before its row has arrived."""
        kind, address = ("crew" if who.role == "crew" else who.role), who.address
        row = next((r for r in await self.around.rows() if r.kind == kind and r.id == address), None)
        if row is not None and row.item:
            return row
        shown = await self.show(who.agent)
        item = shown.get("item") or shown.get("start", {}).get("item", "")
        rig, mail = address.partition("/")[0], Mailbox.model_validate(shown.get("mailbox", {})).count
        return Row(kind=cast(Kind, kind), id=address, rig=rig, agent=address, item=item, mail=mail)

    async def rig(self, name: str) -> str:
        """The name of a rig that exists."""
        return resolve(name, [r.id for r in await self.around.rows() if r.kind == "rig"], "rig")

    def runtime(self, asked: str, role: str) -> str:
        """The runtime to use when `asked` is wished for, or none in particular; refused when it cannot start here."""
        known = self.around.runtimes()
        name = asked or self.around.default_runtime(role)
        if not name:
            hint = "add `--runtime scripted`, or set [runtime] default"
            raise RgtError("refused", "no agent runtime is set up", hint)
        name = resolve(name, known, "runtime")
        if not known[name]:
            raise RgtError("refused", f"runtime {name} cannot start here", "see `rgt doctor`")
        return name


def workflow_of(row: Row) -> str:
    """Workflow id behind a row."""
    prefix = {"work": "work/", "polecat": "polecat/", "crew": "agent/", "rig": "rig/", "host": "host/"}
    if row.kind in prefix:
        return prefix[row.kind] + row.id
    if row.kind in ("witness", "refinery"):
        return f"{row.kind}/{row.rig}"
    return row.id


def attributes(kind: str, rig: str = "") -> TypedSearchAttributes:
    """Search attributes of a new workflow."""
    pairs = [SearchAttributePair(KIND, kind)]
    if rig:
        pairs.append(SearchAttributePair(RIG, rig))
    return TypedSearchAttributes(pairs)
