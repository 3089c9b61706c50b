"""Problems of the merge queue in a file that is open in an editor, at the lines that its text has now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rgt.host.git import try_git
from rgt.host.places import Place, Places
from rgt.model.diagnostics import Clash, Diagnostic
from rgt.model.home import Home
from rgt.model.linemap import LineMap
from rgt.model.problems import Problem

V = TypeVar("V")
Key = tuple[str, str, str]
"""Rig, commit, path."""
REMEMBERED = 200
"""Texts of tested files, and mappings from them, that are kept."""


@dataclass(frozen=True)
class Shown:
    """One place of a problem in an open file."""

    problem: Problem
    line: int
    """First line, from 1, in the text of the editor."""
    end_line: int
    moved: bool
    """The line that failed is not in this text: this is the nearest kept one before it."""
    mine: bool
    """The file is in the worktree of the problem's author."""
    diagnostic: Diagnostic | None = None
    """What the gate has found; None for a conflict."""
    clash: Clash | None = None
    """Where the sides conflict; None for a failed gate."""


class Failures:
    """Places problems in open files: `await Failures(home).at(file, text, problems)` for each open file."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.places = Places(home)
        self._texts: OrderedDict[Key, str | None] = OrderedDict()
        self._maps: OrderedDict[Key, tuple[str, LineMap]] = OrderedDict()

    async def at(self, file: Path, text: str, problems: Iterable[Problem]) -> list[Shown]:
        """What of `problems` is in this file, whose text in the editor is `text`.

        A file that the tested tree does not have, and one in no repository of the town, has nothing. Quick when asked
        again with the same or a slightly other text: the tested text is read once.
        """
        place = await self.places.find(file)
        if place is None:
            return []
        found: list[Shown] = []
        for problem in problems:
            if problem.rig in place.rigs:
                found += await self._diagnostics(place, text, problem)
                found += await self._clashes(place, text, problem)
        return found

    async def _diagnostics(self, place: Place, text: str, problem: Problem) -> list[Shown]:
        ours = [d for d in problem.diagnostics if d.path == place.path]
        lines = await self._lines(problem, problem.sha, place.path, text) if ours else None
        if lines is None:
            return []
        mine = place.is_of(self.home.rig(problem.rig), problem.agent)
        found = []
        for one in ours:
            start, end = lines.span(one.line or 1, one.end_line or one.line or 1)
            found.append(Shown(problem, start.line, end.line, start.moved, mine, diagnostic=one))
        return found

    async def _clashes(self, place: Place, text: str, problem: Problem) -> list[Shown]:
        """In the author's worktree the author's lines, everywhere else those of the target."""
        ours = [c for c in problem.clashes if c.path == place.path]
        mine = place.is_of(self.home.rig(problem.rig), problem.agent)
        lines = await self._lines(problem, problem.head if mine else problem.base, place.path, text) if ours else None
        if lines is None:
            return []
        found = []
        for one in ours:
            first, last = (one.yours_line, one.yours_end) if mine else (one.target_line, one.target_end)
            start, end = lines.span(first or 1, last or first or 1)
            found.append(Shown(problem, start.line, end.line, start.moved, mine, clash=one))
        return found

    async def _lines(self, problem: Problem, commit: str, path: str, text: str) -> LineMap | None:
        """How lines of the file in `commit` are found in `text`; None when the file is not there."""
        key = (problem.rig, commit, path)
        if key not in self._texts:
            shown = await try_git(self.home.rig(problem.rig).hub, "cat-file", "blob", f"{commit}:{path}")
            _remember(self._texts, key, None if shown.code else shown.out)
        tested = self._texts[key]
        if tested is None:
            return None
        known = self._maps.get(key)
        if known is None or known[0] != text:
            known = text, LineMap(tested, text)
            _remember(self._maps, key, known)
        return known[1]


def _remember(store: OrderedDict[Key, V], key: Key, value: V) -> None:
    store[key] = value
    store.move_to_end(key)
    while len(store) > REMEMBERED:
        store.popitem(last=False)
