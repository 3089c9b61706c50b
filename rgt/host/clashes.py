"""The lines of a conflict on both sides, read from the tree that a merge with conflicts leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rgt.host.git import try_git
from rgt.model.diagnostics import Clash
from rgt.model.linemap import LineMap

FILES = 20
"""Files in conflict whose lines are looked for."""
MOST = 50
LARGEST = 2_000_000
"""Characters of a file in conflict that is read."""


async def clashes(hub: Path, tree: str, ours: str, theirs: str, files: Sequence[str]) -> list[Clash]:
    """Where `theirs` conflicts with the target's commit `ours`: `tree` has the files with git's marks in them.

    At most 50. A file without marks (deleted on one side, binary, too large) has one without lines.
    """
    found: list[Clash] = []
    for path in files[:FILES]:
        marked, target, yours = [await _text(hub, f"{commit}:{path}") for commit in (tree, ours, theirs)]
        small = max(map(len, (marked, target, yours))) <= LARGEST
        found += (list(in_file(path, marked, target, yours)) if small else []) or [Clash(path=path)]
    return found[:MOST]


def in_file(path: str, marked: str, target: str, yours: str) -> Iterator[Clash]:
    """The conflicts that are marked in the text `marked`, with their lines in the two texts that were merged."""
    sides: tuple[list[str], list[str], list[str]] = ([], [], [])
    spans: list[list[int]] = []
    side: int | None = None
    for line in marked.split("\n"):
        if line.startswith("<<<<<<< ") and side is None:
            side = 0
            spans.append([len(sides[0]) + 1, 0, len(sides[1]) + 1, 0])
        elif line.startswith("||||||| ") and side == 0:
            side = 2  # What both came from, with `merge.conflictStyle = diff3`.
        elif line.rstrip("\r") == "=======" and side in (0, 2):
            side = 1
        elif line.startswith(">>>>>>> ") and side == 1:
            side = None
            spans[-1][1::2] = len(sides[0]), len(sides[1])
        else:
            for n in (0, 1) if side is None else (side,):
                sides[n].append(line)
    if side is not None:
        return
    # What merged well around a conflict shifts its lines: the two results are compared with what each side had.
    maps = [LineMap("\n".join(merged), had) for merged, had in zip(sides[:2], (target, yours), strict=True)]
    for first, last, their_first, their_last in spans:
        at, theirs = _lines(maps[0], first, last), _lines(maps[1], their_first, their_last)
        yield Clash(path=path, target_line=at[0], target_end=at[1], yours_line=theirs[0], yours_end=theirs[1])


def _lines(lines: LineMap, first: int, last: int) -> tuple[int, int]:
    """First and last line in a side's own text; for a side that has nothing there the line before it, twice."""
    if last < first:
        before = lines.line(max(1, first - 1)).line
        return before, before
    start, end = lines.span(first, last)
    return start.line, end.line


async def _text(hub: Path, name: str) -> str:
    """A file of a commit or tree as text; empty when it is not there or binary."""
    shown = await try_git(hub, "cat-file", "blob", name)
    return "" if shown.code or "\0" in shown.out else shown.out
