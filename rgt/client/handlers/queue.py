"""The merge queue: shown, paused, entries tried again or taken out."""

from __future__ import annotations

from rgt.client.reach import Handler, Reach
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.problems import Problem, problems
from rgt.model.queue import Verdict
from rgt.model.tokens import Identity


async def _mq_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Verdicts:
    work = await d.work(a.id.partition(".")[0])
    verdicts: list[Verdict] = []
    if work.rig:
        state = await d.show(f"refinery/{work.rig}")
        verdicts = [Verdict.model_validate(v) for v in state["verdicts"] if v["item"] == work.id]
    return ops.Verdicts(item=work.id, state=work.state, verdicts=verdicts, reason=work.reason)


async def _mq_problems(d: Reach, a: ops.RigFilter, who: Identity, op_id: str) -> ops.Problems:
    rows = await d.around.rows()
    rigs = [r.rig for r in rows if r.kind == "refinery" and a.rig in ("", r.rig)]
    if a.rig and not rigs:
        await d.rig(a.rig)
    found: list[Problem] = []
    for rig in rigs:
        state = await d.show(f"refinery/{rig}")
        found += problems(rig, map(Verdict.model_validate, state["verdicts"]), rows)
    return ops.Problems(rows=found)


async def _mq_retry(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id.partition(".")[0], "retry", m.Empty(), op_id)


async def _mq_remove(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id.partition(".")[0], "drop", m.Empty(), op_id)


async def _mq_pause(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    rig = await d.rig(a.id)
    await d.update(f"refinery/{rig}", "pause", m.Close(op_id=op_id))
    return ops.Answer(id=rig, state="paused")


async def _mq_resume(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    rig = await d.rig(a.id)
    await d.update(f"refinery/{rig}", "resume", m.Empty(op_id=op_id))
    return ops.Answer(id=rig, state="running")


HANDLERS: dict[str, Handler] = {
    "mq.show": _mq_show,
    "mq.problems": _mq_problems,
    "mq.retry": _mq_retry,
    "mq.remove": _mq_remove,
    "mq.pause": _mq_pause,
    "mq.resume": _mq_resume,
}
