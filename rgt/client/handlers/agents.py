"""Agents: what they are told, shown, started, ended; crew."""

from __future__ import annotations

from typing import cast

from rgt.client.reach import Handler, Reach, workflow_of
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.agents import ACTIVITIES, Crew
from rgt.model.errors import RgtError
from rgt.model.ids import check_name
from rgt.model.priming import prime_item
from rgt.model.prompts import PrimeFacts, prime
from rgt.model.prompts import Role as PrimeRole
from rgt.model.rig import Rig
from rgt.model.tokens import Identity


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
    address = a.agent or who.address
    if not address:
        return ops.Primed(role="person", text=prime("person", PrimeFacts(address="you")))
    row = await d.agent(address) if a.agent else await d.caller(who)
    role = cast(PrimeRole, row.kind)
    facts = PrimeFacts(address=row.id, rig=row.rig, resumed=who.generation > 1)
    if row.item:
        work = await d.work(row.item)
        facts.item = prime_item(work)
        facts.rejection = work.verdict if work.rejections else None
    return ops.Primed(role=role, text=prime(role, facts), item=row.item)


async def _agent_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    row = await d.agent(a.id)
    return ops.Thing(value={"id": row.id, "kind": row.kind, **await d.show(workflow_of(row))})


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


async def _agent_event(d: Reach, a: ops.AgentEventArgs, who: Identity, op_id: str) -> ops.Answer:
    now = ACTIVITIES[a.kind]
    if who.role == "polecat" and d.activities.get((who.agent, who.generation), "") != now:
        d.activities[who.agent, who.generation] = now
        event = m.AgentEvent(kind=a.kind, generation=who.generation)
        await d.client.get_workflow_handle(who.agent).signal("agent_event", event)
    return ops.Answer(id=who.address)


async def _crew_create(d: Reach, a: ops.CrewCreate, who: Identity, op_id: str) -> ops.Answer:
    check_name("agent", a.name)
    rig = Rig.model_validate(await d.show(f"rig/{await d.rig(a.rig)}"))
    runtime = d.runtime(a.runtime)
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
    "agent.event": _agent_event,
    "crew.create": _crew_create,
    "crew.remove": _crew_remove,
}
