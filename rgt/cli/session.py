"""What a command has at hand: the town, the caller, and where its answer goes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import typer
from pydantic import BaseModel

from rgt.cli.render import Painter, on_terminal, plain
from rgt.client.socket import SocketTown
from rgt.client.town import Call, Town
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import Operation
from rgt.model.tokens import Identity

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


class RunWorker(Exception):
    """Leaves the command line to become the worker: it needs an event loop of its own."""

    def __init__(self, home: Home, host: str) -> None:
        super().__init__("worker")
        self.home = home
        self.host = host


@dataclass
class Session:
    """One command line in progress. Its answer is collected and written by whoever called."""

    call: Call
    home: Home
    json: bool = False
    quiet: bool = False
    local: bool = False
    """Whether this process is the person's own, so that it may take over the terminal."""
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    code: int = 0

    @property
    def town(self) -> Town:
        """The town, as this caller sees it."""
        return self.call.town

    @property
    def who(self) -> Identity:
        """The caller."""
        return self.call.who

    @property
    def cwd(self) -> Path:
        """Directory of the caller."""
        return Path(self.call.cwd)

    @property
    def paint(self) -> Painter:
        """Colours and tables for the caller's terminal."""
        return Painter(self.call.columns, self.call.colour)

    async def ask(self, operation: Operation[A, R], args: A) -> R:
        """Carry out one operation."""
        return await self.town.call(operation, args, self.call.op_id)

    def say(self, text: str) -> None:
        """A line or more of the answer, for people."""
        self.out.append(text if text.endswith("\n") else text + "\n")

    def note(self, text: str) -> None:
        """A remark beside the answer, on standard error."""
        if not self.quiet:
            self.err.append(text if text.endswith("\n") else text + "\n")

    def stream(self, text: str) -> None:
        """Write a part of the answer at once: for commands that go on until they are interrupted."""
        sys.stdout.write(text if self.json else self.fit(text))
        sys.stdout.flush()

    def fit(self, text: str) -> str:
        """`text` as the caller's terminal may have it."""
        return on_terminal(plain(text) if self.call.ascii else text)

    def town_socket(self) -> SocketTown:
        """The worker's gateway itself, for what is pushed."""
        return SocketTown(self.home, self.call.token)

    def progress(self, text: str) -> None:
        """Show on the terminal what is being done, in place of what was shown before; an empty text wipes it."""
        if self.local and not self.quiet and not self.json and sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}" + ("…" if text and not self.call.ascii else ""))
            sys.stderr.flush()

    def give(self, value: Any, text: str) -> None:
        """The answer: `value` as the one JSON document with `--json`, else `text`."""
        self.say(json.dumps(value, ensure_ascii=False) if self.json else text)

    def text_or_stdin(self, text: str, *, exact: bool = False) -> str:
        """`text`, or what was piped in when it is `-`: without the line ends at its end, unless it is to be `exact`."""
        if text != "-":
            return text
        try:
            piped = self.call.stdin.decode()
        except UnicodeDecodeError as e:
            what = f"what was piped in is no UTF-8 text: byte {e.start} is {self.call.stdin[e.start]:#04x}"
            raise RgtError("usage", what, "convert it first, e.g. with iconv") from e
        return piped if exact else piped.rstrip("\n")

    def must_be_local(self, command: str) -> None:
        """Refuse to take over a terminal that is not this process's."""
        if not self.local:
            raise RgtError("refused", f"`{command}` needs a terminal of its own", "run it in a shell")


def session(ctx: typer.Context) -> Session:
    """The session of a command."""
    found = ctx.obj
    assert isinstance(found, Session)
    return found
