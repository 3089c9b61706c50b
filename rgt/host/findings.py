"""A gate with what it found: run it, and when it says no, read where, the author's own lines first."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rgt.host import parsers
from rgt.host.gates import run_gate
from rgt.host.git import Tree, git, try_git
from rgt.model.diagnostics import Diagnostic, bounded
from rgt.model.errors import RgtError
from rgt.model.linemap import LineMap
from rgt.model.queue import GateResult, GateSpec

log = logging.getLogger(__name__)
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


async def run_and_read(
    spec: GateSpec, tree: Path | Tree, log_file: Path, env: Mapping[str, str], beat: Callable[[int], None],
    *, matchers: Sequence[Mapping[str, Any]] = (), commit: str = "HEAD", base: str = "", head: str = "",
) -> GateResult:  # fmt: skip
    """`run_gate` in a worktree that holds `commit`; a failure has diagnostics.

    `base` is what the commit stands on and `head` what its author has finished: lines that the author has changed come
    first, and where `head` has them at another number the diagnostic says so. What is not read for any reason is in the
    result's `notes`; the verdict of the gate is never another one for it.
    """
    reports = log_file.with_suffix(".reports")
    where = tree.path if isinstance(tree, Tree) else tree
    run = parsers.Run(where, log_file, reports, spec.report, matchers, time.time())
    try:
        # The gate's own variables win: they say which run it is.
        result = await run_gate(spec, where, log_file, {**parsers.prepare(run), **env}, beat)
        if result.outcome != "fail":
            return result
        found = await parsers.read(run, tree, commit)
        changed = await _changed_lines(tree, base, commit) if base and found.diagnostics else {}
        kept = bounded(found.diagnostics, changed)
        placed = await _in_head(tree, commit, head, kept.diagnostics) if head else kept.diagnostics
        return result.model_copy(update={"diagnostics": placed, "cut": kept.cut, "notes": found.notes[:5]})
    except (RgtError, OSError):
        log.exception("the output of gate %s was not read", spec.name)
        return result.model_copy(update={"notes": ["its output was not read, see the worker's log"]})
    finally:
        await parsers.forget(run)


async def _changed_lines(tree: Path | Tree, base: str, commit: str) -> dict[str, list[tuple[int, int]]]:
    """Of every file that `commit` changes, the lines that are new in it."""
    diff = await try_git(
        tree, "-c", "core.quotePath=off", "diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames",
        "--diff-filter=AM", "--src-prefix=a/", "--dst-prefix=b/", base, commit,
    )  # fmt: skip
    found: dict[str, list[tuple[int, int]]] = {}
    ranges: list[tuple[int, int]] = []
    for line in diff.out.split("\n"):
        if line.startswith("+++ b/"):
            ranges = found.setdefault(line[6:].rstrip("\t"), [])
        elif hunk := HUNK.match(line):
            first = int(hunk[1])
            ranges.append((first, first + int(hunk[2] or 1) - 1))
    return found


async def _in_head(tree: Path | Tree, commit: str, head: str, found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics, with their lines in `head` where they are others there."""
    differing = await git(tree, "diff", "-z", "--name-only", "--no-renames", commit, head)
    moved = set(differing.split("\0"))
    maps: dict[str, LineMap] = {}
    placed = []
    for one in found:
        if one.path in moved and one.line:
            if one.path not in maps:
                tested, theirs = [await try_git(tree, "show", f"{c}:{one.path}") for c in (commit, head)]
                maps[one.path] = LineMap(tested.out, theirs.out)
            at = maps[one.path].line(one.line)
            one = one.model_copy(update={"yours": at.line if at.line != one.line else 0})
        placed.append(one)
    return placed
