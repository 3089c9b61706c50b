"""Finding runtime presets, of the town first, then the shipped ones, and making command lines of them."""

from __future__ import annotations

import difflib
import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Mode, Preset, fill, parse_preset

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Launch:
    """One start of an agent: the Python of the town, the directory of the agent's generated files, and why."""

    python: str
    agent_dir: Path
    mode: Mode = "start"

    def values(self) -> dict[str, str]:
        """The placeholders of a preset with what they stand for at this start."""
        return {
            "python": self.python,
            "runtimes": str(SHIPPED),
            "agent_dir": str(self.agent_dir),
            "mode": self.mode,
        }


def load_preset(home: Home, name: str) -> Preset:
    """The runtime `name`; raises `not_found` with a suggestion, or `invalid` when its file has a mistake."""
    files = _files(home)
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(files))}"
        raise RgtError("not_found", f"there is no runtime {name[:40]!r}", hint)
    return _parsed(files[name], files[name].stat().st_mtime_ns, name)


def available(home: Home) -> dict[str, bool]:
    """Every known runtime by name, and whether it could start here: its preset is valid, its program installed."""
    return {name: _usable(home, name) for name in sorted(_files(home))}


def command(preset: Preset, launch: Launch) -> list[str]:
    """Program and arguments that start, or after a death resume, an agent; for `exec`, not for a shell."""
    return preset.argv(launch.values(), launch.mode)


def environment(preset: Preset, launch: Launch) -> dict[str, str]:
    """What the preset sets beside the environment that every agent gets."""
    return {key: fill(value, launch.values()) for key, value in preset.env.items()}


@functools.lru_cache(maxsize=64)
def _parsed(file: Path, changed: int, name: str) -> Preset:
    """The preset as the file was when it `changed` last."""
    return parse_preset(file.read_text(encoding="utf-8", errors="replace"), name)


def _files(home: Home) -> dict[str, Path]:
    return {file.stem: file for folder in (SHIPPED, home.runtimes) for file in folder.glob("*.toml")}


def _usable(home: Home, name: str) -> bool:
    try:
        program = load_preset(home, name).command[0]
    except RgtError:
        return False
    return program == "{python}" or shutil.which(program) is not None
