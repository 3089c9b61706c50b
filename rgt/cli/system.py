"""The town itself: install, start, stop, up, down, the worker, sessions, version."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import rgt
from rgt.cli import lifecycle
from rgt.cli.session import RunWorker, Session, session
from rgt.host import daemon, sessions
from rgt.host.install import Check, check, install
from rgt.host.tmux import Tmux
from rgt.model import operations as ops
from rgt.model.errors import RgtError

worker = typer.Typer(help="The worker, which is the daemon.", no_args_is_help=True)
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("!", "yellow")}
WORDS = {True: "ok", False: "bad", None: "warn"}


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("install")(install_town)
    for verb in (start, stop, up, down):
        app.command()(verb)
    app.command("sessions")(list_sessions)
    app.command()(version)
    app.add_typer(worker, name="worker")


async def install_town(
    ctx: typer.Context,
    check_only: Annotated[bool, typer.Option("--check", help="Only look at what this machine has.")] = False,
) -> None:
    """Make the town's home. Says what this machine lacks and how to get it."""
    s = session(ctx)
    s.must_be_local("rgt install")
    steps = [] if check_only else install(s.home)
    checks = check()
    made = [step for step in steps if step.state == "made"]
    lines = [f"{s.paint.paint('made', 'green')}  {step.path}  {step.what}" for step in made]
    if steps and not made:
        lines.append(f"{s.home.root} is complete")
    lines += check_lines(s, checks)
    value = {"home": str(s.home.root), "steps": [x.model_dump() for x in steps], "checks": check_rows(checks)}
    s.give(value, "\n".join(lines))
    s.code = 1 if any(c.ok is False for c in checks) else 0


def check_rows(checks: list[Check]) -> list[dict[str, Any]]:
    """What was looked at, for programs (`docs/json.md`)."""
    return [
        {
            "name": c.name,
            "rig": c.rig,
            "state": WORDS[c.ok],
            "cause": c.cause,
            "remedy": c.remedy,
            "fixable": c.fixable and not c.ok,
        }
        for c in checks
    ]


def check_lines(s: Session, checks: list[Check]) -> list[str]:
    """What was looked at, for people: a mark, a name, what was found, and below it what to do."""
    names = [f"{c.rig}: {c.name}" if c.rig else c.name for c in checks]
    width = max(map(len, names), default=0)
    lines = []
    for name, c in zip(names, checks, strict=True):
        lines.append(f"{s.paint.paint(*MARKS[c.ok])} {name.ljust(width)}  {c.cause}".rstrip())
        if c.remedy and not c.ok:
            lines.append(f"  {' ' * width}  → {c.remedy}")
    return lines


async def start(
    ctx: typer.Context,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, show what the worker says, and stop the town at Ctrl+C.")
    ] = False,
) -> None:
    """Start the town: Temporal, the worker, the workflows. Nothing is done twice."""
    s = session(ctx)
    s.must_be_local("rgt start")
    if s.who.agent:
        raise RgtError("denied", f"a {s.who.role} may not start the town", "ask with `rgt escalate`")
    try:
        started = await lifecycle.start(s.home, s.progress)
    finally:
        s.progress("")
    text = f"the town runs at {s.home.root}"
    if not foreground:
        s.give(started, text)
        return
    s.give(started, f"{text}; Ctrl+C stops it")
    s.stream(s.out.pop())
    await lifecycle.watch(s.home, lambda said: None if s.json else s.stream(said))
    await lifecycle.stop(s.home, s.who, s.town, keep_agents=False)
    s.code = 0
    s.note("the town is stopped")


async def stop(
    ctx: typer.Context,
    keep_agents: Annotated[bool, typer.Option("--keep-agents", help="Leave agents running.")] = False,
) -> None:
    """Stop what `start` made, in order; agents' work is saved."""
    s = session(ctx)
    s.must_be_local("rgt stop")
    s.progress("saving the agents' work, then stopping")
    try:
        stopped = await lifecycle.stop(s.home, s.who, s.town, keep_agents=keep_agents)
    finally:
        s.progress("")
    s.give(stopped, "the town is stopped" if stopped["stopped"] else "nothing ran")


async def up(ctx: typer.Context) -> None:
    """Wake the town after `down`."""
    s = session(ctx)
    answer = await s.ask(ops.TOWN_UP, ops.None_())
    await lifecycle.awake(s.town)
    s.give(answer.model_dump(), "the town is up")


async def down(ctx: typer.Context) -> None:
    """Put the town to sleep. Agents end with their work saved, dispatch and landings wait."""
    s = session(ctx)
    answer = await s.ask(ops.TOWN_DOWN, ops.None_())
    await lifecycle.asleep(s.town)
    s.give(answer.model_dump(), "the town is down; `rgt up` goes on")


@worker.command("run")
def run_worker(ctx: typer.Context, host: Annotated[str, typer.Option(help="Name of this machine.")] = "") -> None:
    """Run the worker in the foreground."""
    s = session(ctx)
    s.must_be_local("rgt worker run")
    raise RunWorker(s.home, host)


async def list_sessions(ctx: typer.Context) -> None:
    """List the tmux sessions of the town on this machine."""
    s = session(ctx)
    rows = await session_rows(s)
    cells = [(r["name"], r["state"], str(r["pid"] or ""), r["agent"], r["attach"]) for r in rows]
    table = s.paint.table(("SESSION", "STATE", "PID", "AGENT", "ATTACH WITH"), cells, flexible=4, state=1)
    s.give(rows, table or "no sessions")


async def session_rows(s: Session) -> list[dict[str, Any]]:
    """Sessions of agents, then of the programs in the background (`docs/json.md`)."""
    found = await sessions.list_sessions(Tmux(s.home.agents_tmux, s.home.tmux_conf))
    rows = [
        {
            "name": x.name,
            "agent": x.agent,
            "state": "running" if x.alive else "dead",
            "pid": x.pid if x.alive else 0,
            "generation": x.generation,
            "attach": f"rgt attach {x.name.removeprefix(sessions.PREFIX)}",
        }
        for x in sorted(found, key=lambda x: x.name)
    ]
    for name in ("temporal", "worker"):
        if daemon.daemon_pid(s.home, name) is not None:
            child = daemon.daemon_child(s.home, name)
            rows.append(
                {
                    "name": name,
                    "agent": "",
                    "state": "running" if child else "dead",
                    "pid": child or 0,
                    "generation": 0,
                    "attach": f"tmux -S {s.home.daemon_tmux} attach -t {name}",
                }
            )
    return rows


async def version(ctx: typer.Context) -> None:
    """Show the version."""
    s = session(ctx)
    s.give({"version": rgt.__version__}, f"rgt {rgt.__version__}")
