"""The `git` program behind one async function, and how the town looks at worktrees that it does not trust."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rgt.host import settings
from rgt.host.run import Done, run
from rgt.model.errors import RgtError

QUIET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": "true",
    "GIT_MERGE_AUTOEDIT": "no",
}
"""Environment that keeps git in English and from asking anybody anything."""
LOCAL = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)  # fmt: skip
"""Variables of a surrounding git that would make ours work on the wrong repository."""
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""For what rgt itself does in a hub: the hooks there guard against others, and each costs as much as the command."""
IDENTITY = {"NAME": "rgt", "EMAIL": "rgt@localhost"}
"""Who commits what rgt itself commits."""
STAY_OUT = (*NO_HOOKS, "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false")
"""For every git in a worktree: run nothing that its settings name, do not enter repositories inside it."""
NO_SUBMODULES = "--ignore-submodules=dirty"
"""For commands that look for changes. To see those inside a submodule, git would run itself there, by the settings
that it finds there. No setting turns that off for good: `.gitmodules`, which an agent writes, wins over all of them."""
PATIENCE = 5.0
"""Seconds after which a git in a worktree may be waiting for a pipe."""


@dataclass(frozen=True)
class Tree:
    """A worktree of a hub as the town knows it.

    An agent can write anything into its worktree, also a `.git` that leads to a repository with settings of its own.
    So git is told where everything is, and asks the worktree for nothing but files. Made by `rgt.host.trees`.
    """

    path: Path
    admin: Path
    """Where the hub keeps what belongs to this worktree alone. Its agent can write there, too."""
    hub: Path

    @property
    def env(self) -> dict[str, str]:
        """Variables that keep git from looking for its repository."""
        return {
            "GIT_DIR": str(self.admin),
            "GIT_COMMON_DIR": str(settings.of(self.hub)),
            "GIT_WORK_TREE": str(self.path),
            "GIT_NO_LAZY_FETCH": "1",
        }

    @property
    def hooked(self) -> tuple[str, str]:
        """Words with which a command runs the hub's hooks after all, which guard the target."""
        return "-c", f"core.hooksPath={self.hub / 'hooks'}"


async def try_git(
    where: Path | Tree,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    stdin: bytes | None = None,
    errors: str = "replace",
) -> Done:
    """Run `git -C where args…` and give back code, output and errors, whatever the code.

    In a worktree that may be an agent's, `where` must be a `Tree`.
    """
    merged = {k: v for k, v in os.environ.items() if k not in LOCAL}
    merged.update(QUIET)
    for who in ("AUTHOR", "COMMITTER"):
        for part, value in IDENTITY.items():
            merged[f"GIT_{who}_{part}"] = value
    if isinstance(where, Tree):
        merged.update(where.env)
        merged.update(env or {})
        argv = ["git", "-C", str(where.path), *STAY_OUT, *args]
        running = run(argv, env=merged, timeout=timeout, stdin=stdin, errors=errors)
        return await _released(where, asyncio.ensure_future(running))
    merged.update(env or {})
    return await run(["git", "-C", str(where), *args], env=merged, timeout=timeout, stdin=stdin, errors=errors)


async def git(
    where: Path | Tree,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    stdin: bytes | None = None,
    errors: str = "replace",
) -> str:
    """As `try_git`, but a non-zero exit raises `RgtError("failed")`; gives the output without the last newline."""
    done = await try_git(where, *args, env=env, timeout=timeout, stdin=stdin, errors=errors)
    if done.code:
        said = (done.err.strip() or done.out.strip()).splitlines()
        what = said[-1] if said else str(done.code)
        raise RgtError("failed", f"git {' '.join(args[:3])}: {what}", data={"code": done.code})
    return done.out.rstrip("\n")


async def _released(tree: Tree, running: asyncio.Future[Done]) -> Done:
    """Wait for a git; one that takes long is freed of the pipes that may keep it."""
    try:
        done, _ = await asyncio.wait({running}, timeout=PATIENCE)
        if not done:
            await asyncio.to_thread(_unplug, tree)
        return await running
    finally:
        running.cancel()


def _unplug(tree: Tree) -> None:
    """Remove the pipes that lie where git looks for files of its own, and let go who waits at one of them."""
    for pipe in (*_pipes(tree.path, "", 0), *_pipes(tree.admin, ".git/", 0)):
        with suppress(OSError):
            # A reader that waits gets a writer, and with it the end.
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
        with suppress(OSError):
            pipe.unlink()


def _pipes(folder: Path, within: str, depth: int) -> Iterator[Path]:
    """Pipes called `.git…`, and all that are below something called `.git…`."""
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            name = within + entry.name
            if entry.is_dir(follow_symlinks=False):
                if depth < 100:
                    yield from _pipes(Path(entry.path), f"{name}/" if name.startswith(".git") else "", depth + 1)
            elif name.startswith(".git") and stat.S_ISFIFO(entry.stat(follow_symlinks=False).st_mode):
                yield Path(entry.path)
