"""Pipes that lie where git reads: it would wait at one until somebody writes there, and nobody does.

They are looked for once a git takes long, by what the directories say and never by opening one to read. Those in a
place of the town are removed. What an agent only leads to, from a repository inside its worktree, is not touched; it is
named.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from rgt.host import nolinks

DEEP = 100
"""Directories within each other that are looked into."""
LOOKED_AT = 50_000
"""Files of a repository elsewhere that are looked at."""
LINE = 5_000
"""Bytes of a file with one line that are read."""

log = logging.getLogger(__name__)


def unplug(worktree: Path | None = None, repositories: Sequence[Path] = (), person: Path | None = None) -> str:
    """Free a git of the pipes that it may wait at; gives one that it has waited at and that stays, as it is not ours.

    In a worktree of the town counts what is called `.git…`, in its repositories everything. `person` is a directory
    that somebody else has, where nothing is removed.
    """
    found = [pipe for place in repositories for pipe in _pipes(place, place, ".git/", 0)]
    found += _pipes(worktree, worktree, "", 0) if worktree else ()
    for top in (person, *person.parents) if person else ():
        git_dir = next((top / name for name in (".git", ".") if os.path.lexists(top / name / "HEAD")), None)
        if git_dir or os.path.lexists(top / ".git"):
            led = (
                (*_elsewhere(top, git_dir), *_led_to(top, git_dir, "commondir"))
                if git_dir
                else _led_to(top, top, ".git")
            )
            found += [(pipe, False) for pipe, _ in led]
            break
    left = ""
    for pipe, ours in found:
        if ours:
            _remove(pipe)
        elif _let_go(pipe):
            left = left or str(pipe)
    return left


def _remove(pipe: Path) -> None:
    """Remove a pipe. It has a writer until nobody finds it any more: who comes in between does not wait either."""
    with suppress(OSError):
        held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            pipe.unlink()
            log.warning("removed a pipe where git reads: %s", pipe)
        finally:
            os.close(held)


def _let_go(pipe: Path) -> bool:
    """Give who waits at a pipe a writer, and with it the end; was there somebody?"""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _pipes(top: Path, folder: Path, within: str, depth: int) -> Iterator[tuple[Path, bool]]:
    """Pipes called `.git…`, those below something called `.git…`, and those that it leads to; are they ours?"""
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            name, path = within + entry.name, Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEP:
                    yield from _pipes(top, path, f"{name}/" if name.startswith(".git") else "", depth + 1)
            elif name.startswith(".git"):
                if entry.is_file(follow_symlinks=False):
                    if entry.name in (".git", "commondir") and folder != top:
                        yield from _led_to(top, folder, entry.name)
                elif _is_pipe(path):
                    yield path, True
                elif entry.is_symlink():
                    yield from _elsewhere(top, path)


def _led_to(top: Path, folder: Path, name: str) -> Iterator[tuple[Path, bool]]:
    """Pipes in the repository that `.git` or `commondir` names."""
    with suppress(OSError, ValueError):
        said = nolinks.read(folder, name, LINE).decode().strip().removeprefix("gitdir:").strip()
        if said:
            yield from _elsewhere(top, folder / said)


def _elsewhere(top: Path, place: Path) -> Iterator[tuple[Path, bool]]:
    """Pipes in a repository that is somewhere else; what is below `top` is the town's."""
    real = Path(os.path.realpath(place))
    ours = real.is_relative_to(os.path.realpath(top))
    waiting, left = [real], LOOKED_AT
    while waiting and left:
        with suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                left = max(0, left - 1)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False) and _is_pipe(Path(entry.path)):
                    yield Path(entry.path), ours


def _is_pipe(path: Path) -> bool:
    """Also one that a link leads to."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False
