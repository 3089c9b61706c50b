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
MANY = "it stands for too many files to be understood; write them out"
KEYS = "keys of the town are not for agents"
LOGINS = "keys and logins of the person are not for agents; ask with `rgt escalate`"
HIDDEN = tuple(".ssh .gnupg .aws .netrc .git-credentials .config/gh".split())
"""Where a person's keys are, below the home directory; a sandbox does not have them at all."""
PRIVATE = HIDDEN + tuple(
    ".azure .kube .password-store .config/gcloud .pypirc .docker/config.json .cargo/credentials "
    ".cargo/credentials.toml .claude/.credentials.json .codex/auth.json .gemini/oauth_creds.json "
    ".local/share/opencode/auth.json".split()
)
"""The same, and logins that a program of an agent may need, but not the agent itself."""
PUBLIC = (".pub", "/known_hosts", "/.ssh/config")
"""Ends of the names there that are no secret."""
LISTERS = frozenset("ls stat test [ [[ file".split())
"""Programs that only look at names."""
HOOKS = frozenset(
    "pre-push pre-commit pre-receive pre-rebase post-commit post-checkout post-merge post-receive commit-msg update "
    "prepare-commit-msg reference-transaction".split()
)
DEVICES = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd", "/dev/zero")


def below(path: str, top: str) -> bool:
    """Whether `path` is `top` or inside of it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


MOST = 64
"""Paths that one word with braces may stand for."""


def alternatives(path: str) -> list[str]:
    """What `{a,b}` in a path stands for; the path itself when there is none, nothing when it is too much."""
    found, at = [path], 0
    while at < len(found):
        if len(found) > MOST:
            return []
        head, opened, rest = found[at].partition("{")
        inner, closed, tail = rest.partition("}")
        if opened and closed and "," in inner and "{" not in inner:
            found[at : at + 1] = [head + part + tail for part in inner.split(",")]
        else:
            at += 1
    return found


def shown(path: str) -> str:
    """A path in a sentence."""
    return path.replace("\0", "…")[:80]


class Places:
    """The places of one agent, and where its shell is."""

    def __init__(self, policy: dict[str, Any], cwd: str) -> None:
        self.worktree = normpath(str(policy["worktree"]))
        self.home = normpath(str(policy["home"]))
        self.rig_path = str(policy["rig_path"])
        hub = str(policy["hub"])
        self.keys = [f"{self.home}/config/key", *([f"{hub.rpartition('/')[0]}/landing.key"] if hub else [])]
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

    def guarded(self, path: str) -> str:
        """Why a program that may write there must not: it is the town's home or the rig's own checkout."""
        where = self.resolved(path)
        if where is None or below(where, self.worktree):
            return ""
        if below(where, self.home) or (self.rig_path and below(where, self.rig_path)):
            return f"{shown(path)} is not in your worktree; change files there, or under /tmp"
        return ""

    def covers(self, where: str) -> str:
        """Why a directory may not be given away: a place of the town is in it."""
        if any(p and below(p, where) for p in (self.home, self.rig_path)):
            return f"{shown(where)} is more than your worktree; give it that, or add `:ro`"
        return ""

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
        each = alternatives(path) if "{" in path else [path]
        return next((no for one in each if (no := self._write(one, why))), "") if each else MANY

    def _write(self, path: str, why: str) -> str:
        where = self.resolved(path)
        if where is None:
            if "\0" in path and "/.." in path:
                return f"where {shown(path)} is cannot be seen; write it out"
            # A place that is made up when it runs: `$(mktemp)`, `$OUT`.
            if "/hooks/" in path and path.rpartition("/")[2] in HOOKS:
                return "hooks of the repository are the town's; leave them as they are"
            return ""
        if self.inside(where):
            return ""
        return (why + "; " if why else "") + f"{shown(path)} is not in your worktree; change files there, or under /tmp"

    def read(self, path: str, program: str = "") -> str:
        """Why this file may not be read, by a program that is not only looking at names."""
        if not path or any(c in path for c in " \n"):
            return ""
        each = alternatives(path) if "{" in path else [path]
        return next((no for one in each if (no := self._read(one, program))), "") if each else MANY

    def _read(self, path: str, program: str) -> str:
        if not (where := self.resolved(path)):
            return ""
        secret = self.keys[0]
        if secret in path or where in (secret, f"/~/{self.home.rpartition('/')[2]}/config/key"):
            return KEYS
        if where.startswith("/proc/") and where.endswith("/environ") and where != "/proc/self/environ":
            return "what other processes were given is not for agents"
        if "landing." in where and below(where, self.home):
            return KEYS
        if program not in LISTERS and self._private(where):
            return LOGINS
        if f"{self.home}/runtime/socket" in path:
            return "speak to the town with `rgt`"
        open_end = min((where.find(c) for c in "*?[{" if c in where), default=-1)
        if open_end > len(self.home) and any(key.startswith(where[:open_end]) for key in self.keys):
            return KEYS
        return KEYS if where in (self.home, f"{self.home}/config") and program in COPIERS else ""

    def _private(self, where: str) -> bool:
        """Whether a key or a login of the person lies there."""
        person = self.person or "/~"
        if not where.startswith(f"{person}/.") or where.endswith(PUBLIC):
            return False
        return any(below(where, f"{person}/{place}") for place in PRIVATE)
