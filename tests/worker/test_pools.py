"""Worktrees are there before somebody waits for them."""

from __future__ import annotations

import asyncio

import pytest

from rgt.host import worktrees
from rgt.host.hub import hub_locked
from rgt.model import refs
from rgt.model.home import Home
from rgt.worker.pools import POOLED, Pools
from tests.eventually import aeventually
from tests.repos import make_rig, sh

ITEM = "gt-00001"


async def test_B11_what_was_taken_is_made_anew(home: Home) -> None:
    rig, _, _ = await make_rig(home)
    await worktrees.fill_pool(rig, "main", POOLED)
    await worktrees.prepare(rig, "nux", ITEM, refs.work_branch("nux", ITEM), refs.target("main"))
    (left,) = rig.pool.iterdir()
    patient, filling = Pools(home, 600.0), Pools(home, 0.0)
    for one in (patient, filling):
        one.taken("api", "main")
        assert list(rig.pool.iterdir()) == [left]

    async def full() -> bool:
        return sh(rig.hub, "worktree", "list", "--porcelain").splitlines().count("locked rgt:pool") == POOLED

    await aeventually(full, what="a full pool")
    assert all(not sh(place, "status", "--porcelain") for place in rig.pool.iterdir())
    await filling.close()
    await patient.close()


async def test_B11_a_rig_that_leaves_meanwhile_is_not_brought_back(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    rig, _, _ = await make_rig(home)
    filling = Pools(home, 0.0)

    async def over() -> bool:
        return "the pool of api is not full" in caplog.text

    async with hub_locked(rig):
        filling.taken("api", "main")
        for _ in range(5):  # rounds of the loop, in which it begins and comes to the lock
            await asyncio.sleep(0)
        rig.root.rename(home.rigs / ".removed-api")
    await aeventually(over, what="a line in the log")
    await filling.close()
    assert not rig.root.exists()
