"""`rgt status`: the town at a glance, what needs a person last."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from rgt.cli.agents import agent_row
from rgt.cli.queue import need_row
from rgt.cli.render import ESCAPE, Painter, cut_to, since, width_of
from rgt.cli.rigs import rig_row
from rgt.cli.session import session
from rgt.model import operations as ops
from rgt.model.costs import brief
from rgt.model.needs import needs
from rgt.model.planner import in_line
from rgt.model.rows import Row, today

TOWNSFOLK = ("mayor", "boot")
ROLES = ("witness", "refinery", "crew", "polecat")
BUSY = ("working", "running", "testing", "merging")
SOON = ("starting", "ending", "stopping")
STUCK = ("waiting", "limited", "stuck", "paused", "lost", "failed", "dead")
QUEUE_SHOWN = 5


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(status)


async def status(ctx: typer.Context, rig: Annotated[str, typer.Option(help="Only this rig.")] = "") -> None:
    """Show the town and what needs a person. Machines, rigs, agents and queues as a tree."""
    s = session(ctx)
    if rig:
        rig = (await s.ask(ops.RIG_SHOW, ops.Id(id=rig))).value["name"]
    rows = (await s.ask(ops.ROWS, ops.RigFilter(rig=rig))).rows
    spent = today(rows, round(time.time() * 1000))
    if rig:
        rows = [r for r in rows if r.rig == rig or r.id == rig or r.kind == "boot"]
    s.give(status_json(rows, spent), tree(s.paint, rows, str(s.home.root), spent) if not s.json else "")


def status_json(rows: list[Row], spent: tuple[int, int]) -> dict[str, Any]:
    """The town for programs (`docs/json.md`); `spent`: thousandths of a dollar and tokens of today."""
    boot = _one(rows, "boot")
    mills, tokens = spent
    return {
        "town": {"state": boot.state if boot else "unknown", "cost_today": mills / 1000, "tokens_today": tokens},
        "hosts": [{"name": r.id, "state": r.state, "agents": r.attempt} for r in rows if r.kind == "host"],
        "agents": [agent_row(r) for kind in (*TOWNSFOLK, *ROLES) for r in rows if r.kind == kind],
        "rigs": [rig_row(r, rows) for r in sorted(rows, key=lambda r: r.id) if r.kind == "rig"],
        "needs": [need_row(n) for n in needs(rows)],
    }


@dataclass
class Line:
    """One line of the tree: what hangs where, and its cells."""

    stem: str
    name: str
    state: str = ""
    bold: bool = False
    cells: tuple[str, ...] = ()
    """Item, age, process, cost; empty for lines without columns."""
    text: str = ""
    urgent: bool = False


def tree(paint: Painter, rows: list[Row], home: str, spent: tuple[int, int] = (0, 0)) -> str:
    """The town as a tree that fits the terminal."""
    boot = _one(rows, "boot")
    about = f"{home}  {brief(*spent)} today" if any(spent) else home
    lines = [Line("", "town", boot.state if boot else "unknown", bold=True, text=about)]
    lines += [
        Line("├─ ", f"host {r.id}", r.state, text=f"{r.attempt} places for agents") for r in _sorted(rows, "host")
    ]
    mayor = _one(rows, "mayor")
    if mayor is not None:
        lines.append(Line("├─ ", "mayor", mayor.state, text=mayor.alert, urgent=bool(mayor.alert)))
    for rig in _sorted(rows, "rig"):
        lines += _rig(rig, rows)
    lines.append(Line("└─ ", "work", text=_work(paint, rows)))
    drawn = _draw(paint, lines)
    waiting = needs(rows)
    if waiting:
        count = f"{len(waiting)} thing{'s need' if len(waiting) > 1 else ' needs'} you"
        drawn += ["", paint.paint(count, "yellow")]
        cells = [(n.id, since(n.since), n.what, n.command) for n in waiting]
        drawn += [f"  {line}" for line in paint.columns_of(cells, flexible=2)]
    return "\n".join(drawn)


def _rig(rig: Row, rows: list[Row]) -> list[Line]:
    facts = [f"→ {rig.title}"]
    entries = [r for _, r in in_line([r for r in rows if r.rig == rig.id])]
    if rig.attempt:
        facts.append(f"{rig.attempt} waiting for an agent")
    lines = [Line("├─ ", rig.id, rig.state, bold=True, text=", ".join(facts), urgent=bool(rig.alert))]
    mine = sorted((r for r in rows if r.rig == rig.id and r.kind in ROLES), key=lambda r: (ROLES.index(r.kind), r.id))
    quiet = [r for r in mine if r.kind == "witness" and not r.alert]
    for r in mine:
        if r in quiet:
            continue
        name = r.id.partition("/")[2]
        text = r.alert or r.title
        if r.kind == "refinery":
            shown = ", ".join(f"{e.item} {e.state}" for e in entries[:QUEUE_SHOWN])
            more = f", {len(entries) - QUEUE_SHOWN} more" if len(entries) > QUEUE_SHOWN else ""
            text = r.alert or shown + more
        age, pid = since(r.updated) if r.item or r.pid else "", f"pid {r.pid}" if r.pid else ""
        cells = (r.item, age, pid, brief(r.cost, r.tokens))
        urgent = bool(r.alert) or r.state in STUCK
        lines.append(Line("│  ├─ ", name, r.state, cells=cells, text=text, urgent=urgent))
    if len(lines) > 1:
        lines[-1].stem = "│  └─ "
    return lines


def _work(paint: Painter, rows: list[Row]) -> str:
    counts: dict[str, int] = {}
    for r in rows:
        if r.kind == "work":
            counts[r.state] = counts.get(r.state, 0) + 1
    shown = ", ".join(f"{count} {paint.state(state)}" for state, count in sorted(counts.items()))
    return shown or "none · `rgt work create TITLE` makes an item"


def _draw(paint: Painter, lines: list[Line]) -> list[str]:
    names = max(width_of(x.stem + x.name) for x in lines)
    states = max(len(x.state) for x in lines)
    widths = [max((width_of(x.cells[i]) for x in lines if x.cells), default=0) for i in range(4)]
    drawn = []
    for x in lines:
        name = paint.paint(x.name, "bold" if x.bold else "yellow" if x.urgent else "")
        parts = [x.stem + name + " " * (names - width_of(x.stem + x.name))]
        parts.append(f"{_mark(paint, x)} {paint.state(x.state)}{' ' * (states - len(x.state))}")
        used = names + 2 + 2 + states
        for cell, width in zip(x.cells, widths, strict=False):
            if width:
                parts.append(cell.ljust(width))
                used += 2 + width
        text = x.text if ESCAPE in x.text else cut_to(x.text, max(12, paint.columns - used - 2))
        parts.append(paint.paint(text, "yellow") if x.urgent else text)
        drawn.append("  ".join(parts).rstrip())
    return drawn


def _mark(paint: Painter, line: Line) -> str:
    if line.urgent:
        return paint.paint("!", "yellow")
    if not line.state or not line.stem.startswith("│"):
        return " "
    sign = "●" if line.state in BUSY else "◐" if line.state in SOON else "○"
    return paint.paint(sign, "cyan" if sign == "●" else "yellow" if sign == "◐" else "dim")


def _one(rows: list[Row], kind: str) -> Row | None:
    return next((r for r in rows if r.kind == kind), None)


def _sorted(rows: list[Row], kind: str) -> list[Row]:
    return sorted((r for r in rows if r.kind == kind), key=lambda r: r.id)
