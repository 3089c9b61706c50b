"""What a scripted agent does: the steps of its TOML script, and where in an item's description it is found."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from rgt.model import toml
from rgt.model.base import Model

Do = Literal[
    "write", "append", "run", "commit", "done", "say", "escalate", "handoff", "wait", "ask", "crash", "hang", "exit",
    "partial", "dialog", "limit", "cut", "compact", "spam", "spend", "branch", "push",
]  # fmt: skip


class Shape(NamedTuple):
    """The keys that a step needs, those it may have besides, and what it does."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    does: str


STEPS: dict[Do, Shape] = {
    "write": Shape(("path", "text"), (), "Make or replace a file of the worktree."),
    "append": Shape(("path", "text"), (), "Add text at the end of a file of the worktree."),
    "run": Shape(("cmd",), ("ok",), "Run a shell line in the worktree if the guard lets it; a failure ends it with 1."),
    "commit": Shape(("message",), (), "Commit everything that changed, with the agent as author."),
    "done": Shape((), ("message",), "`rgt done` with this summary; once accepted, the agent ends with 0."),
    "say": Shape(("text",), (), "Print a line for whoever is watching."),
    "escalate": Shape(("message",), (), "Ask for help: `rgt escalate`."),
    "handoff": Shape(("message",), (), "`rgt handoff` with this message; the fresh session goes on behind this step."),
    "wait": Shape(("seconds",), (), "Do nothing for so long."),
    "ask": Shape(("text",), (), "Print a question and wait for a line of input."),
    "crash": Shape((), (), "Die by SIGKILL; a resumed agent goes on behind this step."),
    "hang": Shape((), (), "Do nothing for ever; a resumed agent goes on behind this step."),
    "exit": Shape((), ("code",), "End with this exit code, else 0; a resumed agent goes on behind this step."),
    "partial": Shape(("path", "text"), (), "Write half of a file and die; a resumed agent goes on behind this step."),
    "dialog": Shape(("text",), (), "Report a dialog that waits for a person, until a line is typed."),
    "limit": Shape((), ("seconds",), "Report a rate limit, with its end if that is known; go on when rung."),
    "cut": Shape((), ("text",), "Report a turn that failed, with this error, else server_error; go on when rung."),
    "compact": Shape((), (), "Report that its conversation is compacted, as a model's would be, and go on."),
    "spam": Shape(("count",), (), "Report so many events."),
    "spend": Shape(
        ("tokens",), ("model",), "Write down an answer of a model that took so many tokens, all of them output."
    ),
    "branch": Shape(("text",), (), "Switch to another branch, whatever it was."),
    "push": Shape((), ("text",), "Try to force this branch of the remote, else main, to what was committed."),
}


def _in_worktree(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~")) or ".." in parts or parts[0] == ".git" or "\0" in path:
        raise ValueError("name a file inside the worktree, such as src/app.py")
    return path


class Step(Model):
    """One step; `STEPS` says which keys go with which `do`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

    do: Do
    """What to do."""
    path: Annotated[str, AfterValidator(_in_worktree)] | None = None
    """A file, relative to the worktree."""
    text: str | None = None
    """The contents of the file, or the words to print."""
    cmd: str | None = Field(default=None, min_length=1)
    """A shell line."""
    ok: Literal["zero", "any"] | None = None
    """`any`: go on whatever the exit code of `cmd`."""
    message: str | None = Field(default=None, min_length=1)
    """Message of the commit, summary of the work, or what to ask."""
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    """How long to wait."""
    count: int | None = Field(default=None, ge=1, le=10_000)
    """How many."""
    tokens: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """How many tokens an answer took."""
    model: str | None = Field(default=None, min_length=1, max_length=80)
    """The model that gave it; `scripted` when not given."""
    code: int | None = Field(default=None, ge=0, le=255)
    """Exit code."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        shape = STEPS[self.do]
        given = self.model_fields_set - {"do"}
        for key in shape.needs:
            if key not in given:
                raise PydanticCustomError("needs", f"the step `{self.do}` needs `{key}`", {"at": ()})
        for key in sorted(given.difference(shape.needs, shape.may)):
            takes = " and ".join(f"`{k}`" for k in (*shape.needs, *shape.may)) or "nothing else"
            raise PydanticCustomError("odd", f"the step `{self.do}` has no `{key}`: it takes {takes}", {"at": (key,)})
        return self


class Script(Model):
    """Lists of steps: for the first start, after the merge queue sent the work back, and after a death."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    start: list[Step] = Field(min_length=1)
    """From a fresh worktree."""
    rejected: list[Step] = []
    """When the work was sent back; absent: `start` again, from its first step."""
    resumed: list[Step] = []
    """After a death; absent: the list that was interrupted goes on at the step it was in."""


def parse_script(text: str) -> Script:
    """The script in `text` (TOML); raises `invalid` that names line and key and suggests what was meant."""
    return toml.load(Script, text, "rgt-script")


BLOCK = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[ \t]*rgt-script[ \t]*\n(?P<body>.*?)^(?P=fence)[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL
)


def find_block(description: str) -> str | None:
    """The first fenced `rgt-script` block of an item's description, without its fences; None when there is none."""
    found = BLOCK.search(description.replace("\r\n", "\n"))
    return found["body"] if found else None


def without_block(description: str) -> str:
    """The description as people and models should read it, without its `rgt-script` block."""
    return BLOCK.sub("", description.replace("\r\n", "\n")).strip()
