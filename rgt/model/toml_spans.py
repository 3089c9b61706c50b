"""Where each key and list element stands in TOML text. The parsers tell values only, so this reads positions.

Tolerant: what it does not understand it skips to the end of the line, so that half-written files have places too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Way to a value: keys, and indices of list elements and of `[[tables]]`."""
MAX_DEPTH = 32
"""Deeper nesting is refused: nobody writes it, and every recursive reader has an end."""

BLANK = re.compile(r"[ \t]*")
GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE = re.compile(r"[A-Za-z0-9_-]+")
BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
LITERAL = re.compile(r"'([^'\n]*)'")
LONG = re.compile(r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+', re.DOTALL)
SCALAR = re.compile(r"[^,\]}#\n]*")
REST = re.compile(r"[^\n]*\n?")
ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\]))')
SHORT = dict(zip('btnfr"\\', '\b\t\n\f\r"\\', strict=True))


@dataclass(frozen=True)
class Span:
    """A key or an element in its line; all count from 1, `end` is the column after the last character."""

    line: int
    column: int
    end: int


class TooDeep(Exception):
    """Nesting beyond `MAX_DEPTH`, first met in `line`."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def spans(text: str) -> dict[Path, Span]:
    """Every path of `text` with the place of its key, or of the element itself in a list; a table's is its header."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.i = 0
        self.found: dict[Path, Span] = {}
        self.last: dict[Path, int] = {}
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def read(self) -> dict[Path, Span]:
        table: Path = ()
        while True:
            self.skip(GAP)
            if self.i >= len(self.text):
                return self.found
            before = self.i
            if self.text[self.i] == "[":
                table = self.header()
            else:
                self.pair(table, 0)
            if self.i == before or self.text[before : self.i].strip() == "":
                self.skip(REST)

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.i)
        if not found:
            return ""
        self.i = found.end()
        return found[0]

    def takes(self, token: str) -> bool:
        if not self.text.startswith(token, self.i):
            return False
        self.i += len(token)
        return True

    def note(self, path: Path, start: int, end: int) -> None:
        line = bisect_right(self.starts, start)
        if len(path) > MAX_DEPTH:
            raise TooDeep(line)
        begin = self.starts[line - 1]
        self.found.setdefault(path, Span(line, start - begin + 1, end - begin + 1))

    def header(self) -> Path:
        many = self.takes("[[")
        if not many:
            self.i += 1
        parts = self.key()
        path: Path = ()
        for at, (name, start, end) in enumerate(parts):
            path = (*path, name)
            if many and at == len(parts) - 1:
                self.last[path] = self.last.get(path, -1) + 1
            self.note(path, start, end)
            if path in self.last:
                path = (*path, self.last[path])
                self.note(path, start, end)
        self.skip(REST)
        return path

    def key(self) -> list[tuple[str, int, int]]:
        parts: list[tuple[str, int, int]] = []
        while True:
            self.skip(BLANK)
            start = self.i
            if found := BASIC.match(self.text, self.i):
                name = ESCAPE.sub(_unescape, found[1])
            elif found := LITERAL.match(self.text, self.i):
                name = found[1]
            elif found := BARE.match(self.text, self.i):
                name = found[0]
            else:
                return parts
            self.i = found.end()
            parts.append((name, start, self.i))
            self.skip(BLANK)
            if not self.takes("."):
                return parts

    def pair(self, table: Path, depth: int) -> None:
        path = table
        for name, start, end in self.key():
            path = (*path, name)
            self.note(path, start, end)
        self.skip(BLANK)
        if path != table and self.takes("="):
            self.skip(BLANK)
            self.value(path, depth)

    def value(self, path: Path, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooDeep(bisect_right(self.starts, self.i))
        if self.takes("["):
            self.items(path, depth, "]")
        elif self.takes("{"):
            self.items(path, depth, "}")
        elif not (self.skip(LONG) or self.skip(BASIC) or self.skip(LITERAL)):
            self.skip(SCALAR)

    def items(self, path: Path, depth: int, closing: str) -> None:
        index = 0
        while True:
            self.skip(GAP)
            if self.takes(closing) or self.i >= len(self.text):
                return
            before = self.i
            if closing == "}":
                self.pair(path, depth + 1)
            else:
                self.value((*path, index), depth + 1)
                self.note((*path, index), before, self.i if "\n" not in self.text[before : self.i] else before + 1)
            index += 1
            self.skip(GAP)
            if not self.takes(",") and self.i == before:
                return


def _unescape(found: re.Match[str]) -> str:
    if found[3]:
        return SHORT[found[3]]
    code = int(found[1] or found[2], 16)
    return chr(code) if code < 0x110000 else found[0]
