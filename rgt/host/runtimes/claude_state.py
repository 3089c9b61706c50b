"""What Claude Code itself says that it does, in the file that each of its processes keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rgt.host import nolinks, processes

STATES = ("busy", "idle", "waiting")
DEPTH, MOST = 3, 100
"""So far below the process that was started Claude Code is looked for in a sandbox, and among so many."""


def read(agent_dir: Path, pid: int) -> tuple[str, str]:
    """`busy`, `idle` or `waiting` with what for; two empty words when the process has not said anything (yet)."""
    for one, own in ((pid, pid), *inside(pid)):
        try:
            said = json.loads(nolinks.read(agent_dir, f"claude/sessions/{own}.json"))
            if said["pid"] == own and said["status"] in STATES and _wrote(one, said.get("procStart")):
                return said["status"], str(said.get("waitingFor") or "")[:200]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return "", ""


def inside(pid: int) -> Iterator[tuple[int, int]]:
    """Processes below this one, and what they call themselves in a sandbox, where pids are counted anew."""
    left, level = MOST, [pid]
    for _ in range(DEPTH):
        level = [child for parent in level for child in _children(parent)][:left]
        left -= len(level)
        for child in level:
            if len(names := _names(child)) > 1:
                yield child, names[-1]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _wrote(pid: int, started: object) -> bool:
    """Whether this process is the one that says when it was started: pids come again, in a sandbox always."""
    known = processes.identify(pid)
    return not (processes.PROC and isinstance(started, str)) or (known is not None and started == str(known.started))


def _names(pid: int) -> list[int]:
    """A pid as each namespace counts it, ours first."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return [int(word) for line in status.splitlines() if line.startswith("NSpid:") for word in line.split()[1:]]
