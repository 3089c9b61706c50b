"""A real Emacs with eglot: the card of an item is seen, its page is found."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.town import LiveTown

HERE = Path(__file__).parent
START = ["emacs", "--batch", "--eval", "(progn (require 'package) (package-initialize))"]


def has_eglot() -> bool:
    """Whether there is an Emacs with eglot."""
    if shutil.which("emacs") is None:
        return False
    return subprocess.run([*START, "--eval", "(require 'eglot)"], capture_output=True, timeout=60).returncode == 0


@pytest.mark.slow
def test_eglot_shows_an_item(shared: LiveTown) -> None:
    if not has_eglot():
        pytest.skip("there is no Emacs with eglot; scripts/install-emacs.sh installs one")
    item = shared.create("for emacs", "", "--rig", "api")
    file = shared.root / "repo" / "notes.txt"
    file.write_text(f"first\nsee {item} here\n")
    done = subprocess.run(
        [*START, "--load", str(HERE / "eglot.el"), str(file)],
        env={**shared.env, "HOME": str(shared.root)},
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert item in said["card"] and "for emacs" in said["card"] and "open" in said["card"]
    assert said["page"].endswith(f"documents/item/{item}.md")
    file.unlink()
