"""The doctor's checks of one rig: its file, its source, its hub and its worktrees."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from rgt.host import trees, worktrees
from rgt.host.config import read_rig
from rgt.host.git import git, try_git
from rgt.host.hub import install_hooks, landing_key
from rgt.host.install import Check
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home

SETTINGS = {
    "core.logallrefupdates": "always",
    "extensions.worktreeconfig": "true",
    "fetch.unpacklimit": "1000000000",
    "gc.auto": "0",
    "gc.worktreepruneexpire": "never",
}
"""What a hub's own configuration must say, lest git tidies away what is still needed."""
MANY_CANDIDATES = 2_000
"""Candidates above which a warning is due."""
OLD_LOCK = 600.0
"""Seconds after which a lock file of git is taken for forgotten."""


async def _rig_toml(home: Home, rig: str) -> AsyncIterator[Check]:
    config = read_rig(home, rig)
    if not config.source.where:
        yield Check.bad("[source] gives neither path nor git_url", f"`rgt rig set {rig} source.path …`")
    elif config.source.path and not Path(config.source.path).is_dir():
        yield Check.bad(f"{config.source.path} is gone", f"`rgt rig set {rig} source.path …`, or put it back")
    if not config.gates and not config.no_gates:
        cause = "no gate is listed: work runs, landings are held"
        yield Check.warn(cause, f"add a [[gate]] to {home.rig(rig).rig_toml}, or `rgt rig set {rig} no_gates true`")


async def _hub(home: Home, rig: str) -> AsyncIterator[Check]:
    hub = home.rig(rig).hub
    if not hub.is_dir():
        yield Check.bad(f"{hub} is missing", "remove the rig and add it again")
        return
    said = await git(hub, "config", "--file", str(hub / "config"), "--list", "--null")
    has = dict(entry.split("\n", 1) for entry in said.split("\0") if "\n" in entry)
    for key, wanted in SETTINGS.items():
        if has.get(key) != wanted:
            yield Check.bad(
                f"{key} is {has.get(key, 'not set')}", f"`git -C {hub} config {key} {wanted}`", fixable=True
            )
    if "core.bare" in has:
        yield Check.bad("core.bare breaks the worktrees", f"`git -C {hub} config --unset-all core.bare`", fixable=True)


async def _hooks(home: Home, rig: str) -> AsyncIterator[Check]:
    hub = home.rig(rig).hub
    for name, wanted in _wanted_hooks(home, rig).items():
        hook = hub / "hooks" / name
        what = "missing" if hook.is_symlink() or not hook.is_file() else ""
        what = what or ("not executable" if not os.access(hook, os.X_OK) else "")
        what = what or ("changed" if hook.read_bytes() != wanted else "")
        if what:
            yield Check.bad(f"the hook {name} is {what}: the target is not guarded", "`rgt doctor --fix`", fixable=True)
    path = (await try_git(hub, "config", "--file", str(hub / "config.worktree"), "core.hooksPath")).out.strip()
    if path != str(hub / "hooks"):
        cause = f"git looks for hooks in {path or 'no place of ours'}"
        yield Check.bad(cause, "`rgt doctor --fix`", fixable=True)


async def _landing_key(home: Home, rig: str) -> AsyncIterator[Check]:
    key = landing_key(home.rig(rig))
    if not key.is_file():
        yield Check.bad(f"{key} is missing: nothing can land", "remove the rig and add it again")
    elif key.stat().st_mode & 0o077:
        yield Check.bad(f"other users can read {key}", f"`chmod 600 {key}`", fixable=True)


async def _target(home: Home, rig: str) -> AsyncIterator[Check]:
    hub, target = home.rig(rig).hub, read_rig(home, rig).target
    ref = refs.target(target)
    if (await try_git(hub, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")).code:
        yield Check.bad(f"{ref} is missing", f"`git -C {hub} reflog show {ref}` has its last value")
    if (await try_git(hub, "rev-parse", "--verify", "--quiet", f"refs/heads/{target}")).code == 0:
        cause = f"somebody made refs/heads/{target} in the hub"
        yield Check.bad(cause, "the refinery moves it to refs/rgt/stray/ before its next step")


async def _worktrees(home: Home, rig: str) -> AsyncIterator[Check]:
    at = home.rig(rig)
    known = {trees.place(admin) for admin in trees.admins(at.hub)}
    for folder in (at.worktrees, at.crew, at.pool, at.slots):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.is_dir() and path.resolve() not in {k.resolve() for k in known}:
                yield Check.warn(
                    f"{path} is no worktree of the hub", f"look into it; `mv {path} {at.parked}/` parks it"
                )
    for path in sorted(known):
        if not path.is_dir():
            yield Check.warn(
                f"the worktree {path} is gone", "its commits are safe; `rgt recover` brings saved work back"
            )
    for path, why in (await worktrees.staying(at)).items():
        if why:
            yield Check.warn(
                f"{path} is done with and stays: it {why}", "take what you need; the next of this name parks it"
            )


async def _candidates(home: Home, rig: str) -> AsyncIterator[Check]:
    count = len((await git(home.rig(rig).hub, "for-each-ref", "--format=x", refs.candidate("").rstrip("/"))).split())
    if count > MANY_CANDIDATES:
        cause = f"{count} tested candidates are kept"
        yield Check.warn(cause, "they cost little; the refinery drops old ones while the town is up")
    else:
        yield Check.good(f"{count} kept")


async def _locks(home: Home, rig: str) -> AsyncIterator[Check]:
    hub = home.rig(rig).hub
    places = [*hub.glob("*.lock"), *hub.glob("worktrees/*/*.lock"), *hub.glob("refs/**/*.lock")]
    for lock in places:
        if time.time() - lock.lstat().st_mtime > OLD_LOCK:
            yield Check.bad(f"a git that died left {lock}", f"when no git runs there: `rm {lock}`")


PROBES: dict[str, Callable[[Home, str], AsyncIterator[Check]]] = {
    "rig.toml": _rig_toml,
    "hub": _hub,
    "hooks": _hooks,
    "landing key": _landing_key,
    "target": _target,
    "worktrees": _worktrees,
    "candidates": _candidates,
    "locks": _locks,
}


def _wanted_hooks(home: Home, rig: str) -> dict[str, bytes]:
    """The hooks as this version writes them."""
    with tempfile.TemporaryDirectory(prefix="rgt-") as scratch:
        install_hooks(Path(scratch), landing_key(home.rig(rig)), read_rig(home, rig).target)
        return {hook.name: hook.read_bytes() for hook in (Path(scratch) / "hooks").iterdir()}


async def _fix_hub(home: Home, rig: str) -> list[str]:
    hub = home.rig(rig).hub
    for key, wanted in SETTINGS.items():
        await git(hub, "config", "--replace-all", key, wanted)
    # Code 5: it was not set.
    if (await try_git(hub, "config", "--file", str(hub / "config"), "--unset-all", "core.bare")).code not in (0, 5):
        raise RgtError("failed", f"cannot change {hub}/config", "check its permissions")
    return ["settings of the hub written"]


async def _fix_hooks(home: Home, rig: str) -> list[str]:
    at = home.rig(rig)
    for name in _wanted_hooks(home, rig):
        hook = at.hub / "hooks" / name
        if hook.is_symlink() or hook.is_dir():
            # Writing through a symlink would change a file that is not ours.
            at.parked.mkdir(exist_ok=True)
            hook.rename(at.parked / f"{name}.{time.time_ns()}")
    install_hooks(at.hub, landing_key(at), read_rig(home, rig).target)
    await git(at.hub, "config", "--file", str(at.hub / "config.worktree"), "core.hooksPath", str(at.hub / "hooks"))
    return ["hooks written"]


async def _fix_landing_key(home: Home, rig: str) -> list[str]:
    key = landing_key(home.rig(rig))
    key.chmod(0o600)
    return [f"{key} is for its owner only"]


FIXES: dict[str, Callable[[Home, str], Awaitable[list[str]]]] = {
    "hub": _fix_hub,
    "hooks": _fix_hooks,
    "landing key": _fix_landing_key,
}
