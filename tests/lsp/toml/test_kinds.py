"""Which files are ours."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rgt.lsp.toml.kinds import kind_of

HOME = PurePosixPath("/home/me/.gtr")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/me/.gtr/config/town.toml", "town.toml"),
        ("/home/me/.gtr/config/town.draft.toml", "town.toml"),
        ("/home/me/.gtr/rigs/api/rig.toml", "rig.toml"),
        ("/home/me/.gtr/config/runtimes/mine.toml", "runtime preset"),
        ("/home/me/.gtr/rigs/rig.toml", None),
        ("/home/me/.gtr/rigs/api/worktrees/rig.toml", None),
        ("/home/me/.gtr/config/runtimes/mine.json", None),
        ("/home/me/src/town.toml", None),
        ("/home/me/.gtr2/config/town.toml", None),
    ],
)
def test_a_file_has_the_kind_of_its_place(path: str, name: str | None) -> None:
    kind = kind_of(PurePosixPath(path), HOME)
    assert (kind.name if kind else None) == name
