"""The town itself: install, start, stop, status, feed, log, doctor."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import rgt
from rgt.cli import lifecycle
from rgt.cli.agents import agent_row
from rgt.cli.render import since
from rgt.cli.rigs import rig_row
from rgt.cli.session import Session, session
from rgt.model import operations as ops
from rgt.model.needs import needs
from rgt.model.rows import Row

worker = typer.Typer(help="The worker, which is the daemon.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(worker, name="worker")
    for verb in (start, stop, up, down, status, version):
        app.command()(verb)


async def start(
    ctx: typer.Context,
    foreground: Annotated[bool, typer.Option(help="Keep the worker in this terminal.")] = False,
) -> None:
    """Start the town: Temporal, the worker, the workflows. Nothing is done twice."""
    s = session(ctx)
    s.must_be_local("rgt start")
    started = await lifecycle.start(s.home, s.note)
    s.give(started, f"the town runs at {s.home.root}")


async def stop(
    ctx: typer.Context,
    keep_agents: Annotated[bool, typer.Option("--keep-agents", help="Leave agents running.")] = False,
) -> None:
    """Stop what `start` made, in order; agents' work is saved."""
    s = session(ctx)
    s.must_be_local("rgt stop")
    stopped = await lifecycle.stop(s.home, s.who, s.town, keep_agents=keep_agents)
    s.give(stopped, "the town is stopped" if stopped["stopped"] else "nothing ran")


async def up(ctx: typer.Context) -> None:
    """Wake the town after `down`."""
    s = session(ctx)
    answer = await s.ask(ops.TOWN_UP, ops.None_())
    s.give(answer.model_dump(), "the town is up")


async def down(ctx: typer.Context) -> None:
    """Put the town to sleep: agents end with their work saved, dispatch and landings wait."""
    s = session(ctx)
    answer = await s.ask(ops.TOWN_DOWN, ops.None_())
    await lifecycle.asleep(s.town)
    s.give(answer.model_dump(), "the town is down; `rgt up` goes on")


@worker.command("run")
def run_worker(ctx: typer.Context, host: Annotated[str, typer.Option(help="Name of this machine.")] = "") -> None:
    """Run the worker in the foreground."""
    s = session(ctx)
    s.must_be_local("rgt worker run")
    raise lifecycle.RunWorker(s.home, host)


async def status(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """The town as a tree: rigs, agents, queue, needs."""
    s = session(ctx)
    rows = (await s.ask(ops.ROWS, ops.RigFilter(rig=rig))).rows
    if s.json:
        s.give(status_json(rows), "")
    else:
        s.say(_tree(s, rows))


def status_json(rows: list[Row]) -> dict[str, Any]:
    """The town for programs (`docs/json.md`)."""
    by_kind: dict[str, list[Row]] = {}
    for r in rows:
        by_kind.setdefault(r.kind, []).append(r)
    boot = by_kind.get("boot", [])
    return {
        "town": {"state": boot[0].state if boot else "unknown"},
        "hosts": [{"name": r.id, "state": r.state, "agents": r.attempt} for r in by_kind.get("host", [])],
        "agents": [
            agent_row(r)
            for kind in ("mayor", "boot", "witness", "refinery", "polecat", "crew")
            for r in by_kind.get(kind, [])
        ],
        "rigs": [rig_row(r, rows) for r in by_kind.get("rig", [])],
        "needs": [n.model_dump() for n in needs(rows)],
    }


def _tree(s: Session, rows: list[Row]) -> str:
    p = s.paint
    boot = next((r for r in rows if r.kind == "boot"), None)
    waiting = needs(rows)
    lines = [f"{p.paint('town', 'bold')}  {p.state(boot.state if boot else 'unknown')}  {s.home.root}"]
    for r in rows:
        if r.kind == "host":
            lines.append(f"├ host {r.id}  {p.state(r.state)}  {r.attempt} places")
    for rig in sorted((r for r in rows if r.kind == "rig"), key=lambda r: r.id):
        mine = [r for r in rows if r.rig == rig.id]
        entries = sum(r.kind == "entry" for r in mine)
        waits = f", {rig.attempt} waiting" if rig.attempt else ""
        lines.append(f"├ {p.paint(rig.id, 'bold')}  {p.state(rig.state)}  → {rig.title}, {entries} in the queue{waits}")
        order = {"witness": 0, "refinery": 1, "crew": 2, "polecat": 3}
        parts = sorted((r for r in mine if r.kind in order), key=lambda r: (order[r.kind], r.id))
        for index, r in enumerate(parts):
            branch = "└" if index == len(parts) - 1 else "├"
            name = r.id.partition("/")[2]
            detail = "  ".join(t for t in (r.item, since(r.updated) if r.item else "", r.title) if t)
            lines.append(f"│ {branch} {name:<12} {p.state(r.state)}  {detail}".rstrip())
    counts: dict[str, int] = {}
    for r in rows:
        if r.kind == "work":
            counts[r.state] = counts.get(r.state, 0) + 1
    shown = "  ".join(f"{p.state(state)} {count}" for state, count in counts.items())
    lines.append(f"├ work  {shown or 'none'}")
    lines.append(f"└ needs  {p.paint(f'{len(waiting)} wait for you: `rgt needs`', 'yellow') if waiting else 'nothing'}")
    return "\n".join(lines)


async def version(ctx: typer.Context) -> None:
    """Show the version."""
    s = session(ctx)
    s.give({"version": rgt.__version__}, f"rgt {rgt.__version__}")
