"""Lines of one text in another that was edited from it: where is what was line 12 now?"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from dataclasses import dataclass

EXACT = 250_000
"""Pairs of lines in a gap between two blocks that are compared without difflib's shortcut for frequent lines."""


@dataclass(frozen=True)
class Mapped:
    """A line in the other text. `moved`: the line itself is gone, this is the nearest kept one before it."""

    line: int
    moved: bool = False


class LineMap:
    """The lines of `old` in `new`; made once for each pair of texts, then every look is quick.

    Lines count from 1 as editors count them: they end with `\\n`, `\\r\\n` or `\\r`.
    """

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = lines(old), lines(new)
        self._starts: list[int] = []
        self._blocks: list[tuple[int, int, int]] = []
        for block in _matching(self._old, self._new):
            self._starts.append(block[0])
            self._blocks.append(block)

    def line(self, line: int) -> Mapped:
        """Where line `line` of the old text is now. Lines beyond its ends count as its first and last one."""
        at = min(max(line, 1), max(len(self._old), 1)) - 1
        place = bisect_right(self._starts, at) - 1
        if place < 0:
            return Mapped(1, moved=True)
        old, new, size = self._blocks[place]
        if at < old + size:
            return Mapped(new + at - old + 1)
        return Mapped(new + size, moved=True)

    def span(self, first: int, last: int) -> tuple[Mapped, Mapped]:
        """Where the lines `first` to `last` are now, never turned round."""
        start, end = self.line(first), self.line(max(first, last))
        return start, end if end.line >= start.line else Mapped(start.line, moved=True)


def lines(text: str) -> list[str]:
    """The lines of a text without their ends, as an editor shows them: at least one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _matching(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Blocks of equal lines (start in `old`, start in `new`, size), in order."""
    head = 0
    shorter = min(len(old), len(new))
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    blocks = [(0, 0, head)] if head else []
    blocks += _middle(old, new, head, len(old) - tail, head, len(new) - tail)
    if tail:
        blocks.append((len(old) - tail, len(new) - tail, tail))
    return blocks


def _middle(old: list[str], new: list[str], a: int, a_end: int, b: int, b_end: int) -> list[tuple[int, int, int]]:
    """Blocks between the common start and end: difflib's quick way, then the small gaps that it leaves exactly."""
    if a == a_end or b == b_end:
        return []
    blocks: list[tuple[int, int, int]] = []
    # The last one is difflib's end mark: of size 0, behind the last line of both.
    for i, j, size in difflib.SequenceMatcher(None, old[a:a_end], new[b:b_end]).get_matching_blocks():
        gap_a, gap_b = (blocks[-1][0] + blocks[-1][2], blocks[-1][1] + blocks[-1][2]) if blocks else (a, b)
        between = old[gap_a : a + i], new[gap_b : b + j]
        if 0 < len(between[0]) * len(between[1]) <= EXACT:
            exact = difflib.SequenceMatcher(None, *between, autojunk=False).get_matching_blocks()
            blocks += [(gap_a + x, gap_b + y, n) for x, y, n in exact if n]
        if size:
            blocks.append((a + i, b + j, size))
    return blocks
