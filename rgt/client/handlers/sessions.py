"""Checkpoints, handoffs, and the sessions that agents have had."""

from __future__ import annotations

import asyncio

from temporalio.service import RPCError, RPCStatusCode

from rgt.client.handlers.agents import primed
from rgt.client.reach import PATIENCE, Handler, Reach, workflow_of
from rgt.client.recall import Memory, memory, useful
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.ids import ADDRESS, resolve
from rgt.model.tokens import Identity

ROLES = ("polecat", "crew")
"""Those who have a checkpoint and sessions."""
GONE = 30
"""So many agents that are gone are looked at, the newest."""


async def greeting(d: Reach, a: ops.HookArgs, who: Identity) -> str:
    """What an agent is told at the start of a session, which is noted; after a compaction only a reminder (B47)."""

    async def noted() -> None:
        if who.role in ROLES and a.session:
            begun = m.SessionBegun(session=a.session, generation=who.generation)
            await d.client.get_workflow_handle(who.agent).signal("session_begun", begun)

    # Reading begins first: behind the note it would wait until the agent's workflow has thought about that.
    told, _ = await asyncio.gather(primed(d, "", who, began=str(a.data.get("source", ""))), noted())
    return told.text


async def compacting(d: Reach, who: Identity, op_id: str) -> None:
    """Write down what is known of an agent whose context is about to be compacted; its session goes on (B47)."""
    if who.role in ROLES:
        found = await memory(d, who.agent)
        await d.update(who.agent, "checkpoint", await _checkpoint(d, found, "", "compaction", who, op_id))


async def _checkpoint(d: Reach, found: Memory, text: str, by: str, who: Identity, op_id: str) -> m.Checkpointed:
    return m.Checkpointed.model_validate(
        {
            "text": text,
            "item": found.item,
            "attempt": found.attempt,
            "branch": d.around.branch(found.worktree) or found.branch,
            "head": await d.around.head(found.worktree),
            "generation": who.generation if who.agent else found.generation,
            "by": by,
            "op_id": op_id,
        }
    )


async def _whose(d: Reach, agent: str, who: Identity, *, change: bool) -> Memory:
    """The memory that is meant: of the caller, or of the agent that is named."""
    if not agent:
        if who.role not in ROLES:
            raise RgtError("usage", f"a {who.role} has no checkpoint", "say whose: `--agent api/nux`")
        return await memory(d, who.agent)
    row = await d.agent(agent)
    if row.kind not in ROLES:
        raise RgtError("refused", f"{row.id} is a {row.kind}: it has no checkpoint", "see `rgt agents list`")
    if change and who.agent and workflow_of(row) != who.agent:
        raise RgtError("denied", f"that is the checkpoint of {row.id}, not yours", "leave out --agent")
    return await memory(d, workflow_of(row))


async def _checkpoint_write(d: Reach, a: ops.CheckpointWrite, who: Identity, op_id: str) -> ops.CheckpointOf:
    found = await _whose(d, a.agent, who, change=True)
    written = await _checkpoint(d, found, a.text, "agent" if who.agent else "person", who, op_id)
    result = await d.update(found.workflow, "checkpoint", written)
    fields = written.model_dump(exclude={"op_id", "sender", "seq"})
    return ops.CheckpointOf(agent=found.address, at=result["at"], **fields)


async def _checkpoint_read(d: Reach, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.CheckpointOf:
    found = await _whose(d, a.agent, who, change=False)
    if found.checkpoint is None:
        return ops.CheckpointOf(agent=found.address)
    stale = not useful(d, found, found.item)
    return ops.CheckpointOf(agent=found.address, stale=stale, **found.checkpoint.model_dump())


async def _checkpoint_clear(d: Reach, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.Answer:
    found = await _whose(d, a.agent, who, change=True)
    await d.update(found.workflow, "forget", m.Empty(op_id=op_id))
    return ops.Answer(id=found.address, state="cleared")


async def _handoff(d: Reach, a: ops.HandoffArgs, who: Identity, op_id: str) -> ops.Answer:
    if who.role not in ROLES:
        raise RgtError("refused", f"a {who.role} has no session to hand over", "`rgt agents restart` makes a fresh one")
    found = await memory(d, who.agent)
    await d.update(who.agent, "handoff", await _checkpoint(d, found, a.message, "handoff", who, op_id))
    said = "your message is kept as the checkpoint; this session ends now, and a fresh one here reads it"
    return ops.Answer(id=who.address, state="handing over", message=said)


def session_rows(found: Memory) -> list[ops.SessionRow]:
    """Sessions of one agent, oldest first."""
    return [
        ops.SessionRow(
            **session.model_dump(exclude={"nonce"}),
            agent=found.address,
            state="ended" if session.ended else "running",
            runtime=found.runtime or "scripted",
            worktree=found.worktree,
            workflow=found.workflow,
        )
        for session in found.sessions
    ]


async def _rows(d: Reach, agent: str, ended: bool) -> list[ops.SessionRow]:
    """Sessions of one agent or of all; of those that are gone, too, where `ended`."""
    if not agent:
        alive = [workflow_of(r) for r in await d.around.rows() if r.kind in ROLES]
    else:
        try:
            alive = [workflow_of(await d.agent(agent))]
        except RgtError:
            if not ADDRESS.fullmatch(agent):
                raise
            alive = []
    found = list(await asyncio.gather(*(memory(d, workflow) for workflow in alive)))
    if ended or agent:
        named = alive or [f"{kind}/{agent}" for kind in ("polecat", "agent")]
        found += await _gone(d, named if agent else [])
    return sorted((row for one in found for row in session_rows(one)), key=lambda row: row.started)


async def _gone(d: Reach, workflows: list[str]) -> list[Memory]:
    """What agents that have ended (these, or all) remembered, as long as Temporal keeps it."""
    query = "ExecutionStatus = 'Completed' AND WorkflowType IN ('polecat', 'agent')"
    if workflows:
        query += f" AND WorkflowId IN ({', '.join(f'{w!r}' for w in workflows)})"
    runs = [w async for w in d.client.list_workflows(query, limit=GONE)]

    async def look(id: str, run: str) -> Memory | None:
        try:
            handle = d.client.get_workflow_handle(id, run_id=run)
            return Memory.of(id, await handle.query("show", result_type=dict, rpc_timeout=PATIENCE))
        except RPCError as e:
            if e.status != RPCStatusCode.NOT_FOUND:
                raise
            return None

    return [found for found in await asyncio.gather(*(look(w.id, w.run_id) for w in runs)) if found]


async def _session_list(d: Reach, a: ops.SessionFilter, who: Identity, op_id: str) -> ops.Sessions:
    rows = await _rows(d, a.agent, a.ended)
    if a.agent and not rows:
        await d.agent(a.agent)
    return ops.Sessions(rows=rows)


async def _session_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.SessionRow:
    rows = await _rows(d, "", False)
    if not any(row.id.startswith(a.id) for row in rows):
        rows = await _rows(d, "", True)
    id = resolve(a.id, {row.id for row in rows}, "session")
    return next(row for row in reversed(rows) if row.id == id)


HANDLERS: dict[str, Handler] = {
    "checkpoint.write": _checkpoint_write,
    "checkpoint.read": _checkpoint_read,
    "checkpoint.clear": _checkpoint_clear,
    "handoff": _handoff,
    "session.list": _session_list,
    "session.show": _session_show,
}
