"""One running town for the tests of this folder that only look or fail."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.town import LiveTown


@pytest.fixture(scope="package")
def shared() -> Iterator[LiveTown]:
    """A town with a rig `api`, and an item `first` of that rig."""
    root = Path(tempfile.mkdtemp(prefix="rgt-", dir="/tmp"))
    (root / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n")
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
        shutil.rmtree(root, ignore_errors=True)
