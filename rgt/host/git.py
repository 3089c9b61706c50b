"""The `git` program behind one async function, and how the town looks at worktrees that it does not trust."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rgt.host import pipes, settings, stores
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
NAMES = "surrogateescape"
"""How names of files are decoded that go back to git or to the file system."""
PATIENCE = 5.0
"""Seconds after which a git may be waiting for a pipe."""
HUB = "hub.git"
"""What every hub is called."""


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
    known_by: Path | None = None
    """Another place than the usual one for the settings with which git works there."""

    @property
    def env(self) -> dict[str, str]:
        """Variables that keep git from looking for its repository."""
        return {
            "GIT_DIR": str(self.admin),
            "GIT_COMMON_DIR": str(settings.of(self.hub, self.known_by)),
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
        argv = ["git", "-C", str(where.path), *STAY_OUT, *args]
        free = partial(pipes.unplug, where.path, [where.admin, *_agents_write(where.hub)])
    else:
        argv = ["git", "-C", str(where), *args]
        hub = where.name == HUB
        free = partial(pipes.unplug, repositories=_agents_write(where)) if hub else partial(pipes.unplug, person=where)
    merged.update(env or {})
    running = run(argv, env=merged, timeout=timeout, stdin=stdin, errors=errors)
    return await _released(asyncio.ensure_future(running), free)


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
        command = list(args)
        while command[0] == "-c":
            del command[:2]
        what = complaint(done.err.strip() or done.out)
        raise RgtError("failed", f"git {' '.join(command[:3])}: {what}", data={"code": done.code})
    return done.out.rstrip("\n")


def printed(out: str) -> list[str]:
    """The lines that git printed. Titles and names may hold other ends of lines, which Python would heed."""
    return out.removesuffix("\n").split("\n") if out else []


def complaint(said: str) -> str:
    """The line of git's complaint that says most; of a refused push, the one about the branch."""
    lines = said.strip().splitlines() or ["git gave no reason"]
    line = next((x for x in lines if x.startswith(("fatal:", "error:", "!", " !"))), lines[-1])
    return line.strip(" !").removeprefix("fatal: ").removeprefix("error: ")


def _agents_write(hub: Path) -> list[Path]:
    """Parts of a hub that agents in a sandbox write, too."""
    return [hub / "refs", hub / "logs", hub / "worktrees", hub.parent / stores.NAME]


async def _released(running: asyncio.Future[Done], free: Callable[[], str]) -> Done:
    """Wait for a git; one that takes long is freed of the pipes that may keep it. Raises `failed` for what stays."""
    patience = PATIENCE
    try:
        while not (await asyncio.wait({running}, timeout=patience))[0]:
            if pipe := await asyncio.to_thread(free):
                raise RgtError("failed", f"git waits at a pipe: {pipe}", "remove it, or what leads there")
            # It may have been busy until now and come to a pipe later.
            patience *= 2
        return await running
    finally:
        # Nothing of it goes on when we do.
        running.cancel()
        await asyncio.wait({running})
