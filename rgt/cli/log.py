"""`rgt log`: what happened in the town, or to one thing, from workflow histories."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from rgt.cli.feed import View, changes
from rgt.cli.render import clock
from rgt.cli.session import Session, session
from rgt.cli.work import named
from rgt.model import operations as ops
from rgt.model.operations import LogLine
from rgt.model.rows import Row
from rgt.model.times import from_epoch


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(log)


async def log(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="An item, agent or rig; default: the whole town.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=5000, help="How many lines.")] = 200,
) -> None:
    """What happened: who did what, when."""
    s = session(ctx)
    if id:
        id = await named(s, id)
    found = (await s.ask(ops.LOG, ops.LogArgs(id=id, limit=limit))).rows
    if not follow:
        text = "\n".join(_line(s, x) for x in found)
        s.give([x.model_dump() for x in found], text or "nothing has happened yet")
        return
    s.must_be_local("rgt log --follow")
    for x in found:
        _show(s, x)
    view, known = View(), False
    async for _, rows, whole in changes(s, view):
        news = view.take(rows, whole)
        if known:
            for r in news:
                if not id or r.id.startswith(id):
                    _show(s, event(r))
        known = True


def event(r: Row) -> LogLine:
    """A changed row as a line of the log."""
    detail = " · ".join(t for t in (r.title, r.agent, r.alert) if t)
    what = f"{r.kind} {'gone' if r.gone else r.state}".rstrip()
    return LogLine(at=from_epoch(r.updated), id=r.id, what=what, detail=detail)


def _show(s: Session, x: LogLine) -> None:
    s.stream(json.dumps(x.model_dump(), ensure_ascii=False) + "\n" if s.json else _line(s, x) + "\n")


def _line(s: Session, x: LogLine) -> str:
    text = f"{s.paint.paint(clock(x.at), 'dim')}  {x.id.ljust(18)}  {x.what.ljust(18)}  {x.detail}".rstrip()
    return text if s.call.colour else text[: max(40, s.call.columns)]
