"""Objects of git that agents in a sandbox have written, each in a store of its own beside the hub.

In the sandbox the store lies where the hub has its objects, and those of the hub can only be read. So an agent spoils
what it has written itself, and nothing of others. The hub finds in the stores what it does not have (git calls that
`alternates`); what is to last is taken into the hub before anything counts on it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rgt.host import nolinks
from rgt.host.config import said
from rgt.model.errors import RgtError

NAME = "stores"
"""The directory beside the hub."""
WRITTEN, TOLD = "written", "told"
"""Parts of a store: the objects, and what git reads there of where others are."""
MOUNTED = ("info", "pack")
"""Directories of the objects that other things are mounted on in the sandbox: what lies there, git believes."""
CHUNK = 1 << 20
SHA256 = 64
"""Digits of a name in a repository of the newer kind."""


def ready(hub: Path, name: str, others: Path) -> Path:
    """The store of a worktree, made if there is none.

    In the sandbox the hub's own objects are seen at `others`, and the stores two directories above, as beside the hub.
    """
    store = _root(hub) / name
    for part in (TOLD, *(f"{WRITTEN}/{place}" for place in MOUNTED)):
        nolinks.make(store.parent.parent, f"{store.parent.name}/{name}/{part}")
    nolinks.write(store / TOLD, "alternates", f"{others}\n")
    _tell(hub)
    return store


def take(hub: Path) -> None:
    """Take into the hub what agents have written so far, each object only if it is what its name says."""
    for store in _stores(hub):
        for name in _names(store / WRITTEN):
            _take(hub, store / WRITTEN, name)


def close(hub: Path, name: str) -> None:
    """Take what a worktree's agent has written into the hub, and remove its store."""
    store = _root(hub) / name
    if store.is_dir():
        take(hub)
        _tell(hub, without=store)
        shutil.rmtree(store, ignore_errors=True)


def _root(hub: Path) -> Path:
    return hub.parent / NAME


def _stores(hub: Path) -> list[Path]:
    root = _root(hub)
    return sorted(store for store in root.iterdir() if (store / WRITTEN).is_dir()) if root.is_dir() else []


def _tell(hub: Path, without: Path | None = None) -> None:
    """Write down for git which stores there are, beside what else somebody has written there."""
    with _sole_writer(_root(hub)):
        there = nolinks.status(hub, _ALTERNATES) is not None
        lines = nolinks.read(hub, _ALTERNATES).decode().splitlines() if there else []
        lines = [line for line in lines if not line.startswith(f"{_FROM_OBJECTS}/")]
        lines += [f"{_FROM_OBJECTS}/{store.name}/{WRITTEN}" for store in _stores(hub) if store != without]
        nolinks.write(hub, _ALTERNATES, "".join(f"{line}\n" for line in lines))


_ALTERNATES = "objects/info/alternates"
_FROM_OBJECTS = f"../../{NAME}"
"""Where the stores are from the objects of the hub, so that both may be moved."""
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors at opening that say nothing about the file."""
_NAME = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")


@contextmanager
def _sole_writer(root: Path) -> Iterator[None]:
    """One writer at a time, which is done within milliseconds; the lock is on the directory itself."""
    fd = os.open(root, nolinks.FOLDER)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _names(written: Path) -> Iterator[str]:
    """What looks like an object of git, whatever it is."""
    for number in range(256):
        with suppress(OSError), os.scandir(written / f"{number:02x}") as found:
            yield from sorted(f"{number:02x}/{entry.name}" for entry in found if _NAME.fullmatch(entry.name))


def _take(hub: Path, written: Path, name: str) -> None:
    """Copy one object; what is not what its name says goes nowhere, and git is not to find it again.

    What was copied stays in the store as well: a git that looks for it right now may be past the hub.
    """
    to = hub / "objects" / name
    if to.exists() or _taken(written, name, to):
        return
    with suppress(RgtError):
        nolinks.remove(written, name)


def _taken(written: Path, name: str, to: Path) -> bool:
    """Copy an object if it is true. What an agent does to its own stops nobody; that there is no space does."""
    try:
        file = nolinks.opened(written, name)
    except OSError as e:
        if e.errno in _OURS:
            raise
        return False
    fd, new = tempfile.mkstemp(prefix="tmp_obj_", dir=to.parent.parent)
    try:
        with file, said(to), os.fdopen(fd, "wb") as copy:
            if _copied(file, copy, len(name) - 1) != name.replace("/", ""):
                return False
        Path(new).chmod(0o444)
        to.parent.mkdir(exist_ok=True)
        Path(new).rename(to)
        return True
    finally:
        Path(new).unlink(missing_ok=True)


def _copied(file: BinaryIO, copy: BinaryIO, digits: int) -> str:
    """Copy a compressed object and return the name that its content has; empty when it does not end as it should."""
    unpacked = zlib.decompressobj()
    name = hashlib.sha256() if digits == SHA256 else hashlib.sha1(usedforsecurity=False)
    try:
        while packed := file.read(CHUNK):
            copy.write(packed)
            while packed and not unpacked.eof:
                name.update(unpacked.decompress(packed, CHUNK))
                packed = unpacked.unconsumed_tail
        name.update(unpacked.flush())
    except zlib.error:
        return ""
    return name.hexdigest() if unpacked.eof and not unpacked.unused_data and not packed else ""
