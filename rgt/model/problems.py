"""What the merge queue has sent back and nobody has answered yet, as programs ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from rgt.model.base import Model
from rgt.model.diagnostics import Clash, Diagnostic
from rgt.model.queue import Verdict
from rgt.model.rows import Row

ANSWERED = frozenset({"submitted", "merging", "merged", "closed"})
"""States of an item in which what was said to its earlier head counts no more."""


class Problem(Model):
    """A head that was sent back: its gate's failure, or its conflict with the target."""

    rig: str
    item: str
    title: str = ""
    agent: str = ""
    """Address of the author, who has the item; empty for a person's own branch."""
    kind: Literal["failed", "conflict"]
    head: str
    """What its author has finished."""
    sha: str = ""
    """The commit that was tested: lines of `diagnostics` are those of its files. Empty for a conflict."""
    base: str = ""
    """The target's head at that time: the target's lines of `clashes` are those of its files."""
    gate: str = ""
    log: str = ""
    """Path of the gate's whole output."""
    message: str = ""
    diagnostics: list[Diagnostic] = Field(default_factory=list)
    cut: int = 0
    """How many diagnostics were left out."""
    clashes: list[Clash] = Field(default_factory=list)


def problems(rig: str, verdicts: Iterable[Verdict], rows: Iterable[Row]) -> Iterator[Problem]:
    """The problems of a rig, from the verdicts of its queue, newest last, and the rows of its items."""
    items = {r.id: r for r in rows if r.kind == "work"}
    for v in {v.item: v for v in verdicts}.values():
        row = items.get(v.item)
        if row is None or row.state in ANSWERED or v.kind not in ("failed", "conflict"):
            continue
        told = {"rig": rig, "item": v.item, "title": row.title, "agent": row.agent, "kind": v.kind, "head": v.head}
        bad = next((g for g in v.gates if g.outcome == "fail"), None)
        if bad:
            told |= {"gate": bad.name, "log": bad.log}
        yield Problem.model_validate(
            {
                **told, "sha": v.sha, "base": v.base, "message": v.message, "clashes": v.clashes,
                "diagnostics": bad.diagnostics if bad else [], "cut": bad.cut if bad else 0,
            }
        )  # fmt: skip
