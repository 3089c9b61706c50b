"""Runtimes are data: what it takes to start, resume and end one kind of agent program."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rgt.model import toml
from rgt.model.errors import RgtError
from rgt.model.fields import Name

Mode = Literal["start", "rejected", "resumed"]
"""Why an agent starts: a new item, work that came back from the merge queue, or a death in mid-work."""

PLACEHOLDERS = ("python", "runtimes", "agent_dir", "mode")
"""What `{…}` in a preset's arguments and environment may name: the Python that runs the town, the directory of the
shipped runtime programs, the directory of the agent's generated files, and the mode of this start."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def _known(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise ValueError(f"there is no {{{name}}}; there are {', '.join(f'{{{p}}}' for p in PLACEHOLDERS)}")
    return text


Template = Annotated[str, AfterValidator(_known)]


class Preset(BaseModel):
    """One runtime, as its TOML file tells it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    name: Name
    """Name of the runtime, which is that of its file."""
    command: list[Template] = Field(min_length=1)
    """Program and arguments, one word each; no shell reads them."""
    resume: list[Template] = []
    """Used instead of `command` after a death; absent: `command` again."""
    env: dict[str, Template] = {}
    """Set beside the environment that every agent gets."""
    ready: Literal["file", "hook", "delay"] = "file"
    """How it says that it is up: `file` writes `<pid> <nonce>` to `ready` in its directory, `hook` reports
    `session_start`, `delay` says nothing and is taken to be up after `ready_seconds`."""
    ready_seconds: float = Field(default=30.0, gt=0, le=600)
    """The deadline for it (for `delay`: the time itself)."""
    mail: Literal["hook-bell", "command", "paste", "none"] = "none"
    """How a message reaches a running session."""
    stop: list[Literal["HUP", "INT", "TERM"]] = ["TERM"]
    """Signals that ask it to end, one after the other; KILL to the whole process group is always the last."""
    stop_seconds: float = Field(default=5.0, ge=0, le=120)
    """How long each of them is given."""

    def argv(self, values: dict[str, str], mode: Mode) -> list[str]:
        """Program and arguments for a start in `mode`, with `values` for the placeholders."""
        return [fill(word, values) for word in (self.resume if mode == "resumed" and self.resume else self.command)]


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with each `{name}` replaced; braces around anything else stay as they are."""
    return _PLACEHOLDER.sub(lambda m: values[m[1]], text)


def parse_preset(text: str, name: str) -> Preset:
    """The preset in the TOML `text` of the file `<name>.toml`; raises `invalid` with line, key and suggestion."""
    preset = toml.load(Preset, text, f"{name}.toml")
    if preset.name != name:
        raise RgtError("invalid", f"{name}.toml: the name in it is {preset.name}", "make both names the same")
    return preset
