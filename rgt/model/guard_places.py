"""Which files are an agent's to read and to change."""

from __future__ import annotations

from posixpath import isabs, join, normpath

TYPE_CHECKING = False  # as in typing, whose import takes longer than a decision
if TYPE_CHECKING:
    from typing import Any

TEMP = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/var/folders")
"""Where everybody may write."""
COPIERS = frozenset("cp tar grep egrep rg rsync zip scp cat mv find".split())
"""Programs that read whole directories."""
KEYS = "keys of the town are not for agents"
HOOKS = frozenset(
    "pre-push pre-commit pre-receive pre-rebase post-commit post-checkout post-merge post-receive commit-msg update "
    "prepare-commit-msg reference-transaction".split()
)
DEVICES = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd", "/dev/zero")


def below(path: str, top: str) -> bool:
    """Whether `path` is `top` or inside of it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def shown(path: str) -> str:
    """A path in a sentence."""
    return path.replace("\0", "…")[:80]


class Places:
    """The places of one agent, and where its shell is."""

    def __init__(self, policy: dict[str, Any], cwd: str) -> None:
        self.worktree = normpath(str(policy["worktree"]))
        self.home = normpath(str(policy["home"]))
        self.rig_path = str(policy["rig_path"])
        self.agent_dir = str(policy["agent_dir"])
        self.person = str(policy.get("person", ""))
        """The person's home directory, as the hook program knows it."""
        self.cwd: str | None = cwd or self.worktree
        """None once a `cd` has gone where nobody can see."""

    def go(self, rest: list[str]) -> None:
        """Follow a `cd`."""
        words = [w for w in rest if not w.startswith("-") or w == "-"]
        where = words[0] if words else "~"
        self.cwd = None if "\0" in where or where == "-" else self.resolved(where)

    def resolved(self, path: str) -> str | None:
        """The absolute path; None when it cannot be seen."""
        if path.startswith("~"):
            return normpath((self.person or "/~") + path[1:])
        if path.startswith("\0"):
            return None
        if isabs(path):
            return normpath(path)
        return None if self.cwd is None else normpath(join(self.cwd, path))

    def inside(self, path: str) -> bool:
        """Whether a path is the agent's to write."""
        if path.startswith(DEVICES):
            return True
        if below(path, self.worktree):
            return not below(path, f"{self.worktree}/.git")
        if below(path, self.home) or (self.rig_path and below(path, self.rig_path)):
            return False
        return any(below(path, t) for t in TEMP)

    def write(self, path: str, why: str = "") -> str:
        """Why this file may not be written."""
        where = self.resolved(path)
        if where is None:
            # A place that is made up when it runs: `$(mktemp)`, `$OUT`.
            if "/hooks/" in path and path.rpartition("/")[2] in HOOKS:
                return "hooks of the repository are the town's; leave them as they are"
            return ""
        if self.inside(where):
            return ""
        return (why + "; " if why else "") + f"{shown(path)} is not in your worktree; change files there, or under /tmp"

    def read(self, path: str, program: str = "") -> str:
        """Why this file may not be read, by a program that is not only looking at names."""
        if not path or any(c in path for c in " \n") or not (where := self.resolved(path)):
            return ""
        secret = f"{self.home}/config/key"
        if secret in path or where in (secret, f"/~/{self.home.rpartition('/')[2]}/config/key"):
            return KEYS
        if "landing." in where and below(where, self.home):
            return KEYS
        if f"{self.home}/runtime/socket" in path:
            return "speak to the town with `rgt`"
        open_end = min((where.find(c) for c in "*?[{" if c in where), default=-1)
        if open_end > len(self.home) and secret.startswith(where[:open_end]):
            return KEYS
        return KEYS if where in (self.home, f"{self.home}/config") and program in COPIERS else ""
