"""Activities on a rig's repository on this machine: founding, merging, recycling, putting away."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from temporalio import activity

from rgt.host import config, hub, worktrees
from rgt.host.landing import refine
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.queue import Job, Verdict
from rgt.worker.guard import guarded
from rgt.worker.jobs import Founded, Founding, Recycle
from rgt.worker.pools import POOLED


class RigActivities:
    """The hands on repositories."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @activity.defn(name="found_rig")
    @guarded
    async def found_rig(self, job: Founding) -> Founded:
        """Make the hub and write rig.toml; on failure nothing is left."""
        rig = self.home.rig(job.rig)
        source = job.config.source
        existed = rig.root.exists()
        try:
            head = await hub.create_hub(
                rig, source.path or source.git_url, job.config.target, is_path=bool(source.path)
            )
            config.write_rig(self.home, job.rig, job.config)
            await worktrees.fill_pool(rig, job.config.target, POOLED)
        except BaseException:
            if not existed:
                shutil.rmtree(rig.root, ignore_errors=True)
            raise
        return Founded(config=job.config, head=head)

    @activity.defn(name="recycle")
    @guarded
    async def recycle(self, job: Recycle) -> bool:
        """Give the worktree of a merged or closed item back to the pool."""
        rig = self.home.rig(job.rig)
        if not (rig.worktrees / job.name).is_dir():
            return True
        return await worktrees.recycle(rig, job.name, job.item)

    @activity.defn(name="put_away")
    @guarded
    async def put_away(self, name: str) -> None:
        """Move a removed rig aside: its repository holds everything that was ever saved."""
        rig = self.home.rig(name)
        if rig.root.is_dir():
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            async with hub.hub_locked(rig):
                rig.root.rename(self.home.rigs / f".removed-{name}-{stamp}")

    @activity.defn(name="refine")
    @guarded
    async def refine(self, job: Job) -> Verdict:
        """Fold, test and land; a failure of the machine is an infra_error, never a blame."""
        rig = self.home.rig(job.rig)
        try:
            return await refine(rig, job)
        except RgtError as e:
            entry = job.entries[0]
            return Verdict(kind="infra_error", item=entry.item, head=entry.head, message=e.line())
