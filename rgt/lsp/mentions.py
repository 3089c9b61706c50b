"""Where a document names work items and agents, in the positions of the editor's own encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, cast

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from rgt.lsp.repairs import LINES
from rgt.model.ids import NAME
from rgt.model.lines import Lines, Unit, width

NAMED = re.compile(rf"(?<![\w-])(gt-[a-z0-9]{{5}})(?![\w-])|(?<![\w@/])@({NAME.pattern}(?:/{NAME.pattern})?)(?![\w/])")
"""A work item, or an agent after `@`."""
REMARK = re.compile(r"\b(TODO|FIXME)\b(?:\((gt-[a-z0-9]{5})\))?:?\s*(.*?)\s*(?:\*/|-->|#\}|%\})?\s*$")
"""A remark that asks for work, with the item that is about it if there is one."""


class Mention(NamedTuple):
    """One item or agent that a document names."""

    line: int
    start: int
    end: int
    id: str
    """`gt-3f8k2`, or the agent without its `@`."""
    is_item: bool

    @property
    def range(self) -> types.Range:
        """Where it is."""
        return span(self.line, self.start, self.end)

    def holds(self, position: types.Position) -> bool:
        """Whether a position is in it, or just behind."""
        return self.line == position.line and self.start <= position.character <= self.end


@dataclass(frozen=True)
class Remark:
    """A TODO of a document."""

    line: int
    start: int
    end: int
    word: str
    id: str
    """The item that is about it; empty for none."""
    text: str


class Mentions:
    """What open documents name; looked through once per version of a document."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, list[Mention]]] = {}

    def of(self, document: TextDocument) -> list[Mention]:
        """All mentions, in order."""
        source = document.source
        known = self._found.get(document.uri)
        if known is None or known[0] is not source:
            encoding = str(document.position_codec.encoding)
            known = (source, list(find(source, encoding)))
            self._found[document.uri] = known
        return known[1]

    def first(self, document: TextDocument, count: int) -> list[Mention]:
        """The first mentions, for what looks at a document at every key: the rest is not looked for."""
        return list(islice(find(document.source, str(document.position_codec.encoding)), count))

    def keep_only(self, workspace: Workspace) -> None:
        """Forget documents that are closed."""
        open_ones = {d.uri for d in workspace.text_documents.values()}
        self._found = {uri: known for uri, known in self._found.items() if uri in open_ones}


def find(source: str, encoding: str) -> Iterator[Mention]:
    """Every mention in a text."""
    if "gt-" not in source and "@" not in source:
        return
    for number, line in enumerate(m[0] for m in LINES.finditer(source)):
        if "gt-" in line or "@" in line:
            for m in NAMED.finditer(line):
                start, end = (units(line, at, encoding) for at in m.span())
                yield Mention(number, start, end, m[1] or m[2], bool(m[1]))


def remarks(source: str, encoding: str) -> Iterator[Remark]:
    """Every TODO in a text."""
    if "TODO" not in source and "FIXME" not in source:
        return
    for number, line in enumerate(LINES.findall(source)):
        if m := REMARK.search(line.rstrip("\r\n")):
            start, end = units(line, m.start(), encoding), units(line, m.end(3), encoding)
            yield Remark(number, start, end, m[1], m[2] or "", m[3])


def units(line: str, at: int, encoding: str) -> int:
    """A place in a line, counted as the editor counts."""
    return width(line[:at], cast(Unit, encoding))


def place_in(line: str, character: int, encoding: str) -> int:
    """The inverse of `units`: the place that an editor means; the end of the line when it has none such."""
    return Lines(line).offset(0, character, cast(Unit, encoding))


def line_at(document: TextDocument, number: int) -> str:
    """A line of a document; empty behind its end."""
    lines = document.lines
    return str(lines[number]).rstrip("\r\n") if number < len(lines) else ""


def span(line: int, start: int = 0, end: int = 0) -> types.Range:
    """A range within one line."""
    return types.Range(types.Position(line, start), types.Position(line, end))
