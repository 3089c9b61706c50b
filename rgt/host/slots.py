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

from rgt.host import processes
from rgt.host.git import NO_HOOKS, git, try_git
from rgt.host.hub import hub_locked
from rgt.model.errors import RgtError
from rgt.model.home import RigHome

QUIET = (*NO_HOOKS, "-c", "advice.detachedHead=false")
MARK = "RGT_RUN"
"""Environment variable of everything that works in a slot; its value is new in every run."""
CHECKOUT = 1800.0
"""Seconds that filling a slot may take."""


@dataclass(frozen=True)
class Slot:
    """A worktree that this run has for itself."""

    path: Path
    env: Mapping[str, str]
    """What every program in the slot must have in its environment, so that a crash leaves nothing running there."""

    async def show(self, commit: str) -> None:
        """Make the tracked files exactly those of `commit` again and leave the others alone."""
        await git(self.path, *QUIET, *_CHECKOUT, commit, env=self.env, timeout=CHECKOUT)


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
        taken = Slot(rig.slots / name, {MARK: mark})
        await _fill(rig, taken, commit)
        yield taken
        # A kill, a cancellation or an error leaves the mark in the file: then the next run cleans up first.
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


_CHECKOUT = ("checkout", "--quiet", "--force", "--no-recurse-submodules", "--detach")


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _clean_up_after(crashed: str, rig: RigHome, name: str) -> None:
    for proc in processes.find_by_env(MARK, crashed):
        await processes.end(proc, grace=0.0, mark={MARK: crashed})
    at = await try_git(rig.slots / name, "rev-parse", "--absolute-git-dir") if (rig.slots / name).is_dir() else None
    if at and at.code == 0:
        for lock in Path(at.out.strip()).glob("*.lock"):
            lock.unlink(missing_ok=True)


async def _fill(rig: RigHome, taken: Slot, commit: str) -> None:
    if (taken.path / ".git").exists():
        done = await try_git(taken.path, *QUIET, *_CHECKOUT, commit, env=taken.env, timeout=CHECKOUT)
        if done.code == 0:
            await git(taken.path, "clean", "-ffdxq", env=taken.env, timeout=CHECKOUT)
            return
        if await _is_worktree_of(rig, taken.path):
            raise RgtError("failed", f"cannot fill slot {taken.path.name}: {done.err.strip()[-300:]}")
    if taken.path.exists():
        rig.parked.mkdir(parents=True, exist_ok=True)
        taken.path.rename(rig.parked / f"{taken.path.name}-{time.time_ns()}")
    async with hub_locked(rig):
        await git(
            rig.hub, *QUIET, "worktree", "add", "--quiet", "-f", "-f", "--detach", "--lock",
            "--reason", f"rgt:{taken.path.name}", str(taken.path), commit, env=taken.env, timeout=CHECKOUT,
        )  # fmt: skip


async def _is_worktree_of(rig: RigHome, path: Path) -> bool:
    found = await try_git(path, "rev-parse", "--git-common-dir", "HEAD")
    return found.code == 0 and Path(found.out.splitlines()[0]).resolve() == rig.hub.resolve()
