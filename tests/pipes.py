"""A pipe that takes the beginning of a text, and its rest only once somebody reads."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from select import PIPE_BUF


class NarrowPipe:
    """Whoever prints more than `PIPE_BUF` bytes to `write` waits in the middle of it."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.write, b"x" * PIPE_BUF)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.write, b"x")
        os.set_blocking(self.write, True)
        self._filled = self._unread() - len(os.read(self.read, PIPE_BUF))

    def begun(self) -> bool:
        """Whether somebody has begun to print."""
        return self._unread() > self._filled

    def drained(self) -> str:
        """All that was printed, once every writer is gone."""
        parts = []
        while part := os.read(self.read, 65536):
            parts.append(part)
        os.close(self.read)
        return b"".join(parts).lstrip(b"x").decode()

    def _unread(self) -> int:
        return int(struct.unpack("i", fcntl.ioctl(self.read, termios.FIONREAD, b"\0" * 4))[0])
