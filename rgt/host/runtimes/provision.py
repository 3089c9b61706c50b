"""Making an agent's directory ready before each start: its prompt, its policy, and its runtime's own files.

A runtime that needs files of its own has a module here, of the name that its preset gives as `provision`, with a
function `provision`. It writes below `Where.agent_dir` alone: never into the worktree, never into the configuration of
the person whose town this is. Where past sessions can be asked, `environment` there says what that needs.
"""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rgt.host import nolinks
from rgt.host.config import said
from rgt.host.runtimes.presets import resumes
from rgt.model.errors import RgtError
from rgt.model.runtime import Mode, Preset
from rgt.model.toml import TYPES

T = TypeVar("T", str, bool)
PROMPT_LIMIT = 120_000
"""Bytes of a prompt; the kernel takes no argument beyond 128 KiB."""
TOWN_VARIABLES = (
    "GTR_AGENT",
    "GTR_ADDRESS",
    "GTR_ROOT",
    "GTR_TOKEN",
    "GTR_NONCE",
    "GTR_WORK_ITEM",
    "RGT_BIN",
    "RGT_AGENT_DIR",
)
"""What a runtime that hides variables from its tools must let through, for `rgt` to know whose it is."""


@dataclass(frozen=True)
class Where:
    """One start of an agent, as a provisioner needs to know it."""

    agent_dir: Path
    """Directory of its generated files; the only place that a provisioner writes to."""
    worktree: Path
    """Where it works."""
    hub: Path
    """Bare repository that the worktree belongs to."""
    rig_path: str = ""
    """The repository that the rig was made from, when it is a directory of this machine."""
    role: str = "polecat"
    """Its role in the town."""
    address: str = ""
    """Its address, such as `api/nux`."""
    item: str = ""
    """Its work item."""
    session: str = ""
    """The runtime's own id of the session: a UUID that we chose."""
    mode: Mode = "start"
    """Why it starts."""
    prompt: str = ""
    """What it is told first."""
    resume: str = ""
    """What it is told instead after a death, when the session goes on."""
    settings: dict[str, Any] = field(default_factory=dict)
    """`[runtime.<name>]` of town.toml with that of rig.toml over it."""
    python: str = ""
    """The Python that runs the town."""
    runtimes: Path = Path(__file__).parent
    """Directory of the shipped runtime programs."""
    policy: dict[str, Any] = field(default_factory=dict)
    """What its guard holds it to."""
    rgt: str = "rgt"
    """The command line of the town."""


class Provisioner(Protocol):
    """A function of a runtime's module: it gives what is added to the environment."""

    def __call__(self, where: Where) -> dict[str, str]: ...


def provision(preset: Preset, where: Where) -> dict[str, str]:
    """Make the agent's directory ready for a start of `preset`; gives what that adds to the agent's environment.

    Raises `invalid` for settings that do not fit, `missing` for a runtime whose files nobody here can write.
    """
    with said(where.agent_dir):
        where.agent_dir.mkdir(parents=True, exist_ok=True)
        nolinks.untie(where.agent_dir)
    goes_on = where.resume and resumes(preset, where.agent_dir, where.mode, where.session)
    prompt = where.resume if goes_on else where.prompt
    if len(prompt.encode()) > PROMPT_LIMIT:
        raise RgtError("invalid", f"the first prompt has {len(prompt)} characters", "a program takes about 120,000")
    if prompt or nolinks.status(where.agent_dir, "prompt"):
        nolinks.write(where.agent_dir, "prompt", prompt)
    if where.policy:
        nolinks.write(where.agent_dir, "policy.json", json.dumps(where.policy))
    if where.session:
        nolinks.write(where.agent_dir, "session", f"{where.session}\n")
    return _of(preset, "provision", where)


def environment(preset: Preset, where: Where) -> dict[str, str]:
    """What asking a past session of `preset` needs in its environment; nothing is written."""
    return _of(preset, "environment", where)


def write_json(where: Where, name: str, data: object) -> None:
    """Write a file of the agent's directory that holds JSON."""
    nolinks.write(where.agent_dir, name, json.dumps(data, indent=1) + "\n")


def setting(where: Where, key: str, default: T) -> T:
    """What `[runtime.<name>]` says of a key that is no preset's; `invalid` when it has another type."""
    value = where.settings.get(key, default)
    if type(value) is not type(default):
        raise RgtError("invalid", f"`{key}` must be {TYPES[type(default)]}", "see `rgt config explain`")
    return value


def api_key(where: Where, variable: str) -> dict[str, str]:
    """The variable with the API key, `key_env` of the settings or `variable`, as the town itself has it; or nothing."""
    name = setting(where, "key_env", variable)
    return {name: value} if (value := os.environ.get(name, "")) else {}


def program(where: Where, *words: str) -> list[str]:
    """The command line of one of the shipped programs, given its name and what it is told."""
    return [where.python, "-IS", str(where.runtimes / "run.py"), *words]


def hook_words(where: Where, runtime: str, job: str) -> list[str]:
    """The command that a runtime's hooks run: it speaks Claude's dialect to `hook.py` and the runtime's to it."""
    return program(where, "foreign", runtime, job)


def _of(preset: Preset, job: str, where: Where) -> dict[str, str]:
    """What a function of the module of the preset's runtime gives; nothing where there is none."""
    if preset.provision == "none":
        return {}
    module = f"{__package__}.{preset.provision}"
    try:
        does: Provisioner | None = getattr(importlib.import_module(module), job, None)
    except ModuleNotFoundError as e:
        if e.name != module:
            raise
        hint = "set `provision` to none in its preset"
        raise RgtError("missing", f"nobody here provisions {preset.provision}", hint) from e
    return does(where) if does else {}
