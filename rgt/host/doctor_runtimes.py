"""The doctor's check of the runtimes that a town is configured to use."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from rgt.host import sandbox
from rgt.host.config import read_rig, read_town
from rgt.host.install import Check
from rgt.host.run import run
from rgt.host.runtimes.presets import SHIPPED, available, configured, installed_version
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Preset, fill, older

USUAL = "claude"
"""What runs when nobody has said anything and it is installed."""


async def runtimes(home: Home, rigs: list[str]) -> AsyncIterator[Check]:
    """Whether each runtime that town.toml or a rig names is installed, of a version that works, and logged in."""
    used = dict.fromkeys(_used(home, rigs))
    default = read_town(home).runtime.default
    if not default and available(home).get(USUAL):
        default = USUAL
        used[default, ""] = None
    looked: set[str] = set()
    said: set[str] = set()
    for name, rig in used:
        try:
            preset = configured(home, name, rig)
            if name not in looked:
                looked.add(name)
                yield await _look(preset, is_default=name == default)
            if preset.sandbox and (why := sandbox.unusable()):
                yield Check.bad(f"{name} is to run in a sandbox: {why}", "install bubblewrap, or set sandbox = false")
        except RgtError as e:
            # What is wrong in town.toml is wrong for each rig too.
            if e.message not in said:
                said.add(e.message)
                yield Check.bad(e.message, e.hint or "see docs/runtimes.md")


def _used(home: Home, rigs: list[str]) -> Iterator[tuple[str, str]]:
    """Names of runtimes, each with the rig whose word it is, or with none."""
    town = read_town(home)
    roles = [role.runtime for _, role in town.roles]
    yield from ((name, "") for name in (town.runtime.default, *roles, *town.runtime.named) if name)
    for rig in rigs:
        # A rig whose file is broken has a check of its own.
        with suppress(RgtError):
            yield from ((name, rig) for name in read_rig(home, rig).runtime)


async def _look(preset: Preset, is_default: bool) -> Check:
    name, program = preset.name, _program(preset)
    if program and not shutil.which(program):
        return Check.bad(f"{name}: {program} is not installed", "install it, or set another [runtime] default")
    version = await installed_version(preset)
    if not version:
        return Check.good(name)
    if preset.at_least and older(version, preset.at_least):
        return Check.bad(f"{name} {version} is too old", f"{preset.at_least} or newer")
    if preset.login and is_default:
        argv = [fill(word, {"python": sys.executable, "runtimes": str(SHIPPED)}) for word in preset.login]
        done = await run(argv, timeout=20)
        if done.code:
            return Check.warn(f"{name} {version}: nobody is logged in", f"see [runtime.{name}] in docs/runtimes.md")
    if preset.tested and version != preset.tested:
        return Check.warn(
            f"{name} {version} was not tested, {preset.tested} was", "go on, and look at its first session"
        )
    return Check.good(f"{name} {version}")


def _program(preset: Preset) -> str:
    """What must be on the PATH: the wrapper's program, when there is one, has the other inside."""
    program = (preset.wrapper or preset.command)[0]
    return "" if "{" in program else program
