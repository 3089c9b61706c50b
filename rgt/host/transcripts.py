"""What agents have used, read from the transcripts that their runtimes write: JSON lines, each in a form of its own.

Claude Code's, Codex's and Gemini's are known; a line shows whose it is. One answer of a model spans several lines with
the same usage, or with one that grows: each request counts once, with the most that was said of it. Subagents have
files of their own, and a session that is forked repeats what came before.
What was read stays read: the account book of an agent, `usage.json` in its directory, knows how far, and the sums.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic import Field, ValidationError

from rgt.host import nolinks
from rgt.model.base import Model
from rgt.model.costs import NOTHING, Amount, Price, Usage, minus, plus
from rgt.model.spending import Line
from rgt.model.times import iso

BOOK = "usage.json"
LARGEST = 16 << 20
"""Bytes of a book."""
SEEN = 2000
"""Requests that are known again; of older ones it is their time that tells that they were counted."""
CHUNK = 4 << 20
LONGEST = 64 << 20
"""Bytes of a line; what is longer is no line of a transcript."""
MODEL = 80
"""Characters of the name of a model."""
Pricing = Callable[[str], Price | None]


class File(Model):
    """How far a transcript was read."""

    inode: int
    offset: int = 0
    thread: str = ""
    """Of Codex: which session its lines are from,"""
    model: str = ""
    """what it works with,"""
    sum: list[int] = Field(default_factory=list)
    """and all that it has used: input, cached input and output."""


class Seen(Model):
    """A request that was counted."""

    sum: str
    """In which sum."""
    at: str
    usage: Usage
    amount: list[int]


class Book(Model):
    """The account book of one agent."""

    id: str
    """Another one when the book was lost: sums of the old one stay what they were."""
    pattern: str
    """Its transcripts, below its directory."""
    item: str = ""
    """Whom it works for now: what is read next counts for this item."""
    since: str = ""
    """Of a book that was begun later than the transcripts: what is older than this was never counted."""
    files: dict[str, File] = Field(default_factory=dict)
    seen: dict[str, Seen] = Field(default_factory=dict)
    sums: dict[str, list[int]] = Field(default_factory=dict)
    """`day item model` → packed amount"""
    told: dict[str, list[int]] = Field(default_factory=dict)
    """What of `sums` the town knows."""
    used: list[int] = Field(default_factory=lambda: list(NOTHING))
    """All of it; of a polecat what it has used for its present item."""
    used_told: list[int] = Field(default_factory=lambda: list(NOTHING))

    def news(self, agent: str) -> list[Line]:
        """Sums that the town does not know yet."""
        return [self._line(agent, key, sum) for key, sum in self.sums.items() if self.told.get(key) != sum]

    def _line(self, agent: str, key: str, sum: list[int]) -> Line:
        day, item, model = key.split(" ", 2)
        return Line(book=self.id, agent=agent, item="" if item == "-" else item, day=day, model=model, amount=sum)

    def was_told(self, lines: list[Line], used: list[int]) -> None:
        """The town knows these sums. Those of days that are over are forgotten."""
        for line in lines:
            self.told[f"{line.day} {line.item or '-'} {line.model}"] = line.amount
        self.used_told = used
        days = sorted({key[:10] for key in self.sums})[-3:]
        for key in [k for k in self.sums if k[:10] < days[0] and self.told.get(k) == self.sums[k]]:
            del self.sums[key]
            self.told.pop(key, None)

    def count(self, entry: dict[str, Any], price: Pricing, now: str, file: File) -> None:
        """One line of a transcript."""
        said = _claude(entry) or _gemini(entry) or _codex(entry, file)
        if not said or not said.request or not said.usage.tokens:
            return
        at = moment(entry.get("timestamp"), now)
        known = self.seen.get(said.request)
        if known is None:
            if at <= self.since:
                return
            key = f"{at[:10]} {self.item or '-'} {said.model}"
            known = Seen(sum=key, at=at, usage=Usage(), amount=NOTHING)
        usage = Usage(*map(max, said.usage, known.usage))
        amount = Amount.of(usage, price(said.model)).pack()
        self._add(known.sum, minus(amount, known.amount))
        self.seen[said.request] = known.model_copy(update={"usage": usage, "amount": amount})

    def _add(self, key: str, more: list[int]) -> None:
        self.sums[key] = plus(self.sums.get(key, NOTHING), more)
        self.used = plus(self.used, more)

    def forget(self) -> None:
        """Drop the oldest requests."""
        while len(self.seen) > SEEN:
            oldest = next(iter(self.seen))
            self.since = max(self.since, self.seen.pop(oldest).at)


def open_book(directory: Path, pattern: str) -> Book:
    """The agent's account book. Of transcripts that are older than it nobody knows what they were for."""
    book = find_book(directory)
    if book is None:
        found = nolinks.find(directory, pattern)
        book = Book(id=secrets.token_hex(4), pattern=pattern, since=_now() if found else "")
    if book.pattern != pattern:
        book.pattern = pattern
    return book


def find_book(directory: Path) -> Book | None:
    """The agent's account book, if it has one that can be read."""
    try:
        return Book.model_validate_json(nolinks.read(directory, BOOK, LARGEST))
    except (OSError, ValidationError):
        return None


def save_book(directory: Path, book: Book) -> None:
    """Keep the book."""
    nolinks.write(directory, BOOK, book.model_dump_json())


def read(directory: Path, book: Book, price: Pricing) -> bool:
    """Count what the agent's transcripts have more than at the last time; False when that is nothing.

    The last line stays where it is until it is whole. A transcript that is shorter than what was read of it, or another
    file, is read from its beginning: what was counted is known again."""
    more, now = False, _now()
    found = nolinks.find(directory, book.pattern)
    book.files = {name: book.files[name] for name in found if name in book.files}
    for name in found:
        with suppress(OSError), nolinks.opened(directory, name) as transcript:
            stat = os.fstat(transcript.fileno())
            file = book.files.get(name)
            if file is None or file.inode != stat.st_ino or stat.st_size < file.offset:
                file = book.files[name] = File(inode=stat.st_ino)
            if stat.st_size == file.offset:
                continue
            for entry, offset in _entries(transcript, file.offset):
                if entry:
                    book.count(entry, price, now, file)
                file.offset, more = offset, True
    book.forget()
    return more


def _entries(file: BinaryIO, offset: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Lines that may say what was used, with where the next one begins."""
    file.seek(offset)
    rest = b""
    while part := file.read(CHUNK):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            offset += len(line) + 1
            yield (_entry(line) if _TELLING.search(line) else {}), offset
        if len(rest) > LONGEST:
            offset += len(rest)
            rest = b""
            yield {}, offset


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


_TELLING = re.compile(rb'"(usage|tokens|token_count|turn_context|session_meta)"')
"""What is in a line that counts, of any form."""


class _Said(NamedTuple):
    """What a line says of one request."""

    request: str
    usage: Usage
    model: str


def _claude(entry: dict[str, Any]) -> _Said | None:
    message = entry.get("message")
    given = message.get("usage") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(given, dict):
        return None
    request = entry.get("requestId") or message.get("id") or entry.get("uuid")
    return _Said(str(request or ""), usage_of(given), name_of(message.get("model")))


def _gemini(entry: dict[str, Any]) -> _Said | None:
    """A message of the model, written again when its tools have run. What came out of a cache is in `input`."""
    given = entry.get("tokens")
    if entry.get("type") != "gemini" or not isinstance(given, dict):
        return None
    read, whole = _number(given.get("cached")), _number(given.get("input"))
    usage = Usage(
        input=max(0, whole - read) + _number(given.get("tool")),
        output=_number(given.get("output")) + _number(given.get("thoughts")),
        read=min(read, whole),
    )
    return _Said(str(entry.get("id") or ""), usage, name_of(entry.get("model")))


def _codex(entry: dict[str, Any], file: File) -> _Said | None:
    """The sum of a session so far: what it has more than before. A sum that shrinks begins anew with the last answer.

    What came out of a cache is in `input_tokens`, what was thought in `output_tokens`."""
    kind, payload = entry.get("type"), entry.get("payload")
    if not isinstance(payload, dict):
        return None
    if kind == "session_meta":
        file.thread = name_of(payload.get("id"))
    elif kind == "turn_context":
        file.model = name_of(payload.get("model"))
    info = payload.get("info") if kind == "event_msg" and payload.get("type") == "token_count" else None
    if not isinstance(info, dict):
        return None
    sum, last = _codex_sum(info.get("total_token_usage")), _codex_sum(info.get("last_token_usage"))
    more = [now - before for now, before in zip(sum, file.sum or [0, 0, 0], strict=True)]
    whole, read, output = last if min(more) < 0 else more
    file.sum = sum
    usage = Usage(input=max(0, whole - read), output=output, read=min(read, whole))
    return _Said(f"{file.thread} {sum}", usage, file.model or "unknown")


def _codex_sum(given: object) -> list[int]:
    known = given if isinstance(given, dict) else {}
    return [_number(known.get(name)) for name in ("input_tokens", "cached_input_tokens", "output_tokens")]


def usage_of(given: dict[str, Any]) -> Usage:
    """The tokens in what the API says of an answer; anything that is no number counts as none."""
    cached = given.get("cache_creation")
    hour = cached.get("ephemeral_1h_input_tokens") if isinstance(cached, dict) else 0
    return Usage(
        input=_number(given.get("input_tokens")),
        output=_number(given.get("output_tokens")),
        write=_number(given.get("cache_creation_input_tokens")),
        write_hour=_number(hour),
        read=_number(given.get("cache_read_input_tokens")),
    )


def name_of(model: object) -> str:
    """The name of a model, whatever was written there."""
    shown = "".join(c if c.isprintable() else " " for c in str(model or "unknown"))
    return " ".join(shown.split())[:MODEL] or "unknown"


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0


def moment(given: object, now: str) -> str:
    """A time of a transcript in our form; `now` when there is none, and for one in the future."""
    try:
        at = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        at = None
    if at is None:
        return now
    return min(iso(at if at.tzinfo else at.replace(tzinfo=UTC)), now)


def _now() -> str:
    return iso(datetime.now(UTC))


def books(agents: Path) -> Iterator[str]:
    """Workflow ids of all agents below this directory that have a book."""
    for file in sorted(agents.glob(f"*/*/*/{BOOK}")):
        yield os.fspath(file.parent.relative_to(agents))
