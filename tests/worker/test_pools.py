"""Worktrees are there before somebody waits for them."""

from __future__ import annotations

import pytest

from rgt.host import worktrees
from rgt.model import refs
from rgt.model.home import Home
from rgt.worker import pools
from rgt.worker.pools import POOLED, Pools
from tests.eventually import aeventually
from tests.repos import make_rig, sh

ITEM = "gt-00001"


async def test_B11_what_was_taken_is_made_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last start says when."""
    rig, _, _ = await make_rig(home)
    await worktrees.fill_pool(rig, "main", POOLED)
    await worktrees.prepare(rig, "nux", ITEM, refs.work_branch("nux", ITEM), refs.target("main"))
    (left,) = rig.pool.iterdir()
    filling = Pools(home)
    for quiet in (600.0, 0.0):
        monkeypatch.setattr(pools, "QUIET", quiet)
        filling.taken("api", "main")
        assert list(rig.pool.iterdir()) == [left]

    async def full() -> bool:
        return sh(rig.hub, "worktree", "list", "--porcelain").splitlines().count("locked rgt:pool") == POOLED

    await aeventually(full, what="a full pool")
    assert all(not sh(place, "status", "--porcelain") for place in rig.pool.iterdir())
    await filling.close()


async def test_B11_a_rig_that_has_left_is_not_brought_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pools, "QUIET", 0.0)
    filling = Pools(home)
    filling.taken("gone", "main")

    async def tried() -> bool:
        return "the pool of gone is not full" in caplog.text

    await aeventually(tried, what="a line in the log")
    await filling.close()
    assert not home.rig("gone").root.exists()
