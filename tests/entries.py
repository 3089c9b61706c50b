"""Finished work for tests of the merge queue: branches, entries, jobs, and what became of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgt.host.landing import refine
from rgt.model import refs
from rgt.model.home import Home, RigHome
from rgt.model.queue import Entry, GateSpec, Job, Verdict
from tests.repos import branch_commit, make_rig, sh, write

TARGET = refs.target("main")


@dataclass
class Yard:
    """A rig, the repository (and remote) it was made from, and what lands there."""

    rig: RigHome
    source: Path
    remote: Path
    landing: str
    recorded: str = ""
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def done(self, files: Mapping[str, str], base: str = "", title: str = "Some work") -> Entry:
        """Finished work: a commit on a branch of its own, pinned as `rgt done` does."""
        item = f"gt-{next(self.numbers):05d}"
        head = branch_commit(self.rig, self.rig.worktrees / item, f"polecat/nux/{item}", files, base)
        return self.entry(item, head, title)

    def entry(self, item: str, head: str, title: str = "Some work") -> Entry:
        sh(self.rig.hub, "update-ref", refs.keep(item, head), head)
        return Entry(item=item, rig=self.rig.name, head=head, branch=f"polecat/nux/{item}", title=title)

    def job(self, entry: Entry, gate: str = "true", **more: Any) -> Job:
        """A job for `entry` with one gate."""
        source = self.source if self.landing == "local" else self.remote
        given = {
            "rig": self.rig.name, "landing": self.landing, "source": str(source), "entries": [entry],
            "gates": [GateSpec(name="test", run=gate)], "recorded": self.recorded,
        }  # fmt: skip
        return Job.model_validate({**given, **more})

    async def run(self, entry: Entry, gate: str = "true", **more: Any) -> Verdict:
        """One run of the refinery, which remembers the target as the refinery's workflow does."""
        verdict = await refine(self.rig, self.job(entry, gate, **more))
        self.recorded = verdict.target_head
        return verdict

    def head(self) -> str:
        return sh(self.rig.hub, "rev-parse", TARGET)

    def there(self) -> str:
        """Head of main in the authority's counterpart: the path, or the remote."""
        return sh(self.source if self.landing == "local" else self.remote, "rev-parse", "main")

    def subjects(self, where: Path | None = None) -> list[str]:
        """Subjects of the target's commits, newest first."""
        return sh(
            where or self.rig.hub, "log", "--first-parent", "--format=%s", "main" if where else TARGET
        ).splitlines()

    def someone_pushes(self, files: Mapping[str, str], clone: Path) -> str:
        """A person's commit on main, in the path or by a push to the remote."""
        if self.landing == "push":
            sh(clone.parent, "clone", "--quiet", str(self.remote), str(clone))
        where = clone if self.landing == "push" else self.source
        write(where, files)
        sh(where, "add", "--all")
        sh(where, "commit", "--quiet", "--message", "by hand")
        if self.landing == "push":
            sh(clone, "push", "--quiet", "origin", "main")
        return sh(where, "rev-parse", "main")


async def make_yard(home: Home, landing: str = "local", files: Mapping[str, str] | None = None) -> Yard:
    """A rig whose source is on `main` with a clean checkout, and a bare remote of the same history."""
    rig, source, _ = await make_rig(home, files=files)
    remote = source.parent / "remote.git"
    sh(source, "clone", "--quiet", "--bare", str(source), str(remote))
    return Yard(rig, source, remote, landing)
