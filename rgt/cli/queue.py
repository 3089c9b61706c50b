"""The merge queue and what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rgt.cli.render import since
from rgt.cli.session import session
from rgt.cli.work import named
from rgt.host import finishing
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.planner import in_line
from rgt.model.queue import GateResult
from rgt.model.rows import Row
from rgt.model.times import from_epoch

mq = typer.Typer(help="The merge queue.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add this group and its short verbs."""
    app.add_typer(mq, name="mq")
    app.command()(needs)


@mq.command("list")
async def list_entries(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """List what waits to be merged, in order."""
    s = session(ctx)
    line = in_line((await s.ask(ops.ROWS, ops.RigFilter(rig=rig))).rows)
    if s.json:
        s.give([entry_row(place, r) for place, r in line], "")
        return
    cells = [(str(place), r.item, r.state, r.priority, r.rig, r.agent, since(r.created), r.title) for place, r in line]
    heads = ("#", "ITEM", "STATE", "PRI", "RIG", "AUTHOR", "AGE", "TITLE")
    s.say(s.paint.table(heads, cells, flexible=7, state=2) or "the merge queue is empty")


def entry_row(place: int, r: Row) -> dict[str, Any]:
    """An entry in lists (`docs/json.md`)."""
    return {
        "id": r.id,
        "item": r.item,
        "rig": r.rig,
        "head": r.id.partition(".")[2],
        "state": r.state,
        "place": place,
        "attempt": r.attempt,
        "submitted_at": from_epoch(r.created),
    }


@mq.command("show")
async def show(ctx: typer.Context, id: Annotated[str, typer.Argument(help="An item or entry.")]) -> None:
    """Show what the queue said to an item."""
    s = session(ctx)
    said = await s.ask(ops.MQ_SHOW, ops.Id(id=await named(s, id)))
    lines = [f"{s.paint.paint(said.item, 'bold')}  {s.paint.state(said.state)}  {said.reason}".rstrip()]
    for v in said.verdicts:
        lines.append(f"  {v.head[:8]}  {v.kind}  {v.message.splitlines()[0] if v.message else ''}".rstrip())
        for g in v.gates:
            lines.append(f"    gate {g.name}: {g.outcome} in {g.seconds:.1f} s · {g.log}")
            lines += [f"      {line}" for line in found_lines(g)]
        if v.kind == "failed" and v.gates and not v.gates[-1].diagnostics:
            lines += [f"    │ {line}" for line in v.gates[-1].tail.splitlines()[-15:]]
        lines += [f"    conflict in {place}" for place in [c.place for c in v.clashes] or v.files]
    s.give(said.model_dump(mode="json"), "\n".join(lines))


def found_lines(gate: GateResult) -> list[str]:
    """What a gate has found: `file:line:column message`, one a line."""
    width = min(40, max((len(d.place) for d in gate.diagnostics), default=0))
    lines = [f"{d.place:<{width}}  {d.words()}{f'  ({d.test})' if d.test else ''}" for d in gate.diagnostics]
    if gate.cut:
        lines.append(f"and {gate.cut} more, see the log")
    return lines + [f"note: {note}" for note in gate.notes]


@mq.command("problems")
async def list_problems(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """List what was sent back and is not answered yet. A line for each place, as compilers write them."""
    s = session(ctx)
    found = (await s.ask(ops.MQ_PROBLEMS, ops.RigFilter(rig=rig))).rows
    if s.json:
        s.give([p.model_dump(mode="json") for p in found], "")
        return
    lines: list[str] = []
    for p in found:
        told = [f"{d.place}: {d.severity}: {d.words()}" for d in p.diagnostics]
        told += [f"{c.path}:{c.target_line or 1}: error: conflict, {c.place}" for c in p.clashes]
        lines += [f"{line} ({p.item})" for line in told or [f"{p.item}: {p.kind}: {p.message.splitlines()[0]}"]]
    s.say("\n".join(lines) or "nothing was sent back")


@mq.command("submit")
async def submit(
    ctx: typer.Context,
    rig: Annotated[str, typer.Option(help="The rig.")],
    branch: Annotated[str, typer.Option(help="The branch to merge.")],
    title: Annotated[str, typer.Option(help="What it is; default: the branch.")] = "",
    priority: Annotated[str, typer.Option(help="p0 to p3.")] = "p2",
) -> None:
    """Put a branch of your own into the queue."""
    s = session(ctx)
    args = ops.WorkCreate.model_validate({"title": title or branch, "rig": rig, "priority": priority})
    shown = (await s.ask(ops.RIG_SHOW, ops.Id(id=rig))).value
    # The branch is checked before an item is made for it.
    await finishing.finish_branch(s.home, s.cwd, shown["name"], "gt-00000", branch)
    item = (await s.ask(ops.WORK_CREATE, args)).value["id"]
    finish = await finishing.finish_branch(s.home, s.cwd, shown["name"], item, branch)
    done = ops.DoneArgs(id=item, branch=branch, head=finish.head, rig=finish.rig)
    answer = await s.ask(ops.DONE, done)
    s.give({**answer.model_dump(), "head": finish.head}, f"{item}  {s.paint.state(answer.state)}  {branch}")


@mq.command("log")
async def log(ctx: typer.Context, id: Annotated[str, typer.Argument(help="An item or entry.")]) -> None:
    """Print the whole output of an item's last gate run."""
    s = session(ctx)
    said = await s.ask(ops.MQ_SHOW, ops.Id(id=await named(s, id)))
    gates = [g for v in said.verdicts for g in v.gates]
    if not gates:
        raise RgtError("not_found", f"no gate has run for {said.item}", f"`rgt mq show {said.item}`")
    try:
        text = Path(gates[-1].log).read_text(errors="replace")
    except OSError as e:
        raise RgtError("not_found", f"the log {gates[-1].log} is gone", f"`rgt mq show {said.item}`") from e
    s.give({"item": said.item, "log": gates[-1].log, "text": text}, text)


async def _on_item(ctx: typer.Context, operation: ops.Operation[ops.Id, ops.Answer], id: str) -> None:
    s = session(ctx)
    answer = await s.ask(operation, ops.Id(id=await named(s, id)))
    s.give(answer.model_dump(), f"{answer.id}  {s.paint.state(answer.state)}")


@mq.command("retry")
async def retry(ctx: typer.Context, id: Annotated[str, typer.Argument(help="An item or entry.")]) -> None:
    """Test a parked entry again."""
    await _on_item(ctx, ops.MQ_RETRY, id)


@mq.command("remove")
async def remove(ctx: typer.Context, id: Annotated[str, typer.Argument(help="An item or entry.")]) -> None:
    """Take an entry out of the queue; its work is kept."""
    await _on_item(ctx, ops.MQ_REMOVE, id)


@mq.command("pause")
async def pause(ctx: typer.Context, rig: Annotated[str, typer.Argument(help="The rig.")]) -> None:
    """Let nothing land on a rig."""
    await _on_item(ctx, ops.MQ_PAUSE, rig)


@mq.command("resume")
async def resume(ctx: typer.Context, rig: Annotated[str, typer.Argument(help="The rig.")]) -> None:
    """Let a paused queue go on."""
    await _on_item(ctx, ops.MQ_RESUME, rig)


def need_row(n: ops.Need) -> dict[str, Any]:
    """Something that waits for a person, in lists (`docs/json.md`)."""
    return {**n.model_dump(), "since": from_epoch(n.since)}


async def needs(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """Show what waits for a person. Each with the command that answers it."""
    s = session(ctx)
    found = (await s.ask(ops.NEEDS, ops.RigFilter(rig=rig))).rows
    if s.json:
        s.give([need_row(n) for n in found], "")
        return
    cells = [(n.id, n.kind, since(n.since), n.what, n.command) for n in found]
    table = s.paint.table(("ID", "KIND", "AGE", "WHAT", "ANSWER WITH"), cells, flexible=3)
    s.say(table or "nothing waits for you")
