"""Slots: pooled worktrees in which candidates are tested, one run at a time in each."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rgt.host import processes, trees, worktrees
from rgt.host.git import Tree, git, try_git
from rgt.host.hub import hub_locked
from rgt.model.errors import RgtError
from rgt.model.home import RigHome

MARK = "RGT_RUN"
"""Environment variable of everything that works in a slot; its value is new in every run."""
CHECKOUT = 1800.0
"""Seconds that filling a slot may take."""


@dataclass(frozen=True)
class Slot:
    """A worktree that this run has for itself."""

    tree: Tree
    env: Mapping[str, str]
    """What every program in the slot must have in its environment, so that a crash leaves nothing running there."""

    @property
    def path(self) -> Path:
        """Where its files are."""
        return self.tree.path

    async def show(self, commit: str) -> None:
        """Make the tracked files exactly those of `commit` again and leave the others alone."""
        await git(self.tree, *_CHECKOUT, commit, env=self.env, timeout=CHECKOUT)


@asynccontextmanager
async def slot(rig: RigHome, name: str, commit: str) -> AsyncIterator[Slot]:
    """The worktree `name` of the rig, holding exactly the tree of `commit`: no other file, not even an ignored one.

    (What a gate makes is gone in the next run: a pass says something about the tree only if nothing else was there.)
    Waits for a run that has the slot; a run that crashed in it is cleaned up: its processes are killed, its locks
    removed. A directory that cannot be used is moved to `parked`, not deleted. Raises `failed` when git cannot fill it.
    """
    rig.slots.mkdir(parents=True, exist_ok=True)
    fd = os.open(rig.slots / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(fd):  # noqa: ASYNC110 (a lock of another process has no event)
            await asyncio.sleep(0.05)
        crashed = os.pread(fd, 100, 0).decode()
        if crashed:
            await _clean_up_after(crashed, rig, name)
        mark = uuid.uuid4().hex
        os.pwrite(fd, mark.encode(), 0)
        env = {MARK: mark}
        yield Slot(await _filled(rig, rig.slots / name, commit, env), env)
        # A kill, a cancellation or an error leaves the mark in the file: then the next run cleans up first.
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


_CHECKOUT = (
    "-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--no-recurse-submodules", "--detach"
)  # fmt: skip


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _clean_up_after(crashed: str, rig: RigHome, name: str) -> None:
    for proc in processes.find_by_env(MARK, crashed):
        await processes.end(proc, grace=0.0, mark={MARK: crashed})
    if tree := trees.of(rig.hub, rig.slots / name):
        for lock in tree.admin.glob("*.lock"):
            lock.unlink(missing_ok=True)


async def _filled(rig: RigHome, where: Path, commit: str, env: Mapping[str, str]) -> Tree:
    """The worktree of a slot with `commit` in it. Gates have run there: what they have left is not believed."""
    if tree := trees.of(rig.hub, where) if where.is_dir() else None:
        trees.tidy(tree)
        worktrees.mend_pointer(rig, tree)
        done = await try_git(tree, *_CHECKOUT, commit, env=env, timeout=CHECKOUT)
        if done.code == 0:
            await git(tree, "clean", "-ffdxq", env=env, timeout=CHECKOUT)
            return tree
        if await trees.head(tree):
            raise RgtError("failed", f"cannot fill slot {where.name}: {done.err.strip()[-300:]}")
    if where.exists():
        rig.parked.mkdir(parents=True, exist_ok=True)
        where.rename(rig.parked / f"{where.name}-{time.time_ns()}")
    async with hub_locked(rig):
        await worktrees.add(rig, where, commit, f"rgt:{where.name}", "--force", "--force", "--detach", env=env)
    return trees.known(rig.hub, where)
