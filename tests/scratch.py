"""The environment of programs under test: nothing of the person who runs the suite but PATH."""

from __future__ import annotations

import os
from pathlib import Path


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
