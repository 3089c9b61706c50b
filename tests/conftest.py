"""Fixtures of the whole suite: short private directories and an environment made from nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rgt.model.home import Home

KEPT = ("PATH", "LANG", "TERM", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST")


def scratch_env(root: Path) -> dict[str, str]:
    """The whole environment of a program under test: nothing of the person who runs the suite but PATH."""
    return {
        **{k: os.environ[k] for k in ("PATH",) if k in os.environ},
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "TMUX_TMPDIR": str(root),
        "TMPDIR": str(root),
        "GIT_CONFIG_GLOBAL": str(root / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A private directory with a short path (unix sockets bear about 100 bytes), removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="rgt-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def gitenv(tmp: Path) -> Iterator[None]:
    """The environment of the test itself, rebuilt from nothing, and a git identity of its own."""
    before = dict(os.environ)
    keep = {k: before[k] for k in KEPT if k in before}
    os.environ.clear()
    os.environ.update(keep)
    os.environ.update(scratch_env(tmp))
    (tmp / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(tmp: Path) -> Home:
    """A home directory for a town, nothing made in it yet."""
    return Home(tmp / "gtr", tmux_tmpdir=tmp)
