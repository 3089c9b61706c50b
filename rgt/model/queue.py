"""What goes through the merge queue and what comes out of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rgt.model.base import Model
from rgt.model.diagnostics import Clash, Diagnostic

Priority = Literal["p0", "p1", "p2", "p3"]
Outcome = Literal["pass", "fail", "infra_error"]
VerdictKind = Literal["merged", "failed", "conflict", "refused", "infra_error", "moved", "lost", "paused"]
"""What became of an entry.

`merged`: the target was read back and holds it. `failed`: a gate said no. `conflict`: it does not apply to the target.
`refused`: nothing to merge. `infra_error`: a gate could not give an answer; nobody is blamed. `moved`: the target moved
while testing, test again. `lost`: the commit itself is gone. `paused`: the target was rewritten, a person must look."""


class Entry(Model):
    """One finished head that waits to be merged. `head` never changes; a newer one is a new entry."""

    item: str
    rig: str
    head: str
    branch: str = ""
    title: str = ""
    priority: Priority = "p2"
    attempt: int = 1
    submitted_at: str = ""
    agent: str = ""
    fixes: str = ""
    """The item that it is to put right."""

    @property
    def id(self) -> str:
        """`<item>.<first 8 of the head>`, unique in a queue."""
        return f"{self.item}.{self.head[:8]}"


class GateSpec(Model):
    """A named command of the rig; the owner of the rig wrote it, so it is a shell line."""

    name: str
    run: str
    timeout_seconds: float = 600.0
    report: str = ""
    """JUnit XML report that it writes, relative to the top of the worktree; may have `*`."""


class GateResult(Model):
    """What one gate said about one tree."""

    name: str
    outcome: Outcome
    exit_code: int | None = None
    seconds: float = 0.0
    log: str = ""
    """Path of the whole output."""
    tail: str = ""
    """Last lines of the output, at most 4 KB."""
    diagnostics: list[Diagnostic] = Field(default_factory=list)
    """Where it failed, at most 50, first what the author has changed."""
    cut: int = 0
    """How many diagnostics were left out."""
    notes: list[str] = Field(default_factory=list)
    """What of the output could not be read, for the person who looks after the rig."""
    reason: str = ""
    """Why there is no answer (infra_error): not found, killed by a signal, timeout, no tests collected, disk full."""


class Job(Model):
    """One run of the refinery: fold `entries` onto the target, test the tree, land it."""

    rig: str
    target: str = "main"
    strategy: Literal["squash", "rebase", "merge"] = "squash"
    landing: Literal["local", "push", "pr"] = "local"
    source: str = ""
    """The rig's own path, or the URL of its remote."""
    entries: list[Entry]
    gates: list[GateSpec] = Field(default_factory=list)
    no_gates: bool = False
    matchers: list[dict[str, Any]] = Field(default_factory=list)
    """The `[[matcher]]` tables of rig.toml."""
    recorded: str = ""
    """The target's head as the refinery last saw it; empty at first."""
    slot: str = "slot-0"


class Verdict(Model):
    """What one run found out about one entry, with what its author needs to go on."""

    kind: VerdictKind
    item: str = ""
    head: str = ""
    message: str = ""
    sha: str = ""
    """The candidate that was tested, and when `merged` the commit in the target."""
    tree: str = ""
    base: str = ""
    """The target's head that the candidate stands on."""
    target_head: str = ""
    """The target's head after the run."""
    gates: list[GateResult] = Field(default_factory=list)
    files: list[str] = Field(default_factory=list)
    """Files in conflict."""
    clashes: list[Clash] = Field(default_factory=list)
    """Lines in conflict on both sides, at most 50."""
    follow: str = ""
    """Why the rig's own path could not follow the landing, with the command that makes it; empty when it did."""
    carries: list[str] = Field(default_factory=list)
    """Heads of the item that it fixes which are in what was merged."""

    def without_places(self) -> Verdict:
        """The same without diagnostics."""
        if not self.clashes and not any(g.diagnostics for g in self.gates):
            return self
        gates = [g.model_copy(update={"diagnostics": [], "cut": 0}) for g in self.gates]
        return self.model_copy(update={"gates": gates, "clashes": []})
