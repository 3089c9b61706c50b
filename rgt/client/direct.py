"""The operations over Temporal itself: what the worker's gateway answers with, and what serves when no worker lives."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from pydantic import BaseModel
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from rgt.client import log as logs
from rgt.client.failures import cause
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.agents import Crew
from rgt.model.errors import RgtError
from rgt.model.ids import ALPHABET, ITEM, check_item, check_name, resolve
from rgt.model.needs import needs
from rgt.model.operations import Operation
from rgt.model.prompts import PrimeFacts, prime
from rgt.model.prompts import Role as PrimeRole
from rgt.model.queue import Verdict
from rgt.model.rig import Rig
from rgt.model.rows import Row
from rgt.model.tokens import Identity
from rgt.model.work import Work, prime_item

QUEUE = "rgt"
KIND = SearchAttributeKey.for_keyword("RgtKind")
RIG = SearchAttributeKey.for_keyword("RgtRig")
Handler = Callable[["Direct", Any, Identity, str], Awaitable[BaseModel]]


class Surroundings(Protocol):
    """What the operations need to know of the machine they are carried out on."""

    host: str

    def rows(self) -> Awaitable[list[Row]]:
        """Every row of the town, from the live copy or from its history."""

    def default_runtime(self) -> str:
        """Runtime of agents when none is asked for; empty for none."""

    def runtimes(self) -> dict[str, bool]:
        """Known runtimes, and whether each can be used here."""


class Direct:
    """Answers operations by talking to workflows."""

    def __init__(self, client: Client, around: Surroundings) -> None:
        self.client = client
        self.around = around

    async def serve(self, operation: Operation[Any, Any], args: BaseModel, who: Identity, op_id: str) -> BaseModel:
        """Carry out one operation for `who`; refuses what its role may not do."""
        if who.role not in operation.roles:
            raise RgtError(
                "denied", f"a {who.role} may not {operation.title[0].lower()}{operation.title[1:]}", operation.hint
            )
        try:
            return await HANDLERS[operation.name](self, args, who, op_id)
        except WorkflowUpdateFailedError as e:
            raise cause(e) from e
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND:
                raise RgtError("not_found", "there is no such thing in this town", "see `rgt status`") from e
            raise RgtError("unreachable", f"Temporal does not answer: {e.message[:120]}", "see `rgt doctor`") from e

    # --- reaching workflows

    async def update(self, workflow: str, name: str, argument: BaseModel | None = None) -> dict[str, Any]:
        """One command to one workflow."""
        handle = self.client.get_workflow_handle(workflow)
        args = [] if argument is None else [argument]
        return cast(dict[str, Any], await handle.execute_update(name, args=args, result_type=dict[str, Any]))

    async def show(self, workflow: str) -> dict[str, Any]:
        """The state of one workflow, also of one that has ended."""
        handle = self.client.get_workflow_handle(workflow)
        return cast(dict[str, Any], await handle.query("show", result_type=dict[str, Any]))

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

    async def rig(self, name: str) -> str:
        """The name of a rig that exists."""
        return resolve(name, [r.id for r in await self.around.rows() if r.kind == "rig"], "rig")


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


# --- work


async def _rows(d: Direct, a: ops.RigFilter, who: Identity, op_id: str) -> ops.Rows:
    rows = await d.around.rows()
    return ops.Rows(rows=[r for r in rows if not a.rig or r.rig == a.rig or not r.rig])


async def _work_create(d: Direct, a: ops.WorkCreate, who: Identity, op_id: str) -> ops.Thing:
    if a.rig:
        await d.rig(a.rig)
    fields = a.model_dump()
    fields["needs"] = [await d.item(n) for n in a.needs]
    for need in fields["needs"]:
        await d.work(need)
    for salt in range(20):
        id = _drawn(f"{op_id}:{salt}")
        work = Work(**fields, id=id, created_by=who.address or "person", op=op_id)
        try:
            await d.client.start_workflow(
                "work_item", work, id=work.workflow, task_queue=QUEUE, search_attributes=attributes("work", a.rig)
            )
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


async def _work_list(d: Direct, a: ops.WorkFilter, who: Identity, op_id: str) -> ops.Rows:
    rows = [r for r in await d.around.rows() if r.kind == "work"]
    if a.states:
        rows = [r for r in rows if r.state in a.states]
    if a.rig:
        rows = [r for r in rows if r.rig == a.rig]
    if a.mine:
        rows = [r for r in rows if r.agent == who.address]
    return ops.Rows(rows=sorted(rows, key=lambda r: (r.created, r.id)))


async def _work_show(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    work = await d.work(a.id)
    return ops.Thing(value=work.model_dump(mode="json", exclude={"outbox", "answers", "heard", "seq", "op"}))


async def _work_edit(d: Direct, a: ops.WorkEdit, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "edit", m.Edit(**a.model_dump(exclude={"id"})), op_id)


async def _work_close(d: Direct, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "close", m.Close(reason=a.message), op_id)


async def _work_reopen(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    try:
        return await d.to_item(a.id, "reopen", m.Empty(), op_id)
    except RgtError as e:
        work = await d.work(a.id)
        if e.code != "refused" or work.state != "closed":
            raise
    # It has ended: a new run goes on from its last state.
    work.state, work.closed_at, work.created_at = "open", "", work.created_at
    await d.client.start_workflow("work_item", work, id=work.workflow, task_queue=QUEUE)
    return ops.Answer(id=work.id, state="open")


async def _sling(d: Direct, a: ops.Sling, who: Identity, op_id: str) -> ops.Slung:
    rows = await d.around.rows()
    rigs = {r.id: r for r in rows if r.kind == "rig"}
    crew = {r.id: r for r in rows if r.kind == "crew"}
    if a.target not in rigs and a.target not in crew:
        resolve(a.target, [*rigs, *crew], "rig or agent")
        raise RgtError("not_found", f"there is no rig or agent {a.target!r}", "say its whole name")
    runtime = _runtime(d, a.runtime)
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
        )
        answer = await d.to_item(item, "queue", queue, f"{op_id}:{item}")
        answer.message = told
        return answer

    return ops.Slung(rows=list(await asyncio.gather(*(one(i) for i in a.ids))))


async def _unmet(d: Direct, item: str) -> list[str]:
    work = await d.work(item)
    states = {r.id: r.state for r in await d.around.rows() if r.kind == "work"}
    return [n for n in work.needs if states.get(n) != "merged" and (await d.work(n)).state != "merged"]


def _runtime(d: Direct, asked: str) -> str:
    known = d.around.runtimes()
    name = asked or d.around.default_runtime()
    if not name:
        raise RgtError("refused", "no agent runtime is set up", "add `--runtime scripted`, or set [runtime] default")
    resolve(name, known, "runtime")
    if name not in known:
        raise RgtError("not_found", f"there is no runtime {name!r}", f"there are: {', '.join(known)}")
    if not known[name]:
        raise RgtError("refused", f"runtime {name} cannot start here", "see `rgt doctor`")
    return name


async def _unsling(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "unsling", m.Empty(), op_id)


async def _done(d: Direct, a: ops.DoneArgs, who: Identity, op_id: str) -> ops.Answer:
    done = m.Done(
        branch=a.branch, head=a.head, summary=a.summary, rig=a.rig, agent=who.agent, generation=who.generation
    )
    return await d.to_item(a.id, "done", done, f"done:{a.id}:{a.head}")


async def _escalate(d: Direct, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    if not a.message.strip():
        raise RgtError("usage", "an escalation needs a message", "`rgt escalate ID MESSAGE`")
    return await d.to_item(a.id, "escalate", m.Escalate(message=a.message, by=who.address or "person"), op_id)


async def _ack(d: Direct, a: ops.TextArgs, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id, "ack", m.Escalate(message=a.message), op_id)


# --- agents


async def _hook(d: Direct, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.HookOf:
    address = a.agent or who.address
    if not address:
        raise RgtError("usage", "a person has no hook", "say whose: `rgt hook --agent api/nux`")
    row = await d.agent(address)
    if not row.item:
        return ops.HookOf(agent=row.id)
    work = await d.work(row.item)
    return ops.HookOf(
        agent=row.id, item=work.id, title=work.title, state=work.state, branch=work.branch, attempt=work.attempt
    )


async def _prime(d: Direct, a: ops.PrimeArgs, who: Identity, op_id: str) -> ops.Primed:
    address = a.agent or who.address
    if not address:
        return ops.Primed(role="person", text=prime("person", PrimeFacts(address="you")))
    row = await d.agent(address)
    role = cast(PrimeRole, row.kind)
    facts = PrimeFacts(address=row.id, rig=row.rig, resumed=who.generation > 1)
    if row.item:
        work = await d.work(row.item)
        facts.item = prime_item(work)
        facts.rejection = work.verdict if work.rejections else None
    return ops.Primed(role=role, text=prime(role, facts), item=row.item)


async def _agent_show(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    row = await d.agent(a.id)
    return ops.Thing(value={"id": row.id, "kind": row.kind, **await d.show(workflow_of(row))})


async def _agent_stop(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"polecat": "kill", "crew": "stop"}, op_id)


async def _agent_start(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"crew": "begin"}, op_id)


async def _agent_restart(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"polecat": "restart", "crew": "restart"}, op_id)


async def _to_agent(d: Direct, given: str, names: dict[str, str], op_id: str) -> ops.Answer:
    row = await d.agent(given)
    if row.kind not in names:
        raise RgtError("refused", f"{row.id} is a {row.kind}: it lives with its rig or item", "see `rgt agents list`")
    await d.update(workflow_of(row), names[row.kind], m.Empty(op_id=op_id))
    return ops.Answer(id=row.id, state=row.state)


async def _agent_event(d: Direct, a: ops.AgentEventArgs, who: Identity, op_id: str) -> ops.Answer:
    if who.role == "polecat":
        event = m.AgentEvent(kind=a.kind, generation=who.generation)
        await d.client.get_workflow_handle(who.agent).signal("agent_event", event)
    return ops.Answer(id=who.address)


async def _crew_create(d: Direct, a: ops.CrewCreate, who: Identity, op_id: str) -> ops.Answer:
    check_name("agent", a.name)
    rig = Rig.model_validate(await d.show(f"rig/{await d.rig(a.rig)}"))
    runtime = _runtime(d, a.runtime)
    await d.update(f"rig/{rig.name}", "join", m.Assigned(item=a.name, attempt=0, op_id=op_id))
    crew = Crew(rig=rig.name, name=a.name, host=rig.host, target=rig.config.target, source=rig.source, runtime=runtime)
    await d.client.start_workflow(
        "agent", crew, id=crew.workflow, task_queue=QUEUE, search_attributes=attributes("crew", rig.name)
    )
    return ops.Answer(id=crew.address, state="stopped")


async def _crew_remove(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await _to_agent(d, a.id, {"crew": "remove"}, op_id)


# --- rigs


async def _rig_add(d: Direct, a: ops.RigAdd, who: Identity, op_id: str) -> ops.Thing:
    check_name("rig", a.name)
    rig = Rig(name=a.name, host=a.host or d.around.host, config=a.config)
    if any(r.kind == "rig" and r.id == a.name for r in await d.around.rows()):
        raise RgtError("exists", f"rig {a.name} exists", "see `rgt rig list`, or choose another name")
    try:
        handle = await d.client.start_workflow(
            "rig", rig, id=rig.workflow, task_queue=QUEUE, search_attributes=attributes("rig", a.name)
        )
    except WorkflowAlreadyStartedError as e:
        raise RgtError("exists", f"rig {a.name} exists", "see `rgt rig list`, or choose another name") from e
    await handle.execute_update("ready")
    return ops.Thing(value=await d.show(rig.workflow))


async def _rig_show(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Thing:
    return ops.Thing(value=await d.show(f"rig/{await d.rig(a.id)}"))


def _rig_command(name: str) -> Handler:
    async def handle(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
        rig = await d.rig(a.id)
        result = await d.update(f"rig/{rig}", name, m.Empty(op_id=op_id))
        return ops.Answer(id=rig, state=result["state"])

    return handle


# --- merge queue


async def _mq_show(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Verdicts:
    work = await d.work(a.id.partition(".")[0])
    verdicts: list[Verdict] = []
    if work.rig:
        state = await d.show(f"refinery/{work.rig}")
        verdicts = [Verdict.model_validate(v) for v in state["verdicts"] if v["item"] == work.id]
    return ops.Verdicts(item=work.id, state=work.state, verdicts=verdicts, reason=work.reason)


async def _mq_retry(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id.partition(".")[0], "retry", m.Empty(), op_id)


async def _mq_remove(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    return await d.to_item(a.id.partition(".")[0], "drop", m.Empty(), op_id)


async def _mq_pause(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    rig = await d.rig(a.id)
    await d.update(f"refinery/{rig}", "pause", m.Close(op_id=op_id))
    return ops.Answer(id=rig, state="paused")


async def _mq_resume(d: Direct, a: ops.Id, who: Identity, op_id: str) -> ops.Answer:
    rig = await d.rig(a.id)
    await d.update(f"refinery/{rig}", "resume", m.Empty(op_id=op_id))
    return ops.Answer(id=rig, state="running")


# --- the town


async def _needs(d: Direct, a: ops.RigFilter, who: Identity, op_id: str) -> ops.Needs:
    rows = await d.around.rows()
    return ops.Needs(rows=needs([r for r in rows if not a.rig or r.rig == a.rig]))


async def _log(d: Direct, a: ops.LogArgs, who: Identity, op_id: str) -> ops.Log:
    if not a.id:
        return ops.Log(rows=await logs.town_log(d.client, a.limit))
    rows = await d.around.rows()
    row = next((r for r in rows if r.id == a.id), None)
    workflow = workflow_of(row) if row else f"work/{await d.item(a.id)}"
    return ops.Log(rows=await logs.entity_log(d.client, workflow, a.limit))


async def _town_down(d: Direct, a: ops.None_, who: Identity, op_id: str) -> ops.Answer:
    result = await d.update("boot", "down", m.Empty(op_id=op_id))
    return ops.Answer(id="town", state=result["state"])


async def _town_up(d: Direct, a: ops.None_, who: Identity, op_id: str) -> ops.Answer:
    result = await d.update("boot", "up", m.Empty(op_id=op_id))
    return ops.Answer(id="town", state=result["state"])


HANDLERS: dict[str, Handler] = {
    "rows": _rows,
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
    "hook": _hook,
    "prime": _prime,
    "agent.show": _agent_show,
    "agent.stop": _agent_stop,
    "agent.start": _agent_start,
    "agent.restart": _agent_restart,
    "agent.event": _agent_event,
    "crew.create": _crew_create,
    "crew.remove": _crew_remove,
    "rig.add": _rig_add,
    "rig.show": _rig_show,
    "rig.park": _rig_command("park"),
    "rig.unpark": _rig_command("unpark"),
    "rig.remove": _rig_command("remove"),
    "mq.show": _mq_show,
    "mq.retry": _mq_retry,
    "mq.remove": _mq_remove,
    "mq.pause": _mq_pause,
    "mq.resume": _mq_resume,
    "needs": _needs,
    "log": _log,
    "town.down": _town_down,
    "town.up": _town_up,
}
"""Who carries out which operation; a test holds it against the table of operations."""
