"""The directory and the environment of programs under test: nothing of the person who runs the suite but PATH."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GITCONFIG = "[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n"
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
SPREAD = 0x00020000
"""ext4's mark of a directory whose children have nothing to do with each other: each gets a part of the disk to itself.
Else all tests share one, where ext4 passes over every inode that was freed in the last minutes, one by one: with a few
thousand of them a new file takes a millisecond."""


@contextmanager
def scratch_dir(prefix: str = "rgt-", place: str = "/tmp") -> Iterator[Path]:
    """A private directory with a short path (unix sockets bear about 100 bytes) and git's settings in it, removed
    afterwards."""
    around = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        _spread(around)
        root = around / secrets.token_hex(2)
        root.mkdir(mode=0o700)
        (root / "gitconfig").write_text(GITCONFIG)
        yield root
    finally:
        shutil.rmtree(around, ignore_errors=True)


def _spread(directory: Path) -> None:
    """Set the mark, where the file system has it."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            (flags,) = struct.unpack("l", fcntl.ioctl(fd, GET_FLAGS, bytes(struct.calcsize("l"))))
            fcntl.ioctl(fd, SET_FLAGS, struct.pack("l", flags | SPREAD))
    finally:
        os.close(fd)


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
