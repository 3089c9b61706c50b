"""The directory and the environment of programs under test: nothing of the person who runs the suite but PATH."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rgt.host.disk import apart

GITCONFIG = "[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n"


@contextmanager
def scratch_dir(prefix: str = "rgt-", place: str = "/tmp") -> Iterator[Path]:
    """A private directory with a short path (unix sockets bear about 100 bytes) and git's settings in it, removed
    afterwards; what other tests have removed does not slow it."""
    around = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        apart(around)
        root = around / secrets.token_hex(2)
        root.mkdir(mode=0o700)
        (root / "gitconfig").write_text(GITCONFIG)
        yield root
    finally:
        shutil.rmtree(around, ignore_errors=True)


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
