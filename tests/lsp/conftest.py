"""One running town for the tests of this folder that leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import LiveTown


@pytest.fixture(scope="package")
def shared() -> Iterator[LiveTown]:
    """A town with a rig `api`, whose agents are scripted unless somebody says otherwise."""
    with scratch_dir() as root:
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
