"""Agents: polecats, crew, and attaching to their sessions."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from rgt.cli.render import since
from rgt.cli.session import Session, session
from rgt.host.sessions import list_sessions, session_name
from rgt.host.tmux import Tmux
from rgt.model import operations as ops
from rgt.model.costs import brief
from rgt.model.errors import RgtError
from rgt.model.rows import Row
from rgt.model.times import from_epoch

agents = typer.Typer(help="Agents of all roles.", no_args_is_help=True)
polecats = typer.Typer(help="Polecats: one item each.", no_args_is_help=True)
crew = typer.Typer(help="Crew: agents with a workspace of their own.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="An agent's address (api/nux), or its name alone.")]
SPENDERS = ("polecat", "crew")
"""Whose row says what they have used themselves; that of the mayor says it of the town."""
KINDS = ("mayor", "boot", "witness", "refinery", "polecat", "crew")


def add_to(app: typer.Typer) -> None:
    """Add these groups and `attach`."""
    app.add_typer(agents, name="agents")
    app.add_typer(polecats, name="polecat")
    app.add_typer(crew, name="crew")
    app.command()(attach)


def agent_row(r: Row) -> dict[str, Any]:
    """An agent in lists (`docs/json.md`)."""
    return {
        "id": r.id,
        "address": r.id,
        "role": r.kind,
        "rig": r.rig,
        "state": r.state,
        "item": r.item,
        "pid": r.pid,
        "runtime": "",
        "since": from_epoch(r.updated),
        "cost": r.cost / 1000 if r.kind in SPENDERS else 0.0,
        "tokens": r.tokens if r.kind in SPENDERS else 0,
    }


def _spent(r: Row) -> str:
    return brief(r.cost, r.tokens) if r.kind in SPENDERS else ""


async def _list(s: Session, kinds: tuple[str, ...], rig: str) -> None:
    rows = [r for r in (await s.ask(ops.ROWS, ops.RigFilter(rig=rig))).rows if r.kind in kinds]
    rows.sort(key=lambda r: (r.rig, KINDS.index(r.kind), r.id))
    if s.json:
        s.give([agent_row(r) for r in rows], "")
        return
    cells = [(r.id, r.kind, r.state, r.item, str(r.pid or ""), since(r.updated), _spent(r), r.title) for r in rows]
    heads = ("AGENT", "ROLE", "STATE", "ITEM", "PID", "AGE", "COST", "TITLE")
    table = s.paint.table(heads, cells, flexible=7, state=2)
    s.say(table or "no agents · `rgt sling ID --target RIG` starts one")


@agents.command("list")
async def list_agents(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """List all agents."""
    await _list(session(ctx), KINDS, rig)


@polecats.command("list")
async def list_polecats(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """List polecats."""
    await _list(session(ctx), ("polecat",), rig)


@crew.command("list")
async def list_crew(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """List crew members."""
    await _list(session(ctx), ("crew",), rig)


async def _show(s: Session, address: str) -> None:
    value = (await s.ask(ops.AGENT_SHOW, ops.Id(id=address))).value
    hidden = ("rev", "start", "id", "sessions", "checkpoint")
    shown = {k: v for k, v in value.items() if v not in ("", [], {}, None, False) and k not in hidden}
    start = value.get("start") or {}
    lines = [s.paint.paint(value["id"], "bold")]
    for key, fact in {**{k: start[k] for k in ("item", "attempt") if k in start}, **shown}.items():
        lines += [f"  {key}", *(f"    {x}" for x in fact)] if isinstance(fact, list) else [f"  {key:<11} {fact}"]
    s.give(value, "\n".join(lines))


@agents.command("show")
async def show_agent(ctx: typer.Context, agent: Address) -> None:
    """Show an agent."""
    await _show(session(ctx), agent)


@polecats.command("status")
async def polecat_status(ctx: typer.Context, agent: Address) -> None:
    """Show a polecat."""
    await _show(session(ctx), agent)


async def _do(ctx: typer.Context, operation: ops.Operation[ops.Id, ops.Answer], agent: str, word: str) -> None:
    s = session(ctx)
    answer = await s.ask(operation, ops.Id(id=agent))
    s.give(answer.model_dump(), f"{answer.id}  {word}")


@agents.command("start")
async def start_agent(ctx: typer.Context, agent: Address) -> None:
    """Start a crew member's session."""
    await _do(ctx, ops.AGENT_START, agent, "starting")


@agents.command("stop")
async def stop_agent(ctx: typer.Context, agent: Address) -> None:
    """End an agent's session; its work is kept."""
    await _do(ctx, ops.AGENT_STOP, agent, "stopping")


@agents.command("restart")
async def restart_agent(ctx: typer.Context, agent: Address) -> None:
    """A fresh process on the same worktree."""
    await _do(ctx, ops.AGENT_RESTART, agent, "restarting")


@polecats.command("kill")
async def kill(ctx: typer.Context, agent: Address) -> None:
    """End a polecat's session; its work is kept. Its item is dispatched again."""
    await _do(ctx, ops.AGENT_STOP, agent, "killed, its work is kept; another agent goes on with its item")


@crew.command("create")
@crew.command("add", hidden=True)
async def create_crew(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name, unique in the rig.")],
    rig: Annotated[str, typer.Option(help="The rig.")],
    runtime: Annotated[str, typer.Option(help="Agent runtime, such as scripted.")] = "",
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start its session at once.")] = True,
) -> None:
    """Make a crew member: a workspace and a session that stay."""
    s = session(ctx)
    answer = await s.ask(ops.CREW_CREATE, ops.CrewCreate(name=name, rig=rig, runtime=runtime))
    if start:
        await s.town.call(ops.AGENT_START, ops.Id(id=answer.id))
        answer.state = "starting"
    s.give(answer.model_dump(), f"{answer.id}  {answer.state}")


@crew.command("start")
async def start_crew(ctx: typer.Context, agent: Address) -> None:
    """Start a crew member's session."""
    await _do(ctx, ops.AGENT_START, agent, "starting")


@crew.command("stop")
async def stop_crew(ctx: typer.Context, agent: Address) -> None:
    """End a crew member's session; its workspace stays."""
    await _do(ctx, ops.AGENT_STOP, agent, "stopping")


@crew.command("remove")
async def remove_crew(ctx: typer.Context, agent: Address) -> None:
    """Remove a crew member; what is in its workspace is saved."""
    await _do(ctx, ops.CREW_REMOVE, agent, "removed")


async def attach(
    ctx: typer.Context,
    agent: Address,
    read_only: Annotated[bool, typer.Option("--read-only", "-r", help="Only watch.")] = False,
) -> None:
    """Look into an agent's terminal, or type in it. Ctrl+\\ leaves it running."""
    s = session(ctx)
    s.must_be_local("rgt attach")
    tmux = Tmux(s.home.agents_tmux, s.home.tmux_conf)
    sessions = {x.name: x for x in await list_sessions(tmux)}
    address = agent
    if session_name(agent) not in sessions:
        rows = [r for r in (await s.ask(ops.ROWS, ops.RigFilter())).rows if r.kind in ("polecat", "crew")]
        address = next((r.id for r in rows if agent in (r.id, r.id.partition("/")[2])), agent)
    found = sessions.get(session_name(address))
    if found is None:
        raise RgtError("not_found", f"{agent} has no session", "see `rgt agents list`")
    if not found.alive:
        raise RgtError("refused", f"the session of {agent} is dead", f"`rgt agents restart {agent}`")
    argv = tmux.attach_argv(session_name(address), read_only)
    env = {k: v for k, v in os.environ.items() if k != "TMUX"}
    os.execvpe(argv[0], argv, env)
