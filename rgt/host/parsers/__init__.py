"""Gate failures as places in files: each parser is a module that may prepare a gate's run and reads what it left."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from rgt.host.git import Tree, git
from rgt.host.parsers.files import Files
from rgt.host.parsers.junit import JUnit
from rgt.host.parsers.output import Output
from rgt.host.parsers.port import Findings, Parser, Run
from rgt.host.parsers.pytest_report import Pytest

__all__ = ["PARSERS", "Run", "prepare", "read"]

log = logging.getLogger(__name__)

PARSERS: tuple[Parser, ...] = (Pytest(), JUnit(), Output())
"""In this order; where two find the same, the first counts."""


def prepare(run: Run) -> dict[str, str]:
    """Environment with which the gate must run. A parser that cannot prepare is left out."""
    env: dict[str, str] = {}
    for parser in PARSERS:
        try:
            env |= parser.prepare(run)
        except OSError:
            log.warning("parser %s could not prepare", parser.name, exc_info=True)
    return env


async def read(run: Run, tree: Path | Tree, commit: str) -> Findings:
    """What went wrong in a gate that tested `commit` in `tree`; a parser that breaks breaks nothing else."""
    listed = await git(tree, "ls-tree", "-r", "-z", "--name-only", commit)
    files = Files(run.tree, listed.split("\0"))
    found = Findings()
    known: set[str] = set()
    for parser in PARSERS:
        try:
            new = await parser.read(run, files, frozenset(known))
        except Exception:
            log.exception("parser %s failed", parser.name)
            found.notes.append(f"parser {parser.name} failed, see the worker's log")
            continue
        found.diagnostics += new.diagnostics
        found.notes += new.notes
        if parser.exact and new.diagnostics:
            known.add(parser.name)
    return found


async def forget(run: Run) -> None:
    """Remove what was prepared."""
    await asyncio.to_thread(shutil.rmtree, run.reports, ignore_errors=True)
