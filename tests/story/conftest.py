"""A town that the stories of one file share, each with rigs of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scratch import scratch_dir
from tests.town import LiveTown


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveTown]:
    """A running town for all tests of a module; afterwards it is stopped, and nothing of it may be left."""
    with scratch_dir() as root:
        live = LiveTown(root)
        try:
            live.rgt("start")
            yield live
            live.stop()
        finally:
            live.run("stop")
