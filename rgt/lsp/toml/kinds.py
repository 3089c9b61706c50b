"""Which TOML files are ours, and which model each has."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath

from pydantic import BaseModel

from rgt.model.config import RigConfig, TownConfig
from rgt.model.runtime import Preset


@dataclass(frozen=True)
class FileKind:
    """One kind of file of a home."""

    name: str
    """What people call it."""
    pattern: str
    """Its path below the home; `*` stands for one name."""
    model: type[BaseModel]
    named: bool = False
    """Whether `name` in it must be the name of the file."""


KINDS = (
    FileKind("town.toml", "config/town.toml", TownConfig),
    FileKind("town.toml", "config/town.draft.toml", TownConfig),
    FileKind("rig.toml", "rigs/*/rig.toml", RigConfig),
    FileKind("runtime preset", "config/runtimes/*.toml", Preset, named=True),
)
"""A new kind of file joins here, with its model."""


def kind_of(path: PurePath, home: PurePath) -> FileKind | None:
    """The kind of a file, when it is one of this home's."""
    if not path.is_relative_to(home):
        return None
    parts = path.relative_to(home).parts
    for kind in KINDS:
        pattern = kind.pattern.split("/")
        if len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern)):
            return kind
    return None
