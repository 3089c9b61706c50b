"""Attempts at a work item that came to nothing: what they left, and when another runtime should try."""

from __future__ import annotations

from pydantic import Field

from rgt.model.base import Model
from rgt.model.messages import Left, Lost

FAILURES = 2
"""Failed attempts in a row after which the fallback runtime takes over."""
KEPT = 6
"""Attempts that are remembered."""
OUTCOME_CHARS = 1000
LEFT_CHARS = 1500


class Attempt(Model):
    """An attempt that ended without `rgt done`."""

    number: int
    outcome: str
    left: str = ""
    """Its last commits and what was not committed, for the next one."""


class Tries(Model):
    """The part of a work item that remembers them."""

    fallback: str = ""
    """Runtime that takes over when the first one fails again and again."""
    failures: int = 0
    """Failed attempts in a row with the present runtime."""
    attempts: list[Attempt] = Field(default_factory=list)
    """The last attempts that were lost, oldest first."""

    def tried(self, c: Lost, runtime: str) -> str:
        """Remember an attempt with `runtime`; gives the runtime that should take over, if one should."""
        ended = Attempt(number=c.attempt, outcome=c.reason[:OUTCOME_CHARS], left=c.notes[-LEFT_CHARS:])
        self.attempts = [*self.attempts, ended][-KEPT:]
        self.failures += c.deaths > 0
        if self.failures < FAILURES or self.fallback in ("", runtime):
            return ""
        self.failures = 0
        return self.fallback

    def has_left(self, c: Left) -> None:
        """What a lost attempt has left, as far as its host can tell."""
        for ended in self.attempts:
            if ended.number == c.attempt:
                ended.left = "\n".join(part for part in (ended.left, c.left) if part)[-LEFT_CHARS:]
