"""What a line of shell is made of, for the guard."""

from __future__ import annotations

WRITES = frozenset([">", ">>", ">|", "&>", "&>>", "<>"])
"""Redirections that write a file."""
GIVEN = "\0given"
"""A word that a program gets from another one, as with `xargs`."""
MADE = "mktemp"
"""The name of what `$(mktemp)` makes."""
PIPE = "<"
"""The name, among those in a word, of what `<(…)` stands for."""


class Word:
    """One word after quoting is undone."""

    __slots__ = ("names", "quoted", "text", "unknown")

    def __init__(self) -> None:
        self.text = ""
        """What is known of it; each unknown part stands as `\\0`."""
        self.unknown = False
        """Whether part of it is only known when it runs."""
        self.quoted = False
        self.names: list[str] = []
        """Variables that are in it."""


class Command:
    """One simple command."""

    __slots__ = ("assigned", "here", "piped", "redirects", "scope", "words")

    def __init__(self, scope: tuple[object, ...] = ()) -> None:
        self.assigned: list[tuple[str, Word]] = []
        self.words: list[Word] = []
        self.redirects: list[tuple[str, Word]] = []
        self.here: list[str] = []
        """Bodies of its here-documents and here-strings."""
        self.piped = False
        """Whether its input comes from the command before."""
        self.scope = scope
        """The subshells that it is in, outermost first."""
