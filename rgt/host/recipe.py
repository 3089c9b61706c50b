"""What a fresh worktree needs before an agent works in it: the setup recipe of its rig, and ports of its own."""

from __future__ import annotations

import fcntl
import hashlib
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rgt.host import nolinks
from rgt.host.config import said
from rgt.model.errors import RgtError
from rgt.model.home import Home

PROGRAM = Path(__file__).parent / "runtimes" / "setup.py"
SECONDS = 1800.0
"""What a recipe may take."""
STAMP, BLOCK = "rgt-setup", "rgt-ports"
"""Files in the hub's directory of a worktree: which recipe it has had, and its ports as `first count`."""
PORTS = range(20_000, 32_000)
"""Below those that the system gives to clients."""


def words(agent_dir: Path, admin: Path, line: str, item: str) -> list[str]:
    """Words before an agent's command that run the recipe first; none when this worktree has had it for this item.

    A worktree from the pool is a fresh one: what the recipe made there may be gone, and the item may need more.
    """
    key = hashlib.sha256(f"{item}\0{line}".encode()).hexdigest()[:32]
    if not line.strip() or _says(admin, STAMP) == key:
        return []
    nolinks.remove(admin, STAMP)
    return [sys.executable, "-IS", str(PROGRAM), str(agent_dir), str(admin / STAMP), key, f"{SECONDS:g}", line]


def ports(home: Home, admin: Path, count: int) -> list[int]:
    """The ports of a worktree: the same at each start, free when they were chosen, and no other worktree's."""
    if not count:
        return []
    with said(home.runtime), (home.runtime / "ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (own := _block(admin)) and len(own) == count:
            return list(own)
        taken = [block for file in home.rigs.glob(f"*/hub.git/worktrees/*/{BLOCK}") if (block := _block(file.parent))]
        for block in _candidates(home, count):
            if not any(set(block) & set(other) for other in taken) and _all_free(block):
                nolinks.write(admin, BLOCK, f"{block.start} {count}\n")
                return list(block)
    raise RgtError("failed", f"no {count} ports in a row are free", "lower [setup] ports")


def environment(given: Iterable[int]) -> dict[str, str]:
    """What tells an agent of its ports: `RGT_PORT`, the first one, and `RGT_PORTS`, all of them."""
    words = [str(port) for port in given]
    return {"RGT_PORT": words[0], "RGT_PORTS": " ".join(words)} if words else {}


def _says(admin: Path, name: str) -> str:
    """What one of our files there says: an agent may write there, too."""
    try:
        return nolinks.read(admin, name, 100).decode().strip()
    except (OSError, ValueError):
        return ""


def _block(admin: Path) -> range:
    try:
        first, count = (int(word) for word in _says(admin, BLOCK).split())
    except ValueError:
        return range(0)
    return range(first, first + count)


def _candidates(home: Home, count: int) -> Iterator[range]:
    """Blocks to try; each home begins elsewhere, since towns do not know of each other's."""
    starts = range(PORTS.start, PORTS.stop - count + 1, count)
    begin = int.from_bytes(hashlib.sha256(str(home.root).encode()).digest()[:4]) % max(len(starts), 1)
    for n in range(len(starts)):
        first = starts[(begin + n) % len(starts)]
        yield range(first, first + count)


def _all_free(block: range) -> bool:
    for port in block:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
