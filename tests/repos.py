"""Sample git repositories for tests: made fast, with fixed content and the identity of the test's own gitconfig."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from rgt.host.hub import create_hub
from rgt.model.home import Home, RigHome

FILES = {"README.md": "# sample\n", "src/app.py": "print('hello')\n", ".gitignore": "*.log\nbuild/\n"}
"""What a sample repository holds unless told otherwise."""

GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
"""git as Test, whoever runs the suite."""


def sh(where: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    """Output of `git -C where args…`; a failure shows what git said."""
    done = subprocess.run([*GIT, "-C", str(where), *args], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.rstrip("\n")


def fails(where: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    """What git complains about when `args` fail, as they must."""
    done = subprocess.run([*GIT, "-C", str(where), *args], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0, f"git {' '.join(args)} should fail"
    return done.stderr


def write(where: Path, files: Mapping[str, str]) -> None:
    """Write files (name → text) below `where`."""
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(where: Path, files: Mapping[str, str], message: str = "change") -> str:
    """Write `files`, commit everything and return the commit."""
    write(where, files)
    sh(where, "add", "--all")
    sh(where, "commit", "--quiet", "--allow-empty", "--message", message)
    return sh(where, "rev-parse", "HEAD")


def make_repo(path: Path, files: Mapping[str, str] | None = None, branch: str = "main") -> str:
    """A repository with one commit on `branch`; returns the commit."""
    path.mkdir(parents=True)
    sh(path, "init", "--quiet", f"--initial-branch={branch}")
    return commit(path, FILES if files is None else files, "first")


async def make_rig(home: Home, name: str = "api", files: Mapping[str, str] | None = None) -> tuple[RigHome, Path, str]:
    """A rig with its hub, made from a new repository beside the home: its directories, that repository, the head."""
    source = home.root.parent / f"src-{name}"
    make_repo(source, files)
    rig = home.rig(name)
    return rig, source, await create_hub(rig, str(source), "main", is_path=True)


def branch_commit(rig: RigHome, where: Path, branch: str, files: Mapping[str, str], base: str = "") -> str:
    """Commit `files` on a new branch of the hub, made in a new worktree `where`; returns the commit."""
    base = base or sh(rig.hub, "rev-parse", "refs/rgt/target/main")
    sh(rig.hub, "worktree", "add", "--quiet", "--no-track", "-b", branch, str(where), base)
    return commit(where, files, f"work on {branch}")
