"""A pipe that is full: whoever prints to it waits until somebody reads."""

from __future__ import annotations

import contextlib
import os


def full_pipe() -> tuple[int, int]:
    """(read end, write end) of one that takes nothing more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x")
    os.set_blocking(write, True)
    return read, write


def drained(read: int) -> str:
    """All that was printed to it, once every writer is gone."""
    parts = []
    while part := os.read(read, 65536):
        parts.append(part)
    os.close(read)
    return b"".join(parts).lstrip(b"x").decode()
