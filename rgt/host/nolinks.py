"""Plain files in a directory that an agent may write to as well, read and written so that no link is ever followed.

An agent in a sandbox reaches its own directory and little else; the town reaches everything. A link there, to a file
or in the place of a directory, would lend it the town's hands. So a name is looked up from the directory down, each
step in what the step before has opened, whatever the agent changes meanwhile. What is no plain file, such as a pipe
that would keep us waiting, cannot be read, and is put aside where something is to be written.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rgt.host.config import said

LIMIT = 1 << 20
"""Bytes of a file that are read unless somebody asks for more."""
LOOKED_AT, DEEP = 20_000, 16
"""Names that one search looks at, and how far down."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(directory: Path, name: str, limit: int = LIMIT, *, end: bool = False) -> bytes:
    """The first `limit` bytes of a file below `directory`, or the last; raises OSError when it is no plain file."""
    with opened(directory, name) as file:
        if end:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return file.read(limit)


def opened(directory: Path, name: str) -> BinaryIO:
    """A file below `directory`, to be read; raises OSError when it is no plain file."""
    with _place(directory, name) as (folder, last):
        return os.fdopen(_open(folder, last, os.O_RDONLY), "rb")


def status(directory: Path, name: str) -> os.stat_result | None:
    """What is known of a plain file below `directory`; None when there is none."""
    with suppress(OSError), _place(directory, name) as (folder, last):
        found = os.stat(last, dir_fd=folder, follow_symlinks=False)
        return found if stat.S_ISREG(found.st_mode) else None
    return None


def find(directory: Path, pattern: str) -> list[str]:
    """Names of plain files below `directory`: `*` stands for any part of a name, `**` for directories of any depth."""
    with suppress(OSError), _folder(directory, ()) as folder:
        return sorted(set(_matching(folder, _parts(pattern), iter(range(LOOKED_AT)))))
    return []


def write(directory: Path, name: str, text: str, *, watched: bool = False) -> None:
    """Write a file below `directory` whole or not at all, for this user alone, with the directories around it.

    `watched`: somebody waits for this very file to change, so it stays the same one if it can. Raises `failed`."""
    data = text.encode()
    with said(directory / name), _place(directory, name, make=True) as (folder, last):
        if watched and _refilled(folder, last, data):
            return
        new = _aside(last)
        try:
            _fill(_open(folder, new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), data)
            with suppress(IsADirectoryError):
                os.rename(new, last, src_dir_fd=folder, dst_dir_fd=folder)
                return
            _remove(folder, last)
            os.rename(new, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(new, dir_fd=folder)
            raise


def make(directory: Path, name: str) -> None:
    """Make a directory below `directory` if there is none; raises `failed`."""
    with said(directory / name), _folder(directory, _parts(name), make=True):
        return


def remove(directory: Path, name: str) -> None:
    """Remove what has this name below `directory`, if anything has; raises `failed`."""
    with said(directory / name), suppress(FileNotFoundError, NotADirectoryError), _place(directory, name) as place:
        _remove(*place)


def untie(directory: Path, depth: int = 3) -> None:
    """Remove all that is neither a plain file nor a directory, for programs that open by name what is kept there."""
    with os.scandir(directory) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                if depth > 1 and entry.name != "tmp":
                    untie(Path(entry.path), depth - 1)
            elif not entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink()


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise OSError(errno.EINVAL, "not below the directory", name)
    return parts


@contextmanager
def _place(directory: Path, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The open directory that a file is in, and what the file is called there."""
    *above, last = _parts(name)
    with _folder(directory, tuple(above), make=make) as folder:
        yield folder, last


@contextmanager
def _folder(directory: Path, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """A directory below `directory`, which itself may be reached by links: those are not the agent's."""
    folder = os.open(directory, FOLDER)
    try:
        for part in parts:
            inner = _entered(folder, part, make)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _entered(folder: int, name: str, make: bool) -> int:
    try:
        return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as e:
        if not make or e.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    os.mkdir(name, 0o700, dir_fd=folder)
    return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)


def _open(folder: int, name: str, how: int) -> int:
    fd = os.open(name, how | PLAIN, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "no plain file", name)
    return fd


def _fill(fd: int, data: bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def _refilled(folder: int, name: str, data: bytes) -> bool:
    try:
        fd = _open(folder, name, os.O_WRONLY)
    except OSError:
        return False
    os.ftruncate(fd, 0)
    _fill(fd, data)
    return True


def _remove(folder: int, name: str) -> None:
    """Remove a file; a directory, which may hold anything, gets another name."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.rename(name, _aside(name), src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def _aside(name: str) -> str:
    return f".{name}.{secrets.token_hex(4)}"


def _matching(folder: int, parts: tuple[str, ...], left: Iterator[int], depth: int = 0) -> Iterator[str]:
    """Names below an open directory that match, for as long as `left` gives something."""
    head, rest = parts[0], parts[1:]
    if head == "**" and rest:
        yield from _matching(folder, rest, left, depth)
    with os.scandir(folder) as found:
        for entry, _ in zip(found, left, strict=False):
            if head != "**" and not fnmatchcase(entry.name, head):
                continue
            if not rest:
                if entry.is_file(follow_symlinks=False):
                    yield entry.name
            elif depth < DEEP and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    inner = os.open(entry.name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                    try:
                        below = _matching(inner, parts if head == "**" else rest, left, depth + 1)
                        yield from (f"{entry.name}/{name}" for name in below)
                    finally:
                        os.close(inner)
