"""What agents keep across sessions: checkpoints, handoffs, and the sessions that they have had."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from rgt.cli.render import since
from rgt.cli.session import session
from rgt.host.runtimes import presets, provision
from rgt.host.runtimes.provision import Where
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.runtime import asking
from rgt.model.times import epoch

checkpoint = typer.Typer(help="What an agent has written down of its work.", no_args_is_help=True)
sessions = typer.Typer(help="Sessions that agents have and had.", no_args_is_help=True)
Whose = Annotated[str, typer.Option("--agent", help="Whose: an address such as api/nux; default: the caller's.")]
SessionId = Annotated[str, typer.Argument(help="A session, whole or by a unique prefix.")]


def add_to(app: typer.Typer) -> None:
    """Add these groups and `handoff`."""
    app.add_typer(checkpoint, name="checkpoint")
    app.command()(handoff)
    app.add_typer(sessions, name="session")


@checkpoint.command("write")
async def write(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What is done and what is next, at most 8 KB; - reads it from stdin.")],
    agent: Whose = "",
) -> None:
    """Write down where you are: the next session is told."""
    s = session(ctx)
    written = await s.ask(ops.CHECKPOINT_WRITE, ops.CheckpointWrite(text=s.text_or_stdin(text), agent=agent))
    s.give(written.model_dump(), f"{written.agent}  written{_where(written)}")


@checkpoint.command("read")
async def read(ctx: typer.Context, agent: Whose = "") -> None:
    """Show what was written down."""
    s = session(ctx)
    found = await s.ask(ops.CHECKPOINT_READ, ops.PrimeArgs(agent=agent))
    if found.stale:
        s.note(f"it is about {found.item or 'no item'} on {found.branch or 'no branch'}, not what is worked on now")
    head = f"{found.agent}  {since(epoch(found.at))} ago by {found.by}{_where(found)}" if found.at else "nothing"
    s.give(found.model_dump(), f"{head}\n\n{found.text}" if found.text else head)


@checkpoint.command("clear")
async def clear(ctx: typer.Context, agent: Whose = "") -> None:
    """Forget it."""
    s = session(ctx)
    answer = await s.ask(ops.CHECKPOINT_CLEAR, ops.PrimeArgs(agent=agent))
    s.give(answer.model_dump(), f"{answer.id}  cleared")


def _where(found: ops.CheckpointOf) -> str:
    parts = (f" for {found.item}" if found.item else "", f" on {found.branch}" if found.branch else "")
    return "".join(parts) + (f" at {found.head[:12]}" if found.head else "")


async def handoff(
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(help="What the fresh session must know; - reads it from stdin.")],
) -> None:
    """Go on in a fresh session here. It is told this message."""
    s = session(ctx)
    answer = await s.ask(ops.HANDOFF, ops.HandoffArgs(message=s.text_or_stdin(message)))
    s.give(answer.model_dump(), f"{answer.id}  {answer.message}")


@sessions.command("list")
async def list_sessions(
    ctx: typer.Context,
    agent: Annotated[str, typer.Option(help="Only of this agent, also of what had its name before.")] = "",
    ended: Annotated[bool, typer.Option("--ended", help="Of agents that are gone, too.")] = False,
) -> None:
    """List sessions of agents, oldest first."""
    s = session(ctx)
    rows = (await s.ask(ops.SESSION_LIST, ops.SessionFilter(agent=agent, ended=ended))).rows
    cells = [
        (r.id, r.agent, r.item, str(r.generation), r.began, since(epoch(r.started)), r.how or r.state) for r in rows
    ]
    table = s.paint.table(("SESSION", "AGENT", "ITEM", "GEN", "BEGAN", "AGE", "ENDED"), cells)
    s.give([r.model_dump() for r in rows], table or "no sessions")


@sessions.command("show")
async def show(ctx: typer.Context, id: SessionId) -> None:
    """Show a session."""
    s = session(ctx)
    row = (await s.ask(ops.SESSION_SHOW, ops.Id(id=id))).model_dump()
    lines = [s.paint.paint(row["id"], "bold"), *(f"  {k:<11} {v}" for k, v in row.items() if v and k != "id")]
    s.give(row, "\n".join(lines))


@sessions.command("resume")
async def resume(
    ctx: typer.Context,
    id: SessionId,
    question: Annotated[str, typer.Argument(help="What you want to know; - reads it from stdin.")],
) -> None:
    """Ask a session something. A copy of it answers; its agent notices nothing."""
    s = session(ctx)
    s.must_be_local("rgt session resume")
    if s.who.agent:
        raise RgtError("denied", f"a {s.who.role} may not ask past sessions", "your own: `rgt checkpoint read`")
    row = await s.ask(ops.SESSION_SHOW, ops.Id(id=id))
    rig = row.agent.partition("/")[0]
    preset = presets.configured(s.home, row.runtime, rig)
    if not preset.ask:
        raise RgtError("refused", f"a past session of {row.runtime} cannot be asked", f"`rgt log {row.agent}`")
    directory, worktree = s.home.agent_dir(row.workflow), Path(row.worktree)
    start = presets.Launch(
        python=sys.executable,
        agent_dir=directory,
        mode="resumed",
        session=row.id,
        worktree=worktree,
        name=row.agent,
    )
    if not presets.kept(preset, directory, row.id):
        raise RgtError("refused", f"nothing is kept of the session {row.id}", f"`rgt log {row.agent}`")
    argv = asking(preset, start.values(), s.text_or_stdin(question))
    where = Where(directory, worktree, s.home.rig(rig).hub, settings=presets.settings(s.home, row.runtime, rig))
    env = {**provision.environment(preset, where), **presets.environment(preset, start)}
    if row.worktree and worktree.is_dir():
        os.chdir(row.worktree)
    try:
        os.execvpe(argv[0], argv, {**os.environ, **env, **_nobody(s.home.root)})
    except FileNotFoundError as e:
        raise RgtError("missing", f"{argv[0]} is not installed", "see `rgt doctor`") from e


def _nobody(root: Path) -> dict[str, str]:
    """Environment of a program that is nobody in the town: what a model says there must not be taken for a person."""
    return {"GTR_ROOT": str(root), "GTR_NONCE": f"asked-{secrets.token_hex(8)}"}
