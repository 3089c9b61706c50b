"""Agents: what they are told, shown, started, ended; crew."""

from __future__ import annotations

import asyncio
from typing import cast

from rgt.client.reach import Handler, Reach, workflow_of
from rgt.client.recall import Memory, memory, recall
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.agents import Crew
from rgt.model.errors import RgtError
from rgt.model.ids import check_name
from rgt.model.priming import prime_facts
from rgt.model.prompts import PrimeFacts, prime, reminder
from rgt.model.prompts import Role as PrimeRole
from rgt.model.rig import Rig
from rgt.model.rows import Row
from rgt.model.tokens import Identity
from rgt.model.work import Work


async def _hook(d: Reach, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.HookOf:
    address = a.agent or who.address
    if not address:
        raise RgtError("usage", "a person has no hook", "say whose: `rgt hook --agent api/nux`")
    row = await d.agent(address) if a.agent else await d.caller(who)
    if not row.item:
        return ops.HookOf(agent=row.id)
    work = await d.work(row.item)
    return ops.HookOf(
        agent=row.id,
        item=work.id,
        title=work.title,
        state=work.state,
        branch=work.branch,
        attempt=work.attempt,
        rig=work.rig,
        review_only=work.review_only,
    )


async def _prime(d: Reach, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.Primed:
    return await primed(d, a.agent, who)


async def primed(d: Reach, agent: str, who: Identity, *, began: str = "") -> ops.Primed:
    """What `agent` (or whoever calls) is told when its session starts; only a reminder after a compaction.

    How the session `began` is what the runtime says: startup, resume, clear, compact; empty when nobody says."""
    if not (agent or who.address):
        return ops.Primed(role="person", text=prime("person", PrimeFacts(address="you")))
    row = await d.agent(agent) if agent else await d.caller(who)
    role = cast(PrimeRole, row.kind)
    work, found = await asyncio.gather(_work_of(d, row), _memory_of(d, row))
    facts = prime_facts(row.id, row.rig, work, resumed=who.generation > 1)
    facts.anew = began in ("startup", "clear")
    if found is not None:
        recall(d, facts, found, row.item)
    told = reminder if began == "compact" else prime
    return ops.Primed(role=role, text=told(role, facts), item=row.item)


async def _work_of(d: Reach, row: Row) -> Work | None:
    return await d.work(row.item) if row.item else None


async def _memory_of(d: Reach, row: Row) -> Memory | None:
    return await memory(d, workflow_of(row)) if row.kind in ("polecat", "crew") else None


async def _agent_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    row = await d.agent(a.id)
    shown = await d.show(workflow_of(row))
    for books in ("used", "spending", "budgets"):
        shown.pop(books, None)
    return ops.Thing(value={"id": row.id, "kind": row.kind, **shown, "cost": row.cost / 1000, "tokens": row.tokens})


async def _agent_stop(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"polecat": "kill", "crew": "stop"}, op_id)


async def _agent_start(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"crew": "begin"}, op_id)


async def _agent_restart(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"polecat": "restart", "crew": "restart"}, op_id)


async def _to_agent(d: Reach, given: str, names: dict[str, str], op_id: str) -> ops.Answer:
    row = await d.agent(given)
    if row.kind not in names:
        raise RgtError("refused", f"{row.id} is a {row.kind}: it lives with its rig or item", "see `rgt agents list`")
    await d.update(workflow_of(row), names[row.kind], m.Empty(op_id=op_id))
    return ops.Answer(id=row.id, state=row.state)


async def _crew_create(d: Reach, a: ops.CrewCreate, who: Identity, op_id: str) -> ops.Answer:
    check_name("agent", a.name)
    rig = Rig.model_validate(await d.show(f"rig/{await d.rig(a.rig)}"))
    runtime = d.runtime(a.runtime, "crew")
    await d.update(f"rig/{rig.name}", "join", m.Assigned(item=a.name, attempt=0, op_id=op_id))
    crew = Crew(rig=rig.name, name=a.name, host=rig.host, target=rig.config.target, source=rig.source, runtime=runtime)
    await d.open("agent", crew, crew.workflow, rig.name)
    return ops.Answer(id=crew.address, state="stopped")


async def _crew_remove(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"crew": "remove"}, op_id)


HANDLERS: dict[str, Handler] = {
    "hook": _hook,
    "prime": _prime,
    "agent.show": _agent_show,
    "agent.stop": _agent_stop,
    "agent.start": _agent_start,
    "agent.restart": _agent_restart,
    "crew.create": _crew_create,
    "crew.remove": _crew_remove,
}
