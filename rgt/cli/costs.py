"""What agents cost, and how much they may."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

import typer

from rgt.cli.session import Session, session
from rgt.cli.work import named
from rgt.host.prices import prices_in_force
from rgt.model import operations as ops
from rgt.model.budgets import NONE, BudgetChange, BudgetRow, Scope
from rgt.model.costs import Amount, counted, dollars, money
from rgt.model.errors import RgtError
from rgt.model.spending import By, CostFilter

budget = typer.Typer(help="How much agents may spend.", no_args_is_help=True)
BY = ("item", "agent", "rig", "role", "model", "day")
SCOPES = ("day", "rig", "item")
NO_LIMIT = ("none", "unlimited")


def add_to(app: typer.Typer) -> None:
    """Add `cost` and the group `budget`."""
    app.command()(cost)
    app.add_typer(budget, name="budget")


def cost_row(key: str, a: Amount) -> dict[str, Any]:
    """A sum in lists (`docs/json.md`)."""
    counts = {"answers": a.calls, "input": a.input, "output": a.output, "cache_write": a.write, "cache_read": a.read}
    return {"key": key, **a.short(), **counts}


async def cost(
    ctx: typer.Context,
    by: Annotated[str, typer.Option(help="item, agent, rig, role, model or day.")] = "day",
    days: Annotated[int, typer.Option(help="So many days, today with them; days are those of UTC.")] = 7,
) -> None:
    """Show what was spent. Tokens are those that the agents' programs report, money follows from prices.toml."""
    s = session(ctx)
    if by not in BY:
        raise RgtError("usage", f"costs cannot be summed by {by[:40]!r}", f"--by is one of {', '.join(BY)}")
    found = await s.ask(ops.COST, CostFilter(by=cast(By, by), days=days))
    prices = prices_in_force(s.home)
    if s.json:
        value = {"by": by, "since": found.since, "prices_as_of": prices.as_of}
        rows = [cost_row(r.key, r.amount) for r in found.rows]
        s.give({**value, "rows": rows, "total": cost_row("", found.total)}, "")
        return
    titles = await _titles(s) if by == "item" else {}
    cells = [(r.key or "none", *_cells(r.amount), titles.get(r.key, "")) for r in found.rows]
    if len(cells) > 1:
        cells.append(("total", *_cells(found.total), ""))
    heads = (by.upper(), "USD", "TOKENS", "INPUT", "OUTPUT", "WRITTEN", "READ", "TITLE" if titles else "")
    table = s.paint.table(heads, cells, flexible=7 if titles else -1)
    lines = [table or f"nothing was spent since {found.since}"]
    if found.total.unpriced:
        lines.append(
            f"{counted(found.total.unpriced)} tokens are of models without a price: put it into {s.home.prices}"
        )
    elif table:
        lines.append(s.paint.paint(f"prices of {prices.as_of}", "dim"))
    s.say("\n".join(lines))


async def _titles(s: Session) -> dict[str, str]:
    return {r.id: r.title for r in (await s.ask(ops.WORK_LIST, ops.WorkFilter())).rows}


def _cells(a: Amount) -> tuple[str, ...]:
    kinds = (a.tokens, a.input, a.output, a.write, a.read)
    usd = "?" if a.unpriced == a.tokens else dollars(a.usd) + ("+?" if a.unpriced else "")
    return (usd, *map(counted, kinds))


def budget_row(r: BudgetRow) -> dict[str, Any]:
    """A budget in lists (`docs/json.md`)."""
    return {**r.model_dump(exclude={"spent"}), "spent": r.spent.short()}


@budget.command("list")
async def list_budgets(ctx: typer.Context) -> None:
    """List budgets with what was spent of them today, of items ever."""
    s = session(ctx)
    rows = (await s.ask(ops.BUDGET_LIST, ops.None_())).rows
    if s.json:
        s.give([budget_row(r) for r in rows], "")
        return
    cells = [(_whose(r), _limit(r), _spent(r), r.state, r.source) for r in rows]
    table = s.paint.table(("BUDGET", "LIMIT", "SPENT", "STATE", "FROM"), cells, state=3)
    s.say(table or "nothing is limited · `rgt budget set day --usd USD` limits it")


@budget.command("set")
async def set_budget(
    ctx: typer.Context,
    scope: Annotated[str, typer.Argument(help="day (the whole town), rig (a day of it) or item.")],
    name: Annotated[str, typer.Argument(help="The rig or item; without it: each one.")] = "",
    usd: Annotated[str, typer.Option(help="US dollars; none for no limit.")] = "",
    tokens: Annotated[str, typer.Option(help="Tokens; none for no limit.")] = "",
    default: Annotated[bool, typer.Option("--default", help="Forget what was set: town.toml counts again.")] = False,
) -> None:
    """Set how much may be spent. What waits for it goes on by itself."""
    s = session(ctx)
    if scope not in SCOPES:
        raise RgtError("usage", f"there is no budget of {scope[:40]!r}", f"there are {', '.join(SCOPES)}")
    change = BudgetChange(
        scope=cast(Scope, scope),
        name=await named(s, name) if scope == "item" else name,
        usd=_usd(usd),
        tokens=_tokens(tokens),
        default=default,
    )
    row = await s.ask(ops.BUDGET_SET, change)
    s.give(budget_row(row), f"{_whose(row)}  {_limit(row)}  {_spent(row)}".rstrip())


def _usd(text: str) -> float | None:
    if not text or text in NO_LIMIT:
        return NONE if text else None
    try:
        usd = float(text.removeprefix("$"))
    except ValueError:
        usd = -1.0
    if not 0 <= usd < 1e9:
        raise RgtError("usage", f"{text[:40]!r} is no amount of money", "write --usd 2.50, or --usd none")
    return usd


def _tokens(text: str) -> int | None:
    if not text or text in NO_LIMIT:
        return NONE if text else None
    found = re.fullmatch(r"(\d{1,12})(k|M)?", text.replace("_", ""))
    if found is None:
        raise RgtError("usage", f"{text[:40]!r} is no number of tokens", "write --tokens 500k, or --tokens none")
    return int(found[1]) * {None: 1, "k": 1000, "M": 1_000_000}[found[2]]


def _whose(r: BudgetRow) -> str:
    return {"day": "the town, a day", "rig": f"{r.name or 'each rig'}, a day", "item": r.name or "each item"}[r.scope]


def _limit(r: BudgetRow) -> str:
    limits = [dollars(r.usd)] if r.usd is not None else []
    limits += [f"{counted(r.tokens)} tokens"] if r.tokens is not None else []
    return ", ".join(limits) or "no limit"


def _spent(r: BudgetRow) -> str:
    return money(r.spent.usd, r.spent.tokens, r.spent.unpriced) if r.state else ""
