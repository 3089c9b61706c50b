"""One error type for everything that can go wrong on purpose; the edges render it."""

from __future__ import annotations

from typing import Any

CODES: dict[str, int] = {
    "failed": 1,
    "internal": 1,
    "usage": 2,
    "invalid": 2,
    "unreachable": 3,
    "version": 3,
    "refused": 4,
    "denied": 4,
    "exists": 4,
    "missing": 4,
    "not_found": 5,
    "interrupted": 130,
}
"""Every error code with the exit code of the CLI: 1 failed, 2 usage, 3 town not reachable, 4 refused, 5 not found."""


class RgtError(Exception):
    """A refusal or failure a person can act on: what happened (`message`) and what to do next (`hint`).

    The domain and the adapters raise it, the CLI, the gateway, Temporal and the language server render it.
    Any other exception is a bug and keeps its traceback.
    """

    def __init__(self, code: str, message: str, hint: str = "", data: dict[str, Any] | None = None) -> None:
        assert code in CODES, code
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.data = data or {}

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends with this error."""
        return CODES[self.code]

    def as_dict(self) -> dict[str, Any]:
        """The `error` object of `--json` output."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "data": self.data}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> RgtError:
        """The inverse of `as_dict`, tolerant of codes this version does not know."""
        code = d.get("code", "internal")
        return cls(code if code in CODES else "internal", d.get("message", ""), d.get("hint", ""), d.get("data"))

    def line(self) -> str:
        """One line for people: what, why, what to do next."""
        return f"{self.message} — {self.hint}" if self.hint else self.message
