"""Rigs: added, shown, parked, removed."""

from __future__ import annotations

from temporalio.exceptions import WorkflowAlreadyStartedError

from rgt.client.reach import Handler, Reach
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.ids import check_name
from rgt.model.rig import Rig
from rgt.model.tokens import Identity


async def _rig_add(d: Reach, a: ops.RigAdd, who: Identity, op_id: str) -> ops.Thing:
    check_name("rig", a.name)
    rig = Rig(name=a.name, host=a.host or d.around.host, config=a.config)
    if any(r.kind == "rig" and r.id == a.name for r in await d.around.rows()):
        raise RgtError("exists", f"rig {a.name} exists", "see `rgt rig list`, or choose another name")
    try:
        handle = await d.open("rig", rig, rig.workflow, a.name)
    except WorkflowAlreadyStartedError as e:
        raise RgtError("exists", f"rig {a.name} exists", "see `rgt rig list`, or choose another name") from e
    await handle.execute_update("ready")
    return ops.Thing(value=await d.show(rig.workflow))


async def _rig_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    return ops.Thing(value=await d.show(f"rig/{await d.rig(a.id)}"))


def _rig_command(name: str) -> Handler:
    async def handle(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
        rig = await d.rig(a.id)
        result = await d.update(f"rig/{rig}", name, m.Empty(op_id=op_id))
        return ops.Answer(id=rig, state=result["state"])

    return handle


HANDLERS: dict[str, Handler] = {
    "rig.add": _rig_add,
    "rig.show": _rig_show,
    "rig.park": _rig_command("park"),
    "rig.unpark": _rig_command("unpark"),
    "rig.remove": _rig_command("remove"),
}
