"""Worktrees that wait for an agent: what was taken from a rig's pool is made anew in a quiet moment."""

from __future__ import annotations

import asyncio
import logging

from rgt.host import worktrees
from rgt.model.errors import RgtError
from rgt.model.home import Home

log = logging.getLogger(__name__)
POOLED = 2
"""Worktrees that wait in each rig, so that agents start as quickly in a large repository as in a small one."""
QUIET = 2.0
"""Seconds without a start in a rig before its pool is filled: a start is what somebody waits for."""


class Pools:
    """Fills the pools of this machine's rigs. They are only a store: nothing is lost when a worker dies on it."""

    def __init__(self, home: Home, quiet: float = QUIET) -> None:
        self._home = home
        self._quiet = quiet
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}

    def taken(self, rig: str, target: str) -> None:
        """An agent of `rig` has started and may have taken a worktree: fill the pool when no other has for a while."""
        if due := self._due.pop(rig, None):
            due.cancel()
        self._due[rig] = asyncio.get_running_loop().call_later(self._quiet, self._begin, rig, target)

    async def close(self) -> None:
        """Stop filling; what is half made is finished the next time."""
        for due in self._due.values():
            due.cancel()
        for task in self._filling.values():
            task.cancel()
        await asyncio.gather(*self._filling.values(), return_exceptions=True)

    def _begin(self, rig: str, target: str) -> None:
        del self._due[rig]
        if rig in self._filling:
            self.taken(rig, target)
            return
        self._filling[rig] = task = asyncio.create_task(self._fill(rig, target))
        task.add_done_callback(lambda _: self._filling.pop(rig))

    async def _fill(self, rig: str, target: str) -> None:
        try:
            await worktrees.fill_pool(self._home.rig(rig), target, POOLED)
        except (RgtError, OSError) as e:
            # Such as a rig that has left the town in the meantime. Who needs a worktree makes one.
            log.warning("the pool of %s is not full: %s", rig, e)
