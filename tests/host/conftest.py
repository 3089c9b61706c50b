"""Fixtures of the tests of what happens on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rgt.model.home import Home
from tests.host.scene import Scene, make_scene
from tests.host.stage import Stage


@pytest.fixture
def stage(tmp: Path) -> Iterator[Stage]:
    """A stage for a scripted agent; afterwards nothing of it runs."""
    stage = Stage(tmp)
    yield stage
    stage.close()


@pytest.fixture
async def scene(home: Home, tmp: Path) -> Scene:
    """A worktree that its agent may turn against the town."""
    return await make_scene(home, tmp)
