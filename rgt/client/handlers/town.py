"""The town as a whole: its rows, needs, history, sleep and waking."""

from __future__ import annotations

from rgt.client import log as logs
from rgt.client.reach import Handler, Reach, workflow_of
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.needs import needs
from rgt.model.tokens import Identity


async def _rows(d: Reach, a: ops.RigFilter, who: Identity, op_id: str) -> ops.Rows:
    rows = await d.around.rows()
    return ops.Rows(rows=[r for r in rows if not a.rig or r.rig == a.rig or not r.rig])


async def _needs(d: Reach, a: ops.RigFilter, who: Identity, op_id: str) -> ops.Needs:
    rows = await d.around.rows()
    return ops.Needs(rows=needs([r for r in rows if not a.rig or r.rig == a.rig]))


async def _log(d: Reach, a: ops.LogArgs, who: Identity, op_id: str) -> ops.Log:
    if not a.id:
        return ops.Log(rows=await logs.town_log(d.client, a.limit))
    return ops.Log(rows=await logs.entity_log(d.client, await _workflow(d, a.id), a.limit))


async def _workflow(d: Reach, given: str) -> str:
    rows = await d.around.rows()
    row = next((r for r in rows if r.id == given and r.kind != "entry"), None)
    if row is not None:
        return workflow_of(row)
    if given.startswith("gt-"):
        return (await d.work(given)).workflow
    return workflow_of(await d.agent(given))


async def _town_down(d: Reach, a: ops.None_, who: Identity, op_id: str) -> ops.Answer:
    result = await d.update("boot", "down", m.Empty(op_id=op_id))
    return ops.Answer(id="town", state=result["state"])


async def _town_up(d: Reach, a: ops.None_, who: Identity, op_id: str) -> ops.Answer:
    result = await d.update("boot", "up", m.Empty(op_id=op_id))
    return ops.Answer(id="town", state=result["state"])


HANDLERS: dict[str, Handler] = {
    "rows": _rows,
    "needs": _needs,
    "log": _log,
    "town.down": _town_down,
    "town.up": _town_up,
}
