"""Work items: create, list, sling, finish, ask."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from rgt.cli.render import clock, since
from rgt.cli.session import Session, session
from rgt.cli.wait import wait_for_item
from rgt.host import finishing, saving
from rgt.model import operations as ops
from rgt.model.costs import money
from rgt.model.errors import RgtError
from rgt.model.ids import check_item
from rgt.model.rows import Row
from rgt.model.times import from_epoch

work = typer.Typer(help="Work items.", no_args_is_help=True)
Ids = Annotated[list[str], typer.Argument(help="Work items, whole or by a unique prefix; @last is your newest.")]
Item = Annotated[str, typer.Argument(help="A work item, whole or by a unique prefix; @last is your newest.")]


def add_to(app: typer.Typer) -> None:
    """Add this group and its short verbs."""
    app.add_typer(work, name="work")
    for verb in (sling, unsling, hook, done, escalate, prime):
        app.command()(verb)


def work_row(row: Row) -> dict[str, Any]:
    """A work item in lists (`docs/json.md`)."""
    return {
        "id": row.id,
        "title": row.title,
        "state": row.state,
        "priority": row.priority,
        "rig": row.rig,
        "agent": row.agent,
        "branch": f"polecat/{row.agent.partition('/')[2]}/{row.id}" if row.agent else "",
        "attempt": row.attempt,
        "needs": row.needs,
        "fixes": row.fixes,
        "created_at": from_epoch(row.created),
        "updated_at": from_epoch(row.updated),
    }


async def named(s: Session, id: str) -> str:
    """The item an argument means: `@last` is the newest one."""
    if id != "@last":
        return id
    rows = (await s.ask(ops.WORK_LIST, ops.WorkFilter())).rows
    if not rows:
        raise RgtError("not_found", "there is no work item yet", "`rgt work create TITLE`")
    return rows[-1].id


@work.command("create")
async def create(
    ctx: typer.Context,
    title: Annotated[str, typer.Argument(help="What is to be done, in a line.")],
    priority: Annotated[str, typer.Option(help="p0 (now) to p3 (whenever).")] = "p2",
    description: Annotated[str, typer.Option(help="All the agent must know; - reads it from stdin.")] = "",
    accept: Annotated[str, typer.Option(help="How one sees that it is done.")] = "",
    rig: Annotated[str, typer.Option(help="The rig it belongs to.")] = "",
    needs: Annotated[list[str] | None, typer.Option(help="Items that must be merged before.")] = None,
    fixes: Annotated[str, typer.Option(help="The item it is to put right; see `rgt mq problems`.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="A label; may be repeated.")] = None,
    review_only: Annotated[bool, typer.Option("--review-only", help="Done without commits.")] = False,
    no_merge: Annotated[bool, typer.Option("--no-merge", help="Its commits stay on their branch.")] = False,
) -> None:
    """Create a work item."""
    s = session(ctx)
    args = ops.WorkCreate.model_validate(
        {
            "title": s.text_or_stdin(title),
            "priority": priority,
            "description": s.text_or_stdin(description),
            "accept": accept,
            "rig": rig,
            "needs": [await named(s, n) for n in needs or []],
            "fixes": await named(s, fixes) if fixes else "",
            "labels": label or [],
            "review_only": review_only,
            "no_merge": no_merge,
        }
    )
    made = (await s.ask(ops.WORK_CREATE, args)).value
    s.give(made, f"{s.paint.paint(made['id'], 'bold')}  {made['title']}")


@work.command("list")
async def list_work(
    ctx: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="Only items in this state; may be repeated.")] = None,
    rig: Annotated[str, typer.Option(help="Only items of this rig.")] = "",
    mine: Annotated[bool, typer.Option("--mine", help="Only items on this agent's hook.")] = False,
) -> None:
    """List work items, oldest first."""
    s = session(ctx)
    rows = (await s.ask(ops.WORK_LIST, ops.WorkFilter(states=state or [], rig=rig, mine=mine))).rows
    if s.json:
        s.give([work_row(r) for r in rows], "")
        return
    cells = [(r.id, r.state, r.priority, r.rig, r.agent, since(r.updated), r.title) for r in rows]
    table = s.paint.table(("ID", "STATE", "PRI", "RIG", "AGENT", "AGE", "TITLE"), cells, flexible=6, state=1)
    s.say(table or "no work items · `rgt work create TITLE` makes one")


@work.command("show")
async def show(ctx: typer.Context, id: Item) -> None:
    """Show a work item whole."""
    s = session(ctx)
    item = (await s.ask(ops.WORK_SHOW, ops.Id(id=await named(s, id)))).value
    s.give(item, _page(s, item))


def _page(s: Session, item: dict[str, Any]) -> str:
    p = s.paint
    lines = [f"{p.paint(item['id'], 'bold')}  {item['title']}", f"  state     {p.state(item['state'])}"]
    facts = ("priority", "rig", "address", "attempt", "branch", "head", "sha", "reason", "fixes", "accept")
    lines += [f"  {name:<9} {item[name]}" for name in facts if item.get(name)]
    lines.append(f"  created   {clock(item['created_at'])}")
    if item["cost"]["tokens"]:
        lines.append(f"  cost      {money(item['cost']['usd'], item['cost']['tokens'], item['cost']['unpriced'])}")
    if item.get("unmet"):
        lines.append(f"  waits for {', '.join(item['unmet'])}")
    if item.get("escalation"):
        lines.append(p.paint(f"  asks      {item['escalation']['message']}", "yellow"))
    if item.get("description"):
        lines += ["", *(f"  {line}" for line in item["description"].splitlines())]
    for ended in item.get("attempts", ()):
        lines += ["", f"  attempt {ended['number']} was lost: {ended['outcome']}"]
        lines += [f"  │ {line}" for line in ended["left"].splitlines()]
    if item.get("notes"):
        lines += ["", "  notes", *(f"  · {note}" for note in item["notes"])]
    return "\n".join(lines)


@work.command("close")
async def close(ctx: typer.Context, id: Item, reason: Annotated[str, typer.Option(help="Why.")] = "") -> None:
    """Close a work item; its work is kept."""
    s = session(ctx)
    _tell(s, await s.ask(ops.WORK_CLOSE, ops.TextArgs(id=await named(s, id), message=reason)))


@work.command("reopen")
async def reopen(ctx: typer.Context, id: Item) -> None:
    """Open a closed or blocked work item again, with fresh attempts."""
    s = session(ctx)
    _tell(s, await s.ask(ops.WORK_REOPEN, ops.Id(id=await named(s, id))))


@work.command("edit")
async def edit(
    ctx: typer.Context,
    id: Item,
    title: Annotated[str | None, typer.Option(help="A new title.")] = None,
    description: Annotated[str | None, typer.Option(help="A new description; - reads it from stdin.")] = None,
    priority: Annotated[str | None, typer.Option(help="p0 to p3.")] = None,
    accept: Annotated[str | None, typer.Option(help="How one sees that it is done.")] = None,
) -> None:
    """Change what a work item says."""
    s = session(ctx)
    changes = {
        "title": title,
        "description": None if description is None else s.text_or_stdin(description),
        "priority": priority,
        "accept": accept,
    }
    if all(v is None for v in changes.values()):
        raise RgtError("usage", "there is nothing to change", "see `rgt work edit --help`")
    args = ops.WorkEdit.model_validate({"id": await named(s, id), **changes})
    _tell(s, await s.ask(ops.WORK_EDIT, args))


@work.command("recover")
async def recover(
    ctx: typer.Context,
    id: Item,
    to: Annotated[str, typer.Option(help="Branch to make; default recover/<id>.")] = "",
    list_only: Annotated[bool, typer.Option("--list", help="Only show what is saved.")] = False,
) -> None:
    """Bring back saved work of an item as a branch in its rig."""
    s = session(ctx)
    item = (await s.ask(ops.WORK_SHOW, ops.Id(id=await named(s, id)))).value
    if not item["rig"]:
        raise RgtError("refused", f"{item['id']} was never on a rig", "there is nothing saved")
    rig = s.home.rig(item["rig"])
    found = await saving.recover(rig, item["id"])
    if list_only:
        s.give(found, "\n".join(found) or "nothing is saved")
        return
    restored = await saving.restore(rig, item["id"], to or f"recover/{item['id']}")
    s.give({"id": item["id"], "restored": restored, "hub": str(rig.hub)}, f"{restored}\n  in {rig.hub}")


async def sling(
    ctx: typer.Context,
    ids: Ids,
    target: Annotated[str, typer.Option(help="A rig, or the address of an agent.")],
    runtime: Annotated[str, typer.Option(help="Agent runtime, such as scripted.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until merged or blocked, and exit by it.")] = False,
) -> None:
    """Put work items on a rig (a polecat each) or on an agent."""
    s = session(ctx)
    items = list(await asyncio.gather(*(named(s, i) for i in ids)))
    slung = await s.ask(ops.SLING, ops.Sling(ids=items, target=target, runtime=runtime, dry_run=dry_run))
    if wait and not dry_run:
        ended = [await wait_for_item(s, r.id) for r in slung.rows]
        s.code = 0 if all(e == "merged" for e in ended) else 1
        for row, state in zip(slung.rows, ended, strict=True):
            row.state = state
    rows = [r.model_dump() for r in slung.rows]
    lines = [
        f"{r.id}  {s.paint.state(r.state)}  → {target}" + (f"  {r.message}" if r.message else "") for r in slung.rows
    ]
    s.give(rows, "\n".join(lines))


async def unsling(ctx: typer.Context, id: Item) -> None:
    """Take a work item back; what was done is saved and kept."""
    s = session(ctx)
    _tell(s, await s.ask(ops.UNSLING, ops.Id(id=await named(s, id))))


async def hook(ctx: typer.Context, agent: Annotated[str, typer.Option(help="Whose hook.")] = "") -> None:
    """Show what is on an agent's hook."""
    s = session(ctx)
    on = await s.ask(ops.HOOK, ops.PrimeArgs(agent=agent))
    text = f"{on.item}  {s.paint.state(on.state)}  {on.title}\n  branch {on.branch}" if on.item else "nothing"
    s.give(on.model_dump(), text)


async def done(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The item; known inside an agent's session.")] = "",
    branch: Annotated[str, typer.Option(help="The branch that holds the work.")] = "",
    rig: Annotated[str, typer.Option(help="The rig it belongs to.")] = "",
    summary: Annotated[str, typer.Option(help="What was done, in a few words.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until merged or sent back, and exit by it.")] = False,
) -> None:
    """Finish: save, check, and hand over to the merge queue."""
    s = session(ctx)
    finish, answer = await finish_item(s, id, branch=branch, rig=rig, summary=summary)
    if finish.saved:
        s.note(f"what was not committed was saved in {finish.saved[:12]}")
    if wait:
        answer.state = await wait_for_item(s, answer.id)
        s.code = 0 if answer.state in ("merged", "closed") else 1
    s.give({**answer.model_dump(), "head": finish.head, "branch": finish.branch}, _line(s, answer))


async def finish_item(
    s: Session, id: str, *, branch: str = "", rig: str = "", summary: str = ""
) -> tuple[finishing.Finish, ops.Answer]:
    """Save, check and hand over the item, or the one on the caller's hook: what was finished, and the answer."""
    asked = _finished(s, await named(s, id)) if id else own_item(s)
    facts, place = await asyncio.gather(asked, finishing.look(s.home, s.cwd))
    item = facts["id"]
    if s.who.agent and facts.get("agent", s.who.agent) != s.who.agent:
        # Before anything is saved: the worktree may be another's.
        owner = facts["address"] or "nobody"
        raise RgtError("denied", f"{item} is {owner}'s, not yours", "finish the item on your hook")
    commitless = bool(facts.get("review_only"))
    if place is not None and (s.who.agent or not branch):
        finish = await finishing.finish_here(s.home, place, item, review_only=commitless)
    elif s.who.agent:
        raise RgtError("not_found", f"{s.cwd} is no worktree of this town", "go back to yours")
    else:
        where = rig or facts["rig"] or await finishing.rig_at(s.home, s.cwd)
        if not where:
            raise RgtError("usage", f"{item} belongs to no rig", "say which with --rig")
        branch = branch or await finishing.current_branch(s.home, s.cwd)
        finish = await finishing.finish_branch(s.home, s.cwd, where, item, branch, review_only=commitless)
    args = ops.DoneArgs(id=item, branch=finish.branch, head=finish.head, rig=finish.rig, summary=summary)
    return finish, await s.ask(ops.DONE, args)


async def _finished(s: Session, item: str) -> dict[str, Any]:
    """What is known of the item to be finished: with no worker, to its agent, nothing but its id."""
    try:
        return (await s.ask(ops.WORK_SHOW, ops.Id(id=item))).value
    except RgtError as e:
        if e.code != "unreachable" or not s.who.agent:
            raise
        return {"id": check_item(item)}


async def own_item(s: Session) -> dict[str, Any]:
    """What is known of the item on the caller's own hook."""
    if not s.who.agent:
        raise RgtError("usage", "which item is finished?", "`rgt done ID`")
    on = await s.ask(ops.HOOK, ops.PrimeArgs())
    if not on.item:
        raise RgtError("refused", "nothing is on your hook", "see `rgt prime`")
    return {"id": on.item, "rig": on.rig, "review_only": on.review_only}


async def escalate(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The item, or the message when it is your own item.")],
    message: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")] = "",
    ack: Annotated[bool, typer.Option("--ack", help="Answer it.")] = False,
) -> None:
    """Ask a person; with --ack, answer."""
    s = session(ctx)
    if s.who.agent and not message and not id.startswith("gt-"):
        id, message = (await own_item(s))["id"], id
    operation = ops.ACK if ack else ops.ESCALATE
    _tell(s, await s.ask(operation, ops.TextArgs(id=await named(s, id), message=s.text_or_stdin(message))))


async def prime(
    ctx: typer.Context,
    agent: Annotated[str, typer.Option(help="Whom it is for; default: the caller.")] = "",
    hook: Annotated[bool, typer.Option("--hook", help="As the JSON of a SessionStart hook.")] = False,
) -> None:
    """What an agent is told when its session starts."""
    from rgt.model.prompts import hook_json

    s = session(ctx)
    primed = await s.ask(ops.PRIME, ops.PrimeArgs(agent=agent))
    if hook:
        s.say(hook_json(primed.text))
    else:
        s.give(primed.model_dump(), primed.text)


def _line(s: Session, answer: ops.Answer) -> str:
    return f"{answer.id}  {s.paint.state(answer.state)}" + (f"  {answer.message}" if answer.message else "")


def _tell(s: Session, answer: ops.Answer) -> None:
    s.give(answer.model_dump(), _line(s, answer))
