"""`rgt feed`: the town as it changes, pushed by the worker; it waits while the worker is away."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

import typer

from rgt.cli.render import Painter, since
from rgt.cli.session import Session, session
from rgt.model import operations as ops
from rgt.model.costs import brief
from rgt.model.errors import RgtError
from rgt.model.needs import needs
from rgt.model.planner import in_line
from rgt.model.rows import Row, only_spent, today
from rgt.model.times import from_epoch

EVENTS = 200
"""How many events are kept for the screen."""
PAUSE = 0.3
"""Seconds between two tries to reach a worker that is away."""


@dataclass
class View:
    """What is known of the town at the moment."""

    rig: str = ""
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    events: deque[tuple[float, Row]] = field(default_factory=lambda: deque(maxlen=EVENTS))
    connected: bool = False

    def take(self, rows: list[Row], whole: bool) -> list[Row]:
        """Take in a snapshot or changes; gives the rows that are news."""
        fresh = [r for r in rows if self._is_news(r)]
        first, before = whole and not self.rows, self.rows
        if whole:
            self.rows = {(r.kind, r.id): r for r in rows if not r.gone}
        for r in fresh:
            silent = only_spent(before.get((r.kind, r.id)), r)
            if r.gone:
                self.rows.pop((r.kind, r.id), None)
            else:
                self.rows[r.kind, r.id] = r
            if not first and not silent and self.shows(r):
                self.events.append((time.time(), r))
        return [r for r in fresh if self.shows(r)]

    def _is_news(self, r: Row) -> bool:
        known = self.rows.get((r.kind, r.id))
        return known is None or known.rev < r.rev

    def shows(self, r: Row) -> bool:
        """Whether a row belongs to the rig that was asked for."""
        return not self.rig or self.rig in (r.rig, r.id)


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(feed)


async def feed(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show the dashboard once, then end.")] = False,
    rig: Annotated[str, typer.Option(help="Only this rig.")] = "",
) -> None:
    """Watch the town live. Agents, queue, needs and events on one screen; with --json, a line per change."""
    s = session(ctx)
    s.must_be_local("rgt feed")
    if rig:
        rig = (await s.ask(ops.RIG_SHOW, ops.Id(id=rig))).value["name"]
    view = View(rig)
    if once:
        rows = (await s.ask(ops.ROWS, ops.RigFilter())).rows
        view.take(rows, True)
        view.connected = True
        if s.json:
            s.out += [json_line(0, r) for r in rows if view.shows(r)]
        else:
            s.say("\n".join(dashboard(s.paint, view, str(s.home.root), 0)))
    elif s.json:
        async for seq, rows, whole in changes(s, view):
            s.stream("".join(json_line(seq, r) for r in view.take(rows, whole)))
    else:
        await _screen(s, view)


def json_line(seq: int, r: Row) -> str:
    """One change for programs (`docs/json.md`)."""
    line = {
        "seq": seq,
        "at": from_epoch(r.updated),
        "kind": r.kind,
        "id": r.id,
        "state": "gone" if r.gone else r.state,
        "row": r.model_dump(mode="json"),
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


async def changes(
    s: Session, view: View, lost: Callable[[], None] = lambda: None
) -> AsyncIterator[tuple[int, list[Row], bool]]:
    """Snapshots and changes, for ever: a worker that goes away is waited for. Raises only when none was there at first.

    `lost` is called whenever the worker has gone away."""
    town = s.town_socket()
    while True:
        try:
            async with aclosing(town.subscribe()) as subscribed:
                async for message in subscribed:
                    view.connected = True
                    yield message
        except RgtError as e:
            if e.code != "unreachable":
                raise
            if not view.rows:
                raise RgtError("unreachable", "the town does not run", "`rgt start`") from e
        view.connected = False
        lost()
        await asyncio.sleep(PAUSE)


async def _screen(s: Session, view: View) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(
        no_color=not s.call.colour, highlight=False, width=s.call.columns if s.call.columns < 200 else None
    )

    def draw() -> Text:
        paint = Painter(console.width, s.call.colour)
        lines = dashboard(paint, view, str(s.home.root), console.height - 1)
        return Text.from_ansi(s.fit("\n".join(lines)), no_wrap=True)

    with Live(console=console, screen=True, auto_refresh=False, get_renderable=draw) as live:
        changed = asyncio.Event()

        async def tick() -> None:
            """Redraw at changes, at most twenty times a second, and once a second for the ages."""
            while True:
                live.refresh()
                try:
                    await asyncio.wait_for(changed.wait(), 1.0)
                except TimeoutError:
                    continue
                await asyncio.sleep(0.05)
                changed.clear()

        ticking = asyncio.create_task(tick())
        try:
            async for _, rows, whole in changes(s, view, changed.set):
                view.take(rows, whole)
                changed.set()
        finally:
            ticking.cancel()


def dashboard(paint: Painter, view: View, home: str, height: int) -> list[str]:
    """The screen: what needs a person, agents, queue, and as many events as `height` leaves room for (0: ten)."""
    rows = [r for r in view.rows.values() if view.shows(r)]
    boot = view.rows.get(("boot", "boot"))
    state = (boot.state if boot else "unknown") if view.connected else "the worker is away, waiting"
    work = sum(r.kind == "work" and r.state not in ("merged", "closed") for r in rows)
    spent = brief(*today(view.rows.values(), round(time.time() * 1000)))
    about = f"{work} open items" + (f"  {spent} today" if spent else "")
    lines = [f"{paint.paint('town', 'bold')}  {paint.state(state)}  {home}  {about}", ""]
    waiting = needs(rows)
    if waiting:
        cells = [(n.id, since(n.since), n.what, n.command) for n in waiting]
        lines += _section(paint, f"needs you ({len(waiting)})", paint.columns_of(cells, flexible=2), 8)
    agents = sorted((r for r in rows if r.kind in ("crew", "polecat")), key=lambda r: (r.rig, r.kind, r.id))
    shown = [(r.id, r.state, r.item, since(r.updated), brief(r.cost, r.tokens), r.title) for r in agents]
    room = max(5, height // 3) if height else max(1, len(agents))
    drawn = paint.columns_of(shown, flexible=5, state=1) if shown else ["none"]
    lines += _section(paint, f"agents ({len(agents)})", drawn, room)
    entries = in_line(rows)
    queued = [(f"{r.rig} {place}", r.item, r.state, r.agent, r.title) for place, r in entries]
    drawn = paint.columns_of(queued, flexible=4, state=2) if queued else ["empty"]
    lines += _section(paint, f"merge queue ({len(entries)})", drawn, 8)
    left = height - len(lines) - 1 if height else 10
    recent = list(view.events) or [(r.updated / 1000, r) for r in sorted(rows, key=lambda r: r.updated)]
    lines.append(paint.paint("events", "bold"))
    lines += [f"  {line}" for line in _event_lines(paint, recent[-max(left, 1) :])]
    return lines


def _event_lines(paint: Painter, events: Iterable[tuple[float, Row]]) -> list[str]:
    cells = [(_clock(at), r.kind, r.id, "gone" if r.gone else r.state, r.title or r.alert) for at, r in events]
    return paint.columns_of(cells, flexible=4, state=3) if cells else []


def _section(paint: Painter, title: str, shown: list[str], room: int) -> list[str]:
    more = [f"  … {len(shown) - room} more"] if len(shown) > room else []
    return [paint.paint(title, "bold"), *(f"  {line}" for line in shown[:room]), *more, ""]


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
