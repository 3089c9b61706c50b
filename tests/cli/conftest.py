"""One running town for the tests of this folder that only look or fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scratch import scratch_dir
from tests.town import LiveTown


@pytest.fixture(scope="package")
def shared() -> Iterator[LiveTown]:
    """A town with a rig `api`, and an item `first` of that rig."""
    with scratch_dir() as root:
        live = LiveTown(root)
        try:
            (root / "repo").mkdir()
            live.git("init", "-q", cwd=root / "repo")
            live.git("commit", "-q", "--allow-empty", "-m", "first", cwd=root / "repo")
            live.rgt("start")
            live.add_rig("api", root / "repo")
            live.create("first", "", "--rig", "api")
            yield live
        finally:
            live.stop()
