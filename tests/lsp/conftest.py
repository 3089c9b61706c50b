"""One running town for the tests of this folder that leave it as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repos import make_repo
from tests.town import LiveTown


@pytest.fixture(scope="package")
def shared() -> Iterator[LiveTown]:
    """A town with a rig `api`, whose agents are scripted unless somebody says otherwise."""
    root = Path(tempfile.mkdtemp(prefix="rgt-", dir="/tmp"))
    (root / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n")
    live = LiveTown(root)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_CONFIG_GLOBAL", str(root / "gitconfig"))
            make_repo(root / "repo")
        live.home.config.mkdir(parents=True)
        live.home.town_toml.write_text('[runtime]\ndefault = "scripted"\n')
        live.rgt("start")
        live.add_rig("api", root / "repo")
        yield live
    finally:
        live.stop()
        shutil.rmtree(root, ignore_errors=True)
