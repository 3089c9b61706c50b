"""Fixtures of the whole suite: short private directories and an environment made from nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rgt.model.home import Home
from tests.repos import make_repo
from tests.scratch import scratch_dir, scratch_env
from tests.town import LiveTown

KEPT = ("PATH", "LANG", "TERM", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST")


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A private directory, removed afterwards."""
    with scratch_dir() as path:
        yield path


@pytest.fixture(autouse=True)
def gitenv(tmp: Path) -> Iterator[None]:
    """The environment of the test itself, rebuilt from nothing."""
    before = dict(os.environ)
    keep = {k: before[k] for k in KEPT if k in before}
    os.environ.clear()
    os.environ.update(keep)
    os.environ.update(scratch_env(tmp))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(tmp: Path) -> Home:
    """A home directory for a town, nothing made in it yet."""
    return Home(tmp / "gtr", tmux_tmpdir=tmp)


@pytest.fixture
def town(tmp: Path) -> Iterator[LiveTown]:
    """A running town; afterwards it is stopped, and nothing of it may be left."""
    live = LiveTown(tmp)
    live.rgt("start")
    yield live
    live.stop()


@pytest.fixture
def repo(tmp: Path) -> Path:
    """A small repository with one commit on main, to be added as a rig."""
    make_repo(tmp / "repo")
    return tmp / "repo"
