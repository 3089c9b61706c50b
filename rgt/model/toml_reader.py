"""TOML text with the place of everything in it, for whole files and for half-written ones.

The standard library's parser tells values and stops at the first mistake; editors need all that can be read, with
places. So this reads line by line, skips what it does not understand and goes on. Whether a text is TOML at all, and
what the values of one are, is still what `tomllib` says.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Path = tuple[str | int, ...]
"""Way to a value: keys, and indices of list elements and of `[[tables]]`."""
MAX_DEPTH = 32
"""Deeper nesting is refused: nobody writes it, and every recursive reader has an end."""

BLANK = re.compile(r"[ \t]*")
GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE = re.compile(r"[A-Za-z0-9_-]+")
BASIC = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)"')
LITERAL = re.compile(r"'([^'\r\n]*)'")
LONG = re.compile(r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+', re.DOTALL)
SCALAR = re.compile(r"[^,\]}#\r\n]*")
LINE = re.compile(r"[^\r\n]*")
STATEMENT = re.compile(
    r"(?:\"[^\"\r\n]*\"|'[^'\r\n]*'|[A-Za-z0-9_-]+)(?:[ \t]*\.[ \t]*[\w\"'-]+)*[ \t]*=|"
    r"\[{1,2}[ \t]*(?!(?:true|false|inf|nan)\b)[A-Za-z_][\w.\"' \t-]*\]{1,2}[ \t]*(?:#[^\n]*)?(?:\r?\n|$)"
)
"""A `key =` or a `[header]`, which at the start of a line can be no element of a list."""
SMALL = re.compile(r"-?(?:0|[1-9]\d{0,17})")
TRUTH = {"true": True, "false": False}
ABSENT: Any = object()
"""Stands for a value that could not be read."""


class Span(NamedTuple):
    """Offsets of a piece of text, the second one after its last character."""

    start: int
    end: int


class Part(NamedTuple):
    """One word of a key or of a header, as it is written."""

    name: str
    span: Span
    path: Path
    """Way to what it names; in the header of `[[gate]]` with the index."""
    header: bool


class Value(NamedTuple):
    """One value as it is written; an `absent` one has the blank in which it is missing."""

    path: Path
    span: Span
    kind: Literal["text", "scalar", "list", "table", "absent"]


class Entry(NamedTuple):
    """One `key = value`, from its key to the end of its value."""

    path: Path
    key: Span
    span: Span
    inline: bool
    """Whether it stands in an inline table."""


class Table(NamedTuple):
    """One `[header]`, from its bracket to the end of the last thing below it."""

    path: Path
    header: Span
    end: int


class Mistake(NamedTuple):
    """What is not TOML."""

    span: Span
    message: str
    kind: Literal["syntax", "bare", "twice", "deep"] = "syntax"
    """`bare` is text without quotes."""


@dataclass
class Document:
    """What could be read of a text."""

    text: str
    plain: dict[str, Any] = field(default_factory=dict)
    """Its values, without what is broken or given twice."""
    where: dict[Path, Span] = field(default_factory=dict)
    """Place of every key (of a table: in its header) and of every element of a list."""
    values: dict[Path, Value] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    """What is not TOML, in the order of the text."""

    def entry(self, path: Path) -> Entry | None:
        """Where a key is given with its value."""
        return next((e for e in self.entries if e.path == path), None)

    def table(self, path: Path) -> Table | None:
        """The header of a table."""
        return next((t for t in self.tables if t.path == path), None)

    def table_at(self, offset: int) -> Path:
        """The table that a line at this offset belongs to."""
        return next((t.path for t in reversed(self.tables) if t.header.end <= offset), ())


def read(text: str) -> Document:
    """All that can be read of `text`; a text without mistakes is TOML."""
    reader = _Reader(text)
    try:
        reader.read()
        reader.document.plain, reader.document.mistakes = tomllib.loads(text), []
    except _TooDeep as e:
        message = f"tables and lists are nested more than {MAX_DEPTH} deep"
        reader.document.mistakes = [Mistake(Span(e.at, e.at + 1), message, "deep")]
    except ValueError as e:
        reader.document.mistakes = sorted(reader.document.mistakes) or [_said(str(e), text)]
    return reader.document


def shallow(plain: dict[str, Any]) -> bool:
    """Whether values are nested so little that nobody needs to ask how deep it is."""
    level: list[Any] = [plain]
    for _ in range(MAX_DEPTH // 2):
        tables = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [value for values in tables for value in values]
    return not level


class _TooDeep(Exception):
    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.i = 0
        self.document = Document(text)
        self.made: dict[Path, str] = {}
        """How a table came to be: `header`, `implicit` (by a header below it), `dotted`, `inline`, `many`."""

    def read(self) -> None:
        table: Path = ()
        values = self.document.plain
        while True:
            self.skip(GAP)
            if self.i >= len(self.text):
                return
            known = len(self.document.mistakes)
            if self.text[self.i] == "[":
                table, values = self.header()
            else:
                self.pair(table, values, 0)
                self.end_table(self.i)
            self.skip(BLANK)
            start = self.i
            if self.at_line_end() or self.begins_statement():
                continue
            self.skip(LINE)
            if len(self.document.mistakes) == known:
                self.mistake(start, self.i, "nothing but a comment can follow here")

    # --- moving

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

    def at_line_end(self) -> bool:
        return self.i >= len(self.text) or self.text[self.i] in "\r\n#"

    def mistake(self, start: int, end: int, message: str) -> None:
        self.document.mistakes.append(Mistake(Span(start, end), message))

    def twice(self, name: str, span: Span, as_what: str = "") -> None:
        self.document.mistakes.append(Mistake(span, f"`{name}` is given twice{as_what}", "twice"))

    def note(self, path: Path, span: Span) -> None:
        if len(path) > MAX_DEPTH:
            raise _TooDeep(span.start)
        self.document.where.setdefault(path, span)

    # --- lines

    def header(self) -> tuple[Path, dict[str, Any]]:
        start = self.i
        many = self.takes("[[")
        if not many:
            self.i += 1
        words = self.key()
        path: Path = ()
        values = self.document.plain
        for at, (name, span) in enumerate(words):
            path = (*path, name)
            how = "implicit" if at < len(words) - 1 else "many" if many else "header"
            path, values = self.enter(path, span, values, how)
            self.document.parts.append(Part(name, span, path, True))
        self.skip(BLANK)
        closing = "]]" if many else "]"
        if not self.takes(closing):
            self.takes("]")
            if words[-1][0]:
                self.mistake(start, max(self.i, words[-1][1].end), f"the closing `{closing}` is missing")
        if not words[-1][0]:
            self.mistake(start, self.i, "the name of a table is missing")
        self.document.tables.append(Table(path, Span(start, self.i), self.i))
        return path, values

    def end_table(self, end: int) -> None:
        if self.document.tables:
            self.document.tables[-1] = self.document.tables[-1]._replace(end=end)

    def enter(self, path: Path, span: Span, values: dict[str, Any], how: str) -> tuple[Path, dict[str, Any]]:
        """The table that a word of a header names; one that cannot be is read, and stands nowhere."""
        name = str(path[-1])
        if not name:
            return path, {}
        known = name in values
        inner = values.setdefault(name, [] if how == "many" else {})
        made = self.made.get(path, "")
        if not known:
            self.made[path] = how
        self.note(path, span)
        if isinstance(inner, list) and (made or self.made.get(path)) == "many" and how != "header":
            if how == "many":
                inner.append({})
            path = (*path, len(inner) - 1)
            self.note(path, span)
            return path, inner[-1]
        if known and (not isinstance(inner, dict) or made == "inline" or how == "many"):
            self.twice(
                name, span, f", first as {'a list of tables' if made == 'many' else 'a table' if made else 'a value'}"
            )
            return path if how != "many" else (*path, 0), {}
        if known and how == "header":
            if made in ("header", "dotted"):
                self.twice(name, span)
                return path, {}
            self.made[path] = "header"
        return path, inner

    def key(self) -> list[tuple[str, Span]]:
        """The words of a key; the last is empty when it is missing."""
        words: list[tuple[str, Span]] = []
        while True:
            self.skip(BLANK)
            start = self.i
            if found := BASIC.match(self.text, self.i):
                name = _text(found[0]) if "\\" in found[0] else found[1]
            elif found := LITERAL.match(self.text, self.i) or BARE.match(self.text, self.i):
                name = found[1] if found.lastindex else found[0]
            else:
                return [*words, ("", Span(start, start))]
            self.i = found.end()
            words.append((name, Span(start, self.i)))
            self.skip(BLANK)
            if not self.takes("."):
                return words

    def pair(self, table: Path, values: dict[str, Any], depth: int) -> None:
        words = self.key()
        path, start, end = table, words[0][1].start, words[-1][1].end
        for at, (name, span) in enumerate(words):
            path = (*path, name)
            self.document.parts.append(Part(name, span, path, False))
            if not name:
                continue
            self.note(path, span)
            if at == len(words) - 1:
                break
            inner = values.setdefault(name, {})
            self.made.setdefault(path, "dotted")
            if not isinstance(inner, dict) or self.made[path] == "inline":
                self.twice(name, span, ", first as a value")
                inner = {}
            values = inner
        name, span = words[-1]
        self.skip(BLANK)
        if not self.takes("="):
            if start == end:
                self.mistake(start, start + 1, "a key is missing")
            else:
                self.mistake(start, end, "`=` and a value are missing" if name else "a name is missing after the dot")
            return
        if not name:
            self.mistake(start, self.i, "a key is missing before `=`" if start == end else "a name is missing")
        equals = self.i
        self.skip(BLANK)
        value = self.value(path, depth, equals)
        whole = Span(start, max(self.i, equals))
        self.document.entries.append(Entry(path, Span(start, end), whole, depth > 0))
        if name in values:
            self.twice(name, span)
        elif name and value is not ABSENT:
            values[name] = value

    # --- values

    def value(self, path: Path, depth: int, after: int) -> Any:
        """The value at this place, or `ABSENT`; `after` is where the blank before it begins."""
        start = self.i
        if depth > MAX_DEPTH:
            raise _TooDeep(start)
        kind: Literal["text", "scalar", "list", "table", "absent"] = "text"
        at = len(self.document.mistakes)
        value: Any
        if self.takes("["):
            kind, value = "list", self.items(path, depth)
        elif self.takes("{"):
            kind, value = "table", self.inline(path, depth)
            self.made[path] = "inline"
        elif raw := self.skip(LONG):
            value = _text(raw)
        elif self.text.startswith(('"""', "'''"), self.i):
            self.i = len(self.text)
            self.mistake(start, start + 3, f"the closing `{self.text[start : start + 3]}` is missing")
            value = ABSENT
        elif raw := self.skip(BASIC) or self.skip(LITERAL):
            value = _text(raw) if "\\" in raw else raw[1:-1]
        elif self.text.startswith(('"', "'"), self.i):
            self.skip(LINE)
            self.mistake(start, self.i, f"the closing `{self.text[start]}` is missing")
            value = ABSENT
        else:
            kind, value = "scalar", self.scalar(path, after)
            if self.i == start:
                kind = "absent"
        if value is ABSENT and len(self.document.mistakes) == at and kind == "text":
            self.mistake(start, self.i, "a character after `\\` is not one that TOML knows")
        span = Span(after, self.i) if kind == "absent" else Span(start, self.i)
        self.document.values.setdefault(path, Value(path, span, kind))
        return value

    def scalar(self, path: Path, after: int) -> Any:
        start = self.i
        raw = self.skip(SCALAR).rstrip(" \t")
        if raw in TRUTH:
            self.i = start + len(raw)
            return TRUTH[raw]
        if not raw:
            self.mistake(max(after - 1, 0), max(self.i, after), "a value is missing")
            self.i = start
            return ABSENT
        self.i = start + len(raw)
        if SMALL.fullmatch(raw):
            return int(raw)
        try:
            return tomllib.loads(f"v={raw}")["v"]
        except ValueError:
            if re.fullmatch(r"[^\W\d][\w.-]*", raw):
                self.document.mistakes.append(Mistake(Span(start, self.i), "text stands in quotes", "bare"))
            else:
                self.mistake(start, self.i, "this is no value of TOML")
            return ABSENT

    def items(self, path: Path, depth: int) -> list[Any]:
        opened, found = self.i - 1, list[Any]()
        comma = self.i
        while True:
            self.skip(GAP)
            if self.takes("]"):
                return found
            if self.i >= len(self.text) or self.begins_statement():
                self.mistake(opened, opened + 1, "the closing `]` is missing")
                return found
            before = self.i
            value = self.value((*path, len(found)), depth + 1, comma)
            self.note((*path, len(found)), Span(before, self.i))
            found.append(value if value is not ABSENT else None)
            self.skip(GAP)
            if self.takes(","):
                comma = self.i
            elif self.text[self.i : self.i + 1] not in ("]", "") and not self.begins_statement():
                self.mistake(self.i, self.i + 1, "a `,` is missing between two values")
                comma = self.i
                self.i += self.i == before

    def inline(self, path: Path, depth: int) -> dict[str, Any]:
        opened, found = self.i - 1, dict[str, Any]()
        while True:
            self.skip(BLANK)
            if self.takes("}"):
                return found
            if self.at_line_end():
                self.mistake(opened, opened + 1, "the closing `}` is missing")
                return found
            before = self.i
            self.pair(path, found, depth + 1)
            self.skip(BLANK)
            if self.takes(",") or self.at_line_end() or self.text[self.i] == "}":
                continue
            self.mistake(self.i, self.i + 1, "a `,` is missing between two keys")
            self.i += self.i == before

    def begins_statement(self) -> bool:
        start = self.i
        while start and self.text[start - 1] in " \t":
            start -= 1
        at_start = start == 0 or self.text[start - 1] in "\r\n"
        return at_start and STATEMENT.match(self.text, self.i) is not None


def _text(raw: str) -> Any:
    """What a string means, or `ABSENT` when an escape in it is none."""
    try:
        return tomllib.loads(f"v={raw}")["v"]
    except ValueError:
        return ABSENT


def _said(message: str, text: str) -> Mistake:
    """What `tomllib` says, at its place."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    what = message[: found.start()] if found else message.partition(";")[0]
    if found and found[1]:
        starts = [0, *(m.end() for m in re.finditer("\n", text.replace("\r\n", "\n")))]
        before = text.replace("\r\n", "\n")[: starts[int(found[1]) - 1] + int(found[2]) - 1]
        at = len(before) + text.count("\r\n", 0, len(before) + before.count("\n"))
    else:
        # Only a number too long for Python carries no place: it is the longest run of digits there is.
        digits = max(re.finditer(r"[\d_]+", text), key=lambda m: len(m[0]), default=None)
        at = len(text) if found or digits is None else digits.start()
    line = LINE.match(text, at)
    return Mistake(Span(at, line.end() if line else at), what[:1].lower() + what[1:])
