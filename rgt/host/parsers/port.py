"""What every parser of gates is: something that may prepare a run, and reads what it has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rgt.host.parsers.files import Files
from rgt.model.diagnostics import Diagnostic

LARGEST = 5_000_000
"""Bytes of a report that are read."""


@dataclass(frozen=True)
class Run:
    """A gate's run: where it happens and what it leaves."""

    tree: Path
    """The worktree in which it runs."""
    log: Path
    """Its whole output."""
    reports: Path
    """A directory of our own for what parsers let tools write, gone when it has been read."""
    report: str = ""
    """Report file that the rig names for this gate, relative to the tree."""
    matchers: Sequence[Mapping[str, Any]] = ()
    """The `[[matcher]]` tables of rig.toml."""
    started: float = 0.0
    """When it began, in seconds since the epoch: an older report is none of it."""


@dataclass
class Findings:
    """What a parser has found."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read, for the person who looks after the rig."""


class Parser(Protocol):
    """A way to read problems out of a gate's run."""

    name: str
    exact: bool
    """Whether it knows and does not guess: what it finds makes guesses about the same tool needless."""

    def prepare(self, run: Run) -> dict[str, str]:
        """Environment with which the gate must run, made before it runs."""
        ...

    async def read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
        """Problems with files of the tree; `known`: the exact parsers that have found something."""
        ...
