"""The `git` program behind one async function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

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
LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
"""Variables of a surrounding git that would make ours work on the wrong repository."""
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""For what rgt itself does in a hub: the hooks there guard against others, and each costs as much as the command."""
IDENTITY = {"NAME": "rgt", "EMAIL": "rgt@localhost"}
"""Who commits what rgt itself commits."""


async def try_git(
    where: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    stdin: bytes | None = None,
) -> Done:
    """Run `git -C where args…` and give back code, output and errors, whatever the code."""
    merged = {k: v for k, v in os.environ.items() if k not in LOCAL}
    merged.update(QUIET)
    for who in ("AUTHOR", "COMMITTER"):
        for part, value in IDENTITY.items():
            merged[f"GIT_{who}_{part}"] = value
    merged.update(env or {})
    return await run(["git", "-C", str(where), *args], env=merged, timeout=timeout, stdin=stdin)


async def git(
    where: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    stdin: bytes | None = None,
) -> str:
    """As `try_git`, but a non-zero exit raises `RgtError("failed")`; gives the output without the last newline."""
    done = await try_git(where, *args, env=env, timeout=timeout, stdin=stdin)
    if done.code:
        said = (done.err.strip() or done.out.strip()).splitlines()
        what = said[-1] if said else str(done.code)
        raise RgtError("failed", f"git {' '.join(args[:3])}: {what}", data={"code": done.code})
    return done.out.rstrip("\n")


def admin_of(worktree: Path) -> Path | None:
    """Where git keeps what belongs to a worktree alone, read without a git: None when it cannot be read."""
    pointer = worktree / ".git"
    try:
        return worktree / pointer.read_text().removeprefix("gitdir: ").strip() if pointer.is_file() else pointer
    except (OSError, UnicodeDecodeError):
        return None


def branch_of(worktree: Path) -> str:
    """The branch checked out in a worktree, read without a git: empty for none, or when it cannot be read."""
    admin = admin_of(worktree)
    try:
        said = (admin / "HEAD").read_text().strip() if admin else ""
    except (OSError, UnicodeDecodeError):
        return ""
    return said.removeprefix("ref: refs/heads/") if said.startswith("ref: refs/heads/") else ""


async def head_of(worktree: Path) -> str:
    """The commit checked out in a worktree; empty when it cannot be read."""
    if not worktree.is_dir():
        return ""
    done = await try_git(worktree, "rev-parse", "--verify", "--quiet", "HEAD")
    return "" if done.code else done.out.strip()
