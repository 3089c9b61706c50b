"""Whether the program of a runtime is one that can be started: it is looked at once, and again when it changes."""

from __future__ import annotations

import shutil
from pathlib import Path

from rgt.host.runtimes.presets import installed_version
from rgt.model.errors import RgtError
from rgt.model.runtime import Preset, older

_versions: dict[tuple[str, int], str] = {}
"""Program and time of its last change → its version."""


async def refuse_older(preset: Preset) -> None:
    """Raises `missing` when the program is not installed, `refused` when it is older than the preset bears.

    What is inside a wrapper is not looked at.
    """
    if not preset.at_least or preset.wrapper:
        return
    found = shutil.which(preset.command[0])
    if not found:
        raise RgtError("missing", f"{preset.command[0]} is not installed", "see `rgt doctor`")
    program = Path(found).resolve()
    key = (str(program), program.stat().st_mtime_ns)
    if key not in _versions:
        _versions[key] = await installed_version(preset)
    if older(_versions[key], preset.at_least):
        hint = f"install {preset.at_least} or newer"
        raise RgtError("refused", f"{preset.name} {_versions[key]} is too old", hint)
