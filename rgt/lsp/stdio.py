"""The wire: standard input and output as the connection to one editor, and how the process ends.

Nothing else may write there: `claim` takes both descriptors before anything else is imported. Libraries and child
processes get standard error in place of the output, and an input that is empty."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import signal
import stat
from collections.abc import Callable
from typing import Protocol

LENGTH = re.compile(rb"Content-Length: *(\d{1,12})\r?\n$", re.IGNORECASE)
LARGEST = 64 << 20
"""Bytes of a message at most; a larger one is read and dropped."""
LINE = 64 << 10
"""Bytes that are kept of a header line."""
SIGNALS = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}
"""Signals that end the server, with the exit code."""
CHUNK = 1 << 16


class Receiver(Protocol):
    """What hears the messages of a connection."""

    def receive(self, body: bytes) -> None:
        """Take one message."""

    def oversized(self, length: int) -> None:
        """A message was too long to be read."""

    def hung_up(self) -> None:
        """The other side is gone."""


def is_wire(fd: int) -> bool:
    """Whether an editor can be at the other end: not of a terminal, a file or /dev/null."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def claim() -> tuple[int, int]:
    """Take descriptors 0 and 1 for the protocol; gives those that have taken their place."""
    wire = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return wire


class Output:
    """The way to the editor. A message is written whole and in order; what it does not take at once is kept."""

    def __init__(self, fd: int, broken: Callable[[], None]) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._broken = broken
        self._kept = bytearray()
        self._waiting = False

    def write(self, data: bytes) -> None:
        """Write, or remember what the editor is not ready for."""
        self._kept += data
        if not self._waiting:
            self._push()

    def close(self) -> None:
        """Write what is kept, as long as the editor takes it within two seconds."""
        self._forget()
        with contextlib.suppress(OSError):
            while self._kept and select.select([], [self._fd], [], 2.0)[1]:
                del self._kept[: os.write(self._fd, self._kept)]
            os.close(self._fd)

    def _push(self) -> None:
        try:
            while self._kept:
                del self._kept[: os.write(self._fd, self._kept)]
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                asyncio.get_running_loop().add_writer(self._fd, self._push)
            return
        except OSError:
            self._kept.clear()
            self._broken()
        self._forget()

    def _forget(self) -> None:
        if self._waiting:
            self._waiting = False
            asyncio.get_running_loop().remove_writer(self._fd)


async def connected(fd: int) -> asyncio.StreamReader:
    """The way from the editor; `ValueError` when it is neither a pipe nor a socket."""
    reader = asyncio.StreamReader(limit=LARGEST)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    return reader


async def listen(reader: asyncio.StreamReader, receiver: Receiver) -> None:
    """Hand every message to the receiver until the other side hangs up.

    What is no header is skipped until the next one, so that a broken message costs nothing but itself."""
    try:
        while (length := await _length(reader)) is not None:
            if length > LARGEST:
                await _skip(reader, length)
                receiver.oversized(length)
                continue
            receiver.receive(await reader.readexactly(length))
            # The rest of the process has its turn, however many messages are here already.
            await asyncio.sleep(0)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        receiver.hung_up()


async def _length(reader: asyncio.StreamReader) -> int | None:
    """The length that the next headers tell; None at the end of the input."""
    length: int | None = None
    while True:
        line = await _line(reader)
        if not line:
            return None
        if found := LENGTH.search(line):
            length = int(found[1])
        elif length is not None and not line.strip():
            return length


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line, or its end when it is longer than any header; empty at the end of the input."""
    line = b""
    while True:
        try:
            return (line + await reader.readuntil(b"\n"))[-LINE:]
        except asyncio.IncompleteReadError as e:
            return b"" if not e.partial else (line + e.partial)[-LINE:]
        except asyncio.LimitOverrunError as e:
            line = (line + await reader.readexactly(e.consumed))[-LINE:]


async def _skip(reader: asyncio.StreamReader, length: int) -> None:
    while length:
        part = await reader.read(min(length, CHUNK))
        if not part:
            return
        length -= len(part)
