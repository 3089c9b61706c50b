"""Directories apart on the disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rgt.host.disk import apart


def flags(path: Path) -> str:
    """The attributes of a directory, as `lsattr` says them; empty where the file system has none."""
    said = subprocess.run(["lsattr", "-d", path], capture_output=True, text=True)
    return said.stdout.partition(" ")[0]


def test_a_directory_is_told_that_its_children_are_apart(tmp: Path) -> None:
    plain, spread = tmp / "plain", tmp / "spread"
    for path in (plain, spread):
        path.mkdir()
    apart(spread)
    apart(spread)
    if "e" not in flags(plain):
        pytest.skip("not on ext4")
    assert "T" not in flags(plain)
    assert "T" in flags(spread)


@pytest.mark.skipif(not os.access("/proc/self", os.R_OK), reason="there is no /proc here")
def test_a_file_system_that_knows_nothing_of_it_is_left_alone() -> None:
    apart(Path("/proc/self"))
