"""Fixes: work items about what the merge queue has sent back, and what becomes of that when they have landed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rgt.host.git import try_git
from rgt.model import operations as ops
from rgt.model.diagnostics import Diagnostic
from rgt.model.errors import RgtError
from rgt.model.problems import Problem
from rgt.model.rows import Row, cut

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
PLACES = 20
"""Places that a fix is told of."""
TITLE = 120
LABEL = "fix"
"""What tells a fix from an item that somebody has only called so."""
WORKED_ON = ("queued", "assigned", "in_progress")
"""States of an item whose author has got it back, or is about to."""


def title_of(item: str) -> str:
    """How the title of every fix of an item begins: rows tell no more of it."""
    return f"Fix {item}: "


def fixes(rows: list[Row], item: str) -> list[Row]:
    """The items that are fixes of this one."""
    return [r for r in rows if r.kind == "work" and r.title.startswith(title_of(item))]


def is_landed_fix(row: Row) -> bool:
    """Whether this is a fix of some item, and has landed."""
    return row.kind == "work" and row.state == "merged" and row.title.startswith("Fix gt-")


def new_fix(problem: Problem, chosen: Diagnostic | None) -> ops.WorkCreate:
    """The item that asks for a fix; `chosen` is what the person has pointed at, which is told first."""
    told = [chosen] if chosen else []
    told += [d for d in problem.diagnostics if d is not chosen]
    places = [f"{d.place}: {d.words()}" + (f" ({d.test})" if d.test else "") for d in told[:PLACES]]
    places += [c.place for c in problem.clashes[:PLACES]]
    what = f"gate {problem.gate} said no" if problem.kind == "failed" else "it is in conflict with the target"
    parts = [
        f"The merge queue has sent {problem.item} ({problem.title}) back: {what}.",
        _quoted("\n".join(places) or problem.message),
        f"The whole output: {problem.log}" if problem.log else "",
        f"Its change is not in the target yet. Begin with it: `git merge --no-edit {problem.head}`. Then put right "
        "what is wrong with it, see that the gate passes, and finish. What you finish lands in its place.",
    ]
    first = told[0].words() if told else problem.message
    return ops.WorkCreate(
        title=cut(f"{title_of(problem.item)}{first}", TITLE),
        description="\n\n".join(p for p in parts if p) + "\n",
        rig=problem.rig,
        labels=[LABEL],
    )


async def settle(server: RgtServer, problem: Problem, fix: Row) -> None:
    """A fix has landed: the item is closed when its own work has landed with it, and tried again when not."""
    try:
        landed = (await server.call(ops.WORK_SHOW, ops.Id(id=fix.id))).value
        if LABEL not in (landed.get("labels") or ()):
            return
        head, sha = str(landed.get("head") or ""), str(landed.get("sha") or "")
        hub = server.home.rig(problem.rig).hub
        if (await try_git(hub, "merge-base", "--is-ancestor", problem.head, head)).code == 0:
            why = ops.TextArgs(id=problem.item, message=f"landed with {fix.id} as {sha[:10]}")
            await server.operate(ops.WORK_CLOSE, why)
        else:
            await server.operate(ops.MQ_RETRY, ops.Id(id=problem.item))
    except RgtError as e:
        # Somebody may have done so before, or this caller must not.
        log.info("%s stays as it is after %s: %s", problem.item, fix.id, e.line())


def _quoted(text: str) -> str:
    # What a gate has printed is not ours: it must not end the block.
    return "\n".join(["```text", text.replace("```", "'''"), "```"])
