"""Finding runtime presets, of the town first, then the shipped ones, and making command lines of them."""

from __future__ import annotations

import difflib
import functools
import glob
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgt.host import nolinks
from rgt.host.config import read_rig, read_town
from rgt.host.run import run
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Mode, Preset, fill, overridden, parse_preset, version_of

SHIPPED = Path(__file__).parent
KEPT = 64 << 20
"""Bytes of a session in which is looked for what tells that it can go on."""

ARGUMENT = ("/bin/sh", "-c", 'exec "$@" "$(cat "$0")"')
"""Launcher that gives a command the text of a file as its last argument: tmux refuses long command lines."""
JOINED = ("/bin/sh", "-c", 'exec "$@$(cat "$0")"')
"""The same, joined with the last word, which ends in `=`."""
STDIN = ("/bin/sh", "-c", 'exec "$@" <"$0"')
"""Launcher that gives a command a file as standard input."""


@dataclass(frozen=True)
class Launch:
    """One start of an agent: the Python of the town, the directory of the agent's generated files, and why."""

    python: str
    agent_dir: Path
    mode: Mode = "start"
    session: str = ""
    """The runtime's own id of the session."""
    worktree: Path | None = None
    model: str = ""
    effort: str = ""
    name: str = ""
    """Address of the agent."""
    sandbox: tuple[str, ...] = ()
    """Words of the sandbox, see `rgt.host.sandbox`."""

    @property
    def prompt(self) -> Path:
        """File with what the agent is told first."""
        return self.agent_dir / "prompt"

    def values(self) -> dict[str, str]:
        """The placeholders of a preset with what they stand for at this start."""
        return {
            "python": self.python,
            "runtimes": str(SHIPPED),
            "agent_dir": str(self.agent_dir),
            "mode": self.mode,
            "session": self.session,
            "worktree": str(self.worktree or ""),
            "model": self.model,
            "effort": self.effort,
            "name": self.name,
        }


def load_preset(home: Home, name: str) -> Preset:
    """The runtime `name`; raises `not_found` with a suggestion, or `invalid` when its file has a mistake."""
    return _preset(_files(home), name)


def _preset(files: dict[str, Path], name: str) -> Preset:
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(files))}"
        raise RgtError("not_found", f"there is no runtime {name[:40]!r}", hint)
    return _parsed(files[name], files[name].stat().st_mtime_ns, name)


def available(home: Home) -> dict[str, bool]:
    """Every known runtime by name, and whether it could start here: its preset is valid, its program installed."""
    files = _files(home)
    return {name: _usable(files, name) for name in sorted(files)}


def valid(home: Home) -> list[Preset]:
    """Every known runtime whose preset has no mistake, by name."""
    found = []
    files = _files(home)
    for name in sorted(files):
        with suppress(RgtError, OSError):
            found.append(_preset(files, name))
    return found


def configured(home: Home, name: str, rig: str = "") -> Preset:
    """The runtime as `[runtime.<name>]` of town.toml and of the rig's rig.toml change it."""
    return overridden(load_preset(home, name), _tables(home, name, rig))


def settings(home: Home, name: str, rig: str = "") -> dict[str, Any]:
    """Everything that `[runtime.<name>]` says, the rig's word before the town's."""
    merged: dict[str, Any] = {}
    for _, table in _tables(home, name, rig):
        merged |= table
    return merged


def resumes(preset: Preset, agent_dir: Path, mode: Mode, session: str = "") -> bool:
    """Whether a start in `mode` goes on with the session that died; without a kept session it begins anew."""
    return mode == "resumed" and bool(preset.resume) and kept(preset, agent_dir, session)


def kept(preset: Preset, agent_dir: Path, session: str) -> bool:
    """Whether there is still what can go on or be asked of a session, as far as the preset tells."""
    if not preset.kept:
        return True
    pattern, has = fill(preset.kept, {"session": glob.escape(session)}), preset.kept_has.encode()
    return any(has in _beginning(agent_dir, name) for name in nolinks.find(agent_dir, pattern))


def _beginning(agent_dir: Path, name: str) -> bytes:
    try:
        return nolinks.read(agent_dir, name, KEPT)
    except OSError:
        return b""


def command(preset: Preset, launch: Launch) -> list[str]:
    """Program and arguments that start, or after a death resume, an agent; for `exec`, not for a shell.

    A prompt is read from its file by a small launcher, outside of the sandbox and of the preset's wrapper. With
    `paste` the command knows nothing of it, see `to_paste`.
    """
    values = _values(preset, launch)
    goes_on = resumes(preset, launch.agent_dir, launch.mode, launch.session)
    words = [fill(word, values) for word in preset.wrapper] + preset.argv(values, goes_on)
    if preset.sandbox:
        if not launch.sandbox:
            raise RgtError("missing", f"the runtime {preset.name} wants a sandbox and has none", "see `rgt doctor`")
        words = [*launch.sandbox, *words]
    file = str(launch.prompt)
    if preset.prompt == "argument":
        return [*ARGUMENT, file, *words]
    if preset.prompt == "flag":
        return [*(JOINED if preset.prompt_flag.endswith("=") else ARGUMENT), file, *words, preset.prompt_flag]
    return [*STDIN, file, *words] if preset.prompt == "stdin" else words


def to_paste(preset: Preset, launch: Launch) -> str:
    """What is to be typed into the session once it is ready; empty when the command has the prompt already."""
    return nolinks.read(launch.agent_dir, launch.prompt.name).decode() if preset.prompt == "paste" else ""


def environment(preset: Preset, launch: Launch) -> dict[str, str]:
    """What the preset sets beside the environment that every agent gets."""
    values = _values(preset, launch)
    return {key: fill(value, values) for key, value in preset.env.items()}


async def installed_version(preset: Preset) -> str:
    """What the program says its version is; empty when the preset has no command for it.

    Raises `missing` when it is not installed, `failed` when it says no version.
    """
    if not preset.version:
        return ""
    argv = [fill(word, {"python": sys.executable, "runtimes": str(SHIPPED)}) for word in preset.version]
    done = await run(argv, timeout=20)
    if done.code or not (version := version_of(done.out)):
        said = (done.err.strip() or done.out.strip() or f"exit code {done.code}").splitlines()[-1]
        raise RgtError("failed", f"{preset.name} does not tell its version: {said[:200]}", "install it again")
    return version


def _values(preset: Preset, launch: Launch) -> dict[str, str]:
    values = launch.values()
    return {**values, "model": values["model"] or preset.model, "effort": values["effort"] or preset.effort}


def _tables(home: Home, name: str, rig: str) -> list[tuple[str, dict[str, Any]]]:
    tables = [("town.toml", read_town(home).runtime.get(name))]
    if rig:
        tables.append((f"rigs/{rig}/rig.toml", read_rig(home, rig).runtime.get(name, {})))
    return tables


@functools.lru_cache(maxsize=64)
def _parsed(file: Path, changed: int, name: str) -> Preset:
    """The preset as the file was when it `changed` last."""
    return parse_preset(file.read_text(encoding="utf-8", errors="replace"), name)


def _files(home: Home) -> dict[str, Path]:
    return {file.stem: file for folder in (SHIPPED, home.runtimes) for file in folder.glob("*.toml")}


def _usable(files: dict[str, Path], name: str) -> bool:
    try:
        program = _preset(files, name).command[0]
    except RgtError:
        return False
    return program == "{python}" or shutil.which(program) is not None
