"""What Claude Code itself says that it does, in the file that each of its processes keeps."""

from __future__ import annotations

import json
from pathlib import Path

STATES = ("busy", "idle", "waiting")


def read(agent_dir: Path, pid: int) -> tuple[str, str]:
    """`busy`, `idle` or `waiting` with what for; two empty words when the process has not said anything (yet)."""
    try:
        said = json.loads((agent_dir / "claude" / "sessions" / f"{pid}.json").read_text(encoding="utf-8"))
        if said["pid"] != pid or said["status"] not in STATES:
            return "", ""
        return said["status"], str(said.get("waitingFor") or "")[:200]
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""
