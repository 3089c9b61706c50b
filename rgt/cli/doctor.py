"""`rgt doctor`: what is wrong with this town, why, and what to do; `--fix` repairs what is safe."""

from __future__ import annotations

from typing import Annotated

import typer

from rgt.cli.session import Session, session
from rgt.cli.system import check_lines, check_rows
from rgt.host import doctor as machine
from rgt.host.install import Check
from rgt.model.errors import RgtError


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(doctor)


async def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what is safe to repair.")] = False,
) -> None:
    """Look for what is wrong and how to repair it. Fails when the town is unhealthy."""
    s = session(ctx)
    s.must_be_local("rgt doctor")
    if fix and s.who.agent:
        raise RgtError("denied", f"a {s.who.role} may not repair the town", "ask with `rgt escalate`")
    checks = await _examine(s)
    fixed: list[str] = []
    if fix:
        fixed = await _fix(s, checks)
        checks = await _examine(s)
    bad, odd = sum(c.ok is False for c in checks), sum(c.ok is None for c in checks)
    said = [f"{s.paint.paint('fixed', 'green')}  {line}" for line in fixed]
    summary = f"{len(checks)} checks: " + (", ".join(_counts(bad, odd)) or "all is well")
    value = {"healthy": not bad, "checks": check_rows(checks), "fixed": fixed}
    s.give(value, "\n".join([*said, *check_lines(s, checks), "", summary]))
    s.code = 1 if bad else 0


async def _examine(s: Session) -> list[Check]:
    from rgt.worker import health

    s.progress("looking at this machine")
    try:
        checks = await machine.examine(s.home)
        s.progress("asking Temporal")
        return checks + await health.examine(s.home)
    finally:
        s.progress("")


async def _fix(s: Session, checks: list[Check]) -> list[str]:
    from rgt.worker import health

    theirs = {*health.PROBES}
    local = [c for c in checks if c.name not in theirs]
    return await machine.fix(s.home, local) + await health.fix(s.home, checks)


def _counts(bad: int, odd: int) -> list[str]:
    said = [f"{bad} wrong"] if bad else []
    return said + ([f"{odd} warning{'s' if odd > 1 else ''}"] if odd else [])
