"""Names of the git refs that rgt owns in a hub."""

from __future__ import annotations


def target(branch: str) -> str:
    """The target's head, the authority of the rig; only the refinery moves it."""
    return f"refs/rgt/target/{branch}"


def keep(item: str, head: str) -> str:
    """Pins a finished head, so that no gc can lose it."""
    return f"refs/rgt/keep/{item}/{head}"


def candidate(sha: str) -> str:
    """Keeps a tested commit alive."""
    return f"refs/rgt/cand/{sha}"


def landed(item: str, head: str) -> str:
    """Says as which commit a head landed; written in the same transaction as the target."""
    return f"refs/rgt/landed/{item}/{head}"


def attempt(item: str, head: str) -> str:
    """The commit as which a head is about to land; its ancestry in a remote proves a push that was cut off."""
    return f"refs/rgt/try/{item}/{head}"


def snapshot(item: str, stamp: str) -> str:
    """Uncommitted work that was saved before a worktree was touched."""
    return f"refs/rgt/snap/{item}/{stamp}"


def stray(sha: str) -> str:
    """A value that somebody else wrote to the target."""
    return f"refs/rgt/stray/{sha}"


def work_branch(name: str, item: str) -> str:
    """Branch of a polecat."""
    return f"polecat/{name}/{item}"
