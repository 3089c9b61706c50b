"""What Claude Code itself says that it does, in the file that each of its processes keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rgt.host import processes

STATES = ("busy", "idle", "waiting")
DEPTH = 3
"""So far below the process that was started Claude Code is looked for in a sandbox."""


def read(agent_dir: Path, pid: int) -> tuple[str, str]:
    """`busy`, `idle` or `waiting` with what for; two empty words when the process has not said anything (yet)."""
    for one, own in ((pid, pid), *inside(pid)):
        try:
            said = json.loads((agent_dir / "claude" / "sessions" / f"{own}.json").read_text(encoding="utf-8"))
            if said["pid"] == own and said["status"] in STATES and _wrote(one, said.get("procStart")):
                return said["status"], str(said.get("waitingFor") or "")[:200]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "", ""


def inside(pid: int, depth: int = 1) -> Iterator[tuple[int, int]]:
    """Processes below this one, and what they call themselves in a sandbox, where pids are counted anew."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        if len(names := _names(child)) > 1:
            yield child, names[-1]
        if depth < DEPTH:
            yield from inside(child, depth + 1)


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
