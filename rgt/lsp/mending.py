"""Fixes: work items about what the merge queue has sent back."""

from __future__ import annotations

from rgt.model import operations as ops
from rgt.model.diagnostics import Diagnostic
from rgt.model.problems import Problem
from rgt.model.rows import cut

PLACES = 20
"""Places that a fix is told of."""
TITLE = 120
WORKED_ON = ("queued", "assigned", "in_progress")
"""States of an item whose author has got it back, or is about to."""


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
        title=cut(f"Fix {problem.item}: {first}", TITLE),
        description="\n\n".join(p for p in parts if p) + "\n",
        rig=problem.rig,
        fixes=problem.item,
    )


def _quoted(text: str) -> str:
    # What a gate has printed is not ours: it must not end the block.
    return "\n".join(["```text", text.replace("```", "'''"), "```"])
