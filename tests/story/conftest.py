"""A town that the stories of one file share, each with rigs of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.town import LiveTown


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveTown]:
    """A running town for all tests of a module; afterwards it is stopped, and nothing of it may be left."""
    root = Path(tempfile.mkdtemp(prefix="rgt-", dir="/tmp"))
    (root / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n")
    live = LiveTown(root)
    try:
        live.rgt("start")
        yield live
        live.stop()
    finally:
        live.run("stop")
        shutil.rmtree(root, ignore_errors=True)
