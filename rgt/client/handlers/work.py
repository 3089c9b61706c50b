"""Work items: made, listed, changed, slung, finished, asked about."""

from __future__ import annotations

import asyncio
import hashlib

from temporalio.exceptions import WorkflowAlreadyStartedError

from rgt.client.handlers import costs
from rgt.client.reach import Handler, Reach
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.ids import ALPHABET, resolve
from rgt.model.tokens import Identity
from rgt.model.work import Work


async def _work_create(d: Reach, a: ops.WorkCreate, who: Identity, op_id: str) -> ops.Thing:
    fields = a.model_dump()
    if a.rig:
        fields["rig"] = await d.rig(a.rig)
    if a.fixes:
        bad = await d.work(a.fixes)
        if bad.rig and fields["rig"] not in ("", bad.rig):
            said = f"{bad.id} is of rig {bad.rig}, not {fields['rig']}"
            raise RgtError("usage", said, "what fixes it is of the same rig")
        fields["fixes"], fields["rig"] = bad.id, fields["rig"] or bad.rig
    fields["needs"] = [await d.item(n) for n in a.needs]
    if fields["needs"]:
        known = {r.id for r in await d.around.rows() if r.kind == "work"}
        for need in fields["needs"]:
            if need not in known:  # it may have ended long ago, or not exist
                await d.work(need)
    for salt in range(20):
        id = _drawn(f"{op_id}:{salt}")
        work = Work(**fields, id=id, created_by=who.address or "person", op=op_id)
        try:
            await d.open("work_item", work, work.workflow, work.rig)
        except WorkflowAlreadyStartedError:
            if (await d.show(work.workflow)).get("op") != op_id:
                continue
        return ops.Thing(value=work.model_dump(mode="json", exclude={"outbox", "answers", "heard", "seq", "op"}))
    raise RgtError("failed", "no free id was found in 20 tries", "try again")


def _drawn(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    letters = ""
    for _ in range(5):
        number, index = divmod(number, len(ALPHABET))
        letters += ALPHABET[index]
    return f"gt-{letters}"


async def _work_list(d: Reach, a: ops.WorkFilter, who: Identity, op_id: str) -> ops.Rows:
    rows = [r for r in await d.around.rows() if r.kind == "work"]
    if a.states:
        rows = [r for r in rows if r.state in a.states]
    if a.rig:
        rows = [r for r in rows if r.rig == a.rig]
    if a.mine:
        rows = [r for r in rows if r.agent == who.address]
    return ops.Rows(rows=sorted(rows, key=lambda r: (r.created, r.id)))


async def _work_show(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    item = await d.item(a.id)
    work, cost = await asyncio.gather(d.work(item), costs.of_item(d, item))
    shown = work.model_dump(mode="json", exclude={"outbox", "answers", "heard", "seq", "op"})
    return ops.Thing(value={**shown, "cost": cost.short()})


async def _work_edit(d: Reach, a: ops.WorkEdit, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "edit", m.Edit(**a.model_dump(exclude={"id"})), op_id)


async def _work_close(d: Reach, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "close", m.Close(reason=a.message), op_id)


async def _work_reopen(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    try:
        return await d.to_item(a.id, "reopen", m.Empty(), op_id)
    except RgtError as e:
        work = await d.work(a.id)
        if e.code != "refused" or work.state != "closed":
            raise
    # It has ended: a new run goes on from its last state.
    work.state, work.closed_at, work.created_at = "open", "", work.created_at
    await d.open("work_item", work, work.workflow, work.rig)
    return ops.Answer(id=work.id, state="open")


async def _sling(d: Reach, a: ops.Sling, who: Identity, op_id: str) -> ops.Slung:
    rows = await d.around.rows()
    rigs = {r.id: r for r in rows if r.kind == "rig"}
    crew = {r.id: r for r in rows if r.kind == "crew"}
    a = a.model_copy(update={"target": resolve(a.target, [*rigs, *crew], "rig or agent")})
    runtime = d.runtime(a.runtime, "polecat")
    place = rigs.get(a.target) or crew[a.target]
    told = "" if place.kind == "crew" or place.state == "open" else f"rig {a.target} is {place.state}: it waits there"

    async def one(given: str) -> ops.Answer:
        item = await d.item(given)
        row = next((r for r in rows if r.kind == "work" and r.id == item), None)
        if row is None or row.needs or row.state == "blocked":
            unmet = await _unmet(d, item)
        else:
            unmet = []
        if a.dry_run:
            return ops.Answer(id=item, state="blocked" if unmet else "queued", message="nothing was done")
        queue = m.Queue(
            target=a.target,
            to_agent=f"agent/{a.target}" if place.kind == "crew" else "",
            rig=place.rig if place.kind == "crew" else a.target,
            unmet=unmet,
            runtime=runtime,
            fallback=d.around.fallback("polecat") if place.kind == "rig" else "",
        )
        answer = await d.to_item(item, "queue", queue, f"{op_id}:{item}")
        answer.message = told
        return answer

    return ops.Slung(rows=list(await asyncio.gather(*(one(i) for i in a.ids))))


async def _unmet(d: Reach, item: str) -> list[str]:
    work = await d.work(item)
    states = {r.id: r.state for r in await d.around.rows() if r.kind == "work"}
    return [n for n in work.needs if states.get(n) != "merged" and (await d.work(n)).state != "merged"]


async def _unsling(d: Reach, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "unsling", m.Empty(), op_id)


async def _done(d: Reach, a: ops.DoneArgs, who: Identity, op_id: str) -> ops.Answer:
    done = m.Done(
        branch=a.branch, head=a.head, summary=a.summary, rig=a.rig, agent=who.agent, generation=who.generation
    )
    return await d.to_item(a.id, "done", done, op_id)


async def _escalate(d: Reach, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    if not a.message.strip():
        raise RgtError("usage", "an escalation needs a message", "`rgt escalate ID MESSAGE`")
    return await d.to_item(a.id, "escalate", m.Escalate(message=a.message, by=who.address or "person"), op_id)


async def _ack(d: Reach, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "ack", m.Escalate(message=a.message), op_id)


HANDLERS: dict[str, Handler] = {
    "work.create": _work_create,
    "work.list": _work_list,
    "work.show": _work_show,
    "work.edit": _work_edit,
    "work.close": _work_close,
    "work.reopen": _work_reopen,
    "sling": _sling,
    "unsling": _unsling,
    "done": _done,
    "escalate": _escalate,
    "ack": _ack,
}
