"""Rigs: repositories of the town."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rgt.cli.session import session
from rgt.host.config import set_rig_key
from rgt.host.detect import detect_gates, detect_target
from rgt.model import operations as ops
from rgt.model.config import RigConfig
from rgt.model.errors import RgtError
from rgt.model.ids import check_name
from rgt.model.rows import Row

rig = typer.Typer(help="Rigs: repositories of the town.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The rig.")]


def add_to(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(rig, name="rig")


@rig.command("add")
async def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the rig: a-z, 0-9 and -.")],
    path: Annotated[str, typer.Option(help="A repository on this machine.")] = "",
    git_url: Annotated[str, typer.Option(help="A repository elsewhere.")] = "",
    target: Annotated[str, typer.Option(help="Branch that work lands on; default: the repository's own.")] = "",
    gate: Annotated[list[str] | None, typer.Option(help="A gate as name=command; may be repeated.")] = None,
    no_gates: Annotated[bool, typer.Option("--no-gates", help="Land without any gate.")] = False,
    landing: Annotated[str, typer.Option(help="local, push or pr; default: local for a path, push for a URL.")] = "",
    strategy: Annotated[str, typer.Option(help="squash, rebase or merge.")] = "squash",
    max_polecats: Annotated[int, typer.Option(help="Agents at once.")] = 4,
) -> None:
    """Add a repository to the town."""
    s = session(ctx)
    check_name("rig", name)
    if bool(path) == bool(git_url):
        raise RgtError("usage", "a rig needs one of --path and --git-url", f"`rgt rig add {name} --path .`")
    where = Path(os.path.normpath(s.cwd / Path(path).expanduser())) if path else None
    if where is not None and not where.is_dir():
        raise RgtError("not_found", f"there is no directory {where}", "give the path of a git repository")
    gates = [_gate(g) for g in gate or []]
    detected = not gates and not no_gates and where is not None
    if detected and where is not None:
        gates = [g.model_dump(mode="json") for g in detect_gates(where)]
    config = RigConfig.model_validate(
        {
            "target": target or (await detect_target(where) if where else "main"),
            "strategy": strategy,
            "landing": landing or ("local" if where else "push"),
            "max_polecats": max_polecats,
            "no_gates": no_gates,
            "source": {"path": str(where)} if where else {"git_url": git_url},
            "gate": gates,
        }
    )
    made = (await s.ask(ops.RIG_ADD, ops.RigAdd(name=name, config=config))).value
    lines = [f"{s.paint.paint(name, 'bold')}  {s.paint.state('open')}  lands on {config.target} ({config.landing})"]
    lines += [f"  gate {g.name}: {g.run}" + ("  (found in the repository)" if detected else "") for g in config.gates]
    if not config.gates and not no_gates:
        lines.append("  no gates were found: work runs, landings are held; see `rgt needs`")
    s.give(made, "\n".join(lines))


def _gate(text: str) -> dict[str, Any]:
    name, equals, run = text.partition("=")
    if not equals or not run.strip():
        raise RgtError("usage", f"{text[:40]!r} is no gate", "write name=command, such as test='pytest -q'")
    return {"name": name.strip(), "run": run.strip()}


@rig.command("list")
async def list_rigs(ctx: typer.Context) -> None:
    """List rigs."""
    s = session(ctx)
    rows = (await s.ask(ops.ROWS, ops.RigFilter())).rows
    rigs = sorted((r for r in rows if r.kind == "rig"), key=lambda r: r.id)
    if s.json:
        s.give([rig_row(r, rows) for r in rigs], "")
        return
    cells = [
        (r.id, r.state, r.title, str(rig_row(r, rows)["agents"]), str(rig_row(r, rows)["queue"]), str(r.attempt))
        for r in rigs
    ]
    table = s.paint.table(("RIG", "STATE", "TARGET", "AGENTS", "QUEUE", "WAITING"), cells, state=1)
    s.say(table or "no rigs · `rgt rig add NAME --path PATH` adds one")


def rig_row(r: Row, rows: list[Row]) -> dict[str, Any]:
    """A rig in lists (`docs/json.md`)."""
    return {
        "id": r.id,
        "name": r.id,
        "state": r.state,
        "target": r.title,
        "agents": sum(x.kind in ("polecat", "crew") and x.rig == r.id for x in rows),
        "queue": sum(x.kind == "entry" and x.rig == r.id for x in rows),
        "waiting": r.attempt,
    }


@rig.command("status")
async def status(ctx: typer.Context, name: Name) -> None:
    """Show a rig."""
    s = session(ctx)
    value = (await s.ask(ops.RIG_SHOW, ops.Id(id=name))).value
    config = value["config"]
    queue = (await s.ask(ops.AGENT_SHOW, ops.Id(id=f"{value['name']}/refinery"))).value
    lines = [
        f"{s.paint.paint(value['name'], 'bold')}  {s.paint.state(value['state'])}",
        f"  source    {config['source'].get('path') or config['source'].get('git_url')}",
        f"  target    {config['target']} ({config['landing']}, {config['strategy']})",
        f"  polecats  {len(value['live'])} of {config['max_polecats']}, {len(value['queue'])} waiting",
        *(f"  gate      {g['name']}: {g['run']}" for g in config["gate"]),
        *(f"  landing   {said}" for said in (queue["paused"], queue["alert"]) if said),
        f"  settings  {s.home.rig(value['name']).rig_toml}",
    ]
    s.give(value, "\n".join(lines))


@rig.command("set")
async def set_key(
    ctx: typer.Context,
    name: Name,
    key: Annotated[str, typer.Argument(help="A key of rig.toml, such as max_polecats.")],
    value: Annotated[str, typer.Argument(help="Its value.")],
) -> None:
    """Change one setting of a rig; the town takes it up at once."""
    s = session(ctx)
    shown = (await s.ask(ops.RIG_SHOW, ops.Id(id=name))).value
    if s.who.role != "person":
        raise RgtError("denied", f"a {s.who.role} may not change a rig", "ask with `rgt escalate`")
    config = set_rig_key(s.home, shown["name"], key, value)
    s.give(config.model_dump(mode="json", by_alias=True), f"{shown['name']}  {key} = {value}")


async def _do(ctx: typer.Context, operation: ops.Operation[ops.Id, ops.Answer], name: str) -> None:
    s = session(ctx)
    answer = await s.ask(operation, ops.Id(id=name))
    s.give(answer.model_dump(), f"{answer.id}  {s.paint.state(answer.state)}")


@rig.command("park")
async def park(ctx: typer.Context, name: Name) -> None:
    """No new work for a rig; what runs finishes."""
    await _do(ctx, ops.RIG_PARK, name)


@rig.command("unpark")
async def unpark(ctx: typer.Context, name: Name) -> None:
    """New work for a parked rig again."""
    await _do(ctx, ops.RIG_UNPARK, name)


@rig.command("remove")
async def remove(ctx: typer.Context, name: Name) -> None:
    """Remove a rig; its repository with all saved work is kept aside."""
    await _do(ctx, ops.RIG_REMOVE, name)
