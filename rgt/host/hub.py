"""The hub: one bare repository per rig, whose target only the refinery can move.

The hub has no `refs/heads/<target>`. The target's head is `refs/rgt/target/<target>`, which worktrees read as
`origin/<target>`. Two hooks, shared by all worktrees, refuse every writer who does not carry the rig's landing key.
"""

from __future__ import annotations

import asyncio
import difflib
import fcntl
import os
import secrets
import shlex
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from rgt.host import stores, trees
from rgt.host.git import NO_HOOKS, complaint, git, printed, try_git
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import RigHome

TRANSFER = 3600.0
"""Seconds that a fetch of a whole history may take."""
STALE_LOCK = 3.0
"""Seconds after which the lock of the target's ref can only be a dead git's."""
LOCK_WAIT = 120.0
"""Seconds to wait for somebody else who makes a worktree in the same hub."""
LOCK_POLL = 0.01
"""Seconds between two tries for the hub's lock."""
GENERATED = (".rgt", ".claude/settings.local.json")
"""What rgt itself writes into worktrees; it is never part of anybody's work."""
KEEPERS = "finish with `rgt done`; only the merge queue moves {target}"
"""What the hooks tell whoever tries to write the target."""


async def create_hub(rig: RigHome, source: str, target: str, *, is_path: bool) -> str:
    """Make the hub of a rig from a repository's path or URL and return the head of `target`.

    Only the history of `target` is fetched. The hub appears whole or not at all; a second call with the same source
    and target finds it made. Raises `not_found` (no repository, no such branch), `refused` (no commits), `exists`
    (a hub of another source) or `failed`.
    """
    source = os.path.abspath(source) if is_path else source  # noqa: PTH100
    rig.root.mkdir(parents=True, exist_ok=True)
    new = rig.root / "hub.new"
    with _sole_maker(rig.root):
        if rig.hub.exists():
            return await _made_before(rig, source, target)
        had_key = landing_key(rig).exists()
        try:
            head = await _look(rig.root, source, target, is_path)
            shutil.rmtree(new, ignore_errors=True)
            await _build(rig, new, source, target, head)
            new.rename(rig.hub)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            if not had_key:
                landing_key(rig).unlink(missing_ok=True)
            if not any(rig.root.iterdir()):
                rig.root.rmdir()
            raise
    return await target_head(rig, target)


def landing_key(rig: RigHome) -> Path:
    """File (mode 0600) with the secret by which the refinery proves itself to the hooks."""
    return rig.root / "landing.key"


def landing_env(rig: RigHome) -> dict[str, str]:
    """Environment with which git may move the target; for the refinery alone."""
    try:
        return {"RGT_LANDING": landing_key(rig).read_text().strip()}
    except FileNotFoundError as e:
        raise RgtError("missing", f"rig {rig.name} has no landing key", "see `rgt doctor`") from e


async def target_head(rig: RigHome, target: str) -> str:
    """Head of the target in the hub; empty when it has none."""
    done = await try_git(rig.hub, "rev-parse", "--verify", "--quiet", refs.target(target))
    return done.out.strip() if done.code == 0 else ""


async def source_head(rig: RigHome, source: str, target: str) -> str:
    """Head of branch `target` in the rig's own path or remote; empty when there is no such branch.

    Raises `failed` when the source cannot be read.
    """
    branch = f"refs/heads/{target}"
    if Path(source).is_dir():
        done = await try_git(Path(source), "rev-parse", "--verify", "--quiet", branch)
        if done.code in (0, 1):
            return done.out.strip()
    else:
        done = await try_git(rig.hub, "ls-remote", "--", source, branch)
        if done.code == 0:
            return done.out.partition("\t")[0]
    raise RgtError("failed", f"cannot read {source}: {complaint(done.err)}", "is it there, and may you read it?")


async def fetch_branch(rig: RigHome, source: str, branch: str) -> str | None:
    """Bring the commits of a branch of `source` into the hub and return its head, None when there is no such branch.

    No branch is made; the head is pinned under `refs/rgt/from/`.
    """
    held = f"refs/rgt/from/{quote(branch, safe='')}"
    done = await try_git(rig.hub, *_FETCH, "--", source, f"+refs/heads/{branch}:{held}", timeout=TRANSFER)
    if done.code == 0:
        return await git(rig.hub, "rev-parse", "--verify", held)
    if not await source_head(rig, source, branch):
        return None
    raise RgtError("failed", f"cannot fetch {branch} from {source}: {complaint(done.err)}")


async def move_target(
    rig: RigHome, target: str, new: str, old: str, *, also: Mapping[str, str] = MappingProxyType({})
) -> bool:
    """Move the target from `old` (empty: it has none yet) to `new` and set the refs of `also`, all or nothing.

    False when the target was not at `old` any more; then nothing has changed.
    """
    ref = refs.target(target)
    lines = [f"update {ref} {new} {old or '0' * len(new)}", *(f"update {r} {sha}" for r, sha in also.items())]
    _drop_stale_lock(rig.hub / f"{ref}.lock")
    done = await _transaction(rig, lines, "rgt: land")
    if done is None:
        return True
    if await target_head(rig, target) != old:
        return False
    raise RgtError("failed", f"cannot move {target} of rig {rig.name}: {done}", "see `rgt doctor`")


async def pin(rig: RigHome, ref: str, sha: str) -> None:
    """Point `ref` to `sha`, so that the commit stays."""
    await asyncio.to_thread(stores.take, rig.hub)
    await git(rig.hub, *NO_HOOKS, "update-ref", ref, sha)


async def exists(rig: RigHome, sha: str) -> bool:
    """Is this commit in the hub?"""
    return (await try_git(rig.hub, "cat-file", "-e", f"{sha}^{{commit}}")).code == 0


async def is_ancestor(rig: RigHome, a: str, b: str) -> bool:
    """Is commit `a` in the history of commit `b`? Raises `failed` when one of them is not in the hub."""
    done = await try_git(rig.hub, "merge-base", "--is-ancestor", a, b)
    if done.code in (0, 1):
        return done.code == 0
    raise RgtError("failed", f"cannot compare {a[:12]} with {b[:12]}: {complaint(done.err)}")


async def kept_in(rig: RigHome, item: str, commit: str) -> list[str]:
    """The finished heads of an item that are in the history of `commit`; none when that cannot be told."""
    names = refs.keep(item, "")
    done = await try_git(rig.hub, "for-each-ref", f"--merged={commit}", "--format=%(objectname)", names)
    return done.out.split() if done.code == 0 else []


async def stray_check(rig: RigHome, target: str, recorded: str) -> str | None:
    """Undo what went round the hooks, and say so in one line; None when all is as `recorded`.

    A target that nobody landed goes back to `recorded`; a branch named like the target is renamed, also in the
    worktrees that have it checked out. What was found stays under `refs/rgt/stray/`. With an empty `recorded`
    the target is taken as it is. A landing that was not recorded (a crash in between) is no stray.
    """
    ref, branch = refs.target(target), f"refs/heads/{target}"
    listed = await git(rig.hub, "for-each-ref", "--format=%(refname) %(objectname)", ref, branch)
    found = dict(line.split(" ") for line in listed.splitlines())
    said = []
    if branch in found:
        sha = found[branch]
        aside = f"stray/{target}-{sha[:8]}"
        trees.unblock(rig.hub)
        await pin(rig, refs.stray(sha), sha)
        await git(rig.hub, "branch", "-M", target, aside, env=landing_env(rig))
        said.append(f"somebody made a branch {target} ({sha[:12]}); it is now {aside}")
    current = found.get(ref, "")
    if recorded and current != recorded and not await _landed_since(rig, current, recorded):
        kept = [f"update {refs.stray(current)} {current}"] if current else []
        old = current or "0" * len(recorded)
        failed = await _transaction(rig, [f"update {ref} {recorded} {old}", *kept], "rgt: undo a stray move")
        if failed:
            raise RgtError("failed", f"cannot set {target} of rig {rig.name} back: {failed}", "see `rgt doctor`")
        where = f"to {current[:12]}, kept as {refs.stray(current[:12])}…" if current else "away"
        said.append(f"somebody moved {target} {where}; it is back at {recorded[:12]}")
    if _seen_as(rig.hub, target) != ref:
        await git(rig.hub, "symbolic-ref", f"refs/remotes/origin/{target}", ref)
        said.append(f"origin/{target} pointed elsewhere; it is the target again")
    return f"rig {rig.name}: " + "; ".join(said) if said else None


def install_hooks(hub: Path, key: Path, target: str) -> None:
    """Write the two hooks that guard `target` into `hub`; `key` is the file that holds the landing key."""
    hooks = hub / "hooks"
    hooks.mkdir(exist_ok=True)
    told = shlex.quote("rgt: " + KEEPERS.format(target=target))
    for name, text in (("reference-transaction", _ON_REFS), ("pre-push", _ON_PUSH)):
        path = hooks / name
        path.write_text(text.format(key=shlex.quote(str(key)), target=shlex.quote(target), told=told))
        path.chmod(0o755)


@asynccontextmanager
async def hub_locked(rig: RigHome) -> AsyncIterator[None]:
    """Hold the hub's lock, which parallel `worktree` commands need; waits for its turn without blocking the loop."""
    fd = os.open(rig.hub_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        waited = 0.0
        while not _try_lock(fd):
            if waited > LOCK_WAIT:
                raise RgtError("failed", f"the hub of rig {rig.name} is busy for {LOCK_WAIT:g} s", "try again")
            await asyncio.sleep(LOCK_POLL)
            waited += LOCK_POLL
        trees.unblock(rig.hub)
        yield
    finally:
        os.close(fd)


_FETCH = (
    "-c", "fetch.unpackLimit=100",
    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow", "--no-auto-maintenance",
)  # fmt: skip

_SETTINGS = (
    ("core.untrackedCache", "true"),
    ("core.logAllRefUpdates", "always"),
    # An agent in a sandbox writes no packs: what it fetches is to be single objects.
    ("fetch.unpackLimit", "1000000000"),
    ("gc.auto", "0"),
    ("gc.worktreePruneExpire", "never"),
    ("maintenance.auto", "false"),
    ("push.default", "nothing"),
)

# An update without an old value shows zeros as old here, so creation cannot be told from a move: both are refused.
_ON_REFS = """#!/bin/sh
# Written by rgt: only the merge queue writes the target.
[ "$1" = prepared ] || exit 0
while read -r old new ref; do
  case $ref in
  refs/rgt/target/* | refs/rgt/landed/* | refs/rgt/try/* | refs/remotes/origin/{target} | refs/heads/{target})
    key=
    read -r key <{key}
    [ -n "$key" ] && [ "$RGT_LANDING" = "$key" ] && exit 0
    echo {told} >&2
    exit 1
    ;;
  esac
done
exit 0
"""

_ON_PUSH = """#!/bin/sh
# Written by rgt: only the merge queue pushes to the target.
while read -r ref sha there old; do
  case $there in
  refs/heads/{target})
    key=
    read -r key <{key}
    [ -n "$key" ] && [ "$RGT_LANDING" = "$key" ] && exit 0
    echo {told} >&2
    exit 1
    ;;
  esac
done
exit 0
"""


async def _look(at: Path, source: str, target: str, is_path: bool) -> str:
    """Head of `target` in a source that can be a hub's, else the reason why not."""
    if is_path and not Path(source).is_dir():
        raise RgtError("not_found", f"there is no directory {source}")
    done = await try_git(at, "ls-remote", "--heads", "--", source)
    if done.code:
        hint = "give its top directory, or run `git init` and commit there" if is_path else "check the URL and access"
        if is_path and (top := (await try_git(Path(source), "rev-parse", "--show-toplevel")).out.strip()):
            hint = f"the repository begins at {top}"
        what = "is not a git repository" if is_path else f"cannot be read: {complaint(done.err)}"
        raise RgtError("not_found", f"{source} {what}", hint)
    heads = {ref.removeprefix("refs/heads/"): sha for sha, ref in (x.split("\t") for x in printed(done.out))}
    if target in heads:
        return heads[target]
    if not heads:
        raise RgtError("refused", f"{source} has no commits yet", f"make a first commit on {target}")
    near = difflib.get_close_matches(target, heads, n=5, cutoff=0.4) or sorted(heads)[:5]
    raise RgtError("not_found", f"{source} has no branch {target!r}", f"it has {', '.join(near)}; use --target")


async def _build(rig: RigHome, new: Path, source: str, target: str, head: str) -> None:
    key = landing_key(rig)
    if not key.exists():
        fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(secrets.token_hex(32) + "\n")
    kind = "sha256" if len(head) == 64 else "sha1"
    await git(
        rig.root, "init", "--quiet", "--bare", "--template=", f"--object-format={kind}",
        "--initial-branch=rgt/unborn", "--", str(new),
    )  # fmt: skip
    for name, value in (*_SETTINGS, ("remote.origin.url", source), ("extensions.worktreeConfig", "true")):
        await git(new, "config", name, value)
    # A core.bare of the common config would make every worktree fail. The hooks path is copied into each worktree's
    # own config by `worktree add`: there it wins over one that a setup command (husky) writes into the common config.
    await git(new, "config", "--worktree", "core.bare", "true")
    await git(new, "config", "--worktree", "core.hooksPath", str(rig.hub / "hooks"))
    await git(new, "config", "--unset", "core.bare")
    (new / "info").mkdir()
    (new / "info" / "exclude").write_text("".join(f"/{path}\n" for path in GENERATED))
    ref = refs.target(target)
    await git(new, *_FETCH, "--", source, f"refs/heads/{target}:{ref}", timeout=TRANSFER)
    await git(new, "symbolic-ref", f"refs/remotes/origin/{target}", ref)
    install_hooks(new, key, target)


async def _made_before(rig: RigHome, source: str, target: str) -> str:
    origin = (await try_git(rig.hub, "config", "remote.origin.url")).out.strip()
    head = await target_head(rig, target)
    if origin != source or not head:
        raise RgtError(
            "exists", f"rig {rig.name} already has a hub of {origin}", "remove the rig, or choose a new name"
        )
    return head


@contextmanager
def _sole_maker(root: Path) -> Iterator[None]:
    """One maker of a hub at a time; the lock is on the directory itself, so nothing is left of it."""
    fd = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _try_lock(fd):
            raise RgtError("refused", f"rig {root.name} is being added by somebody else", "wait for it")
        yield
    finally:
        os.close(fd)


def _drop_stale_lock(lock: Path) -> None:
    """Remove what a killed git left: it holds the lock for milliseconds, and only the refinery writes the ref."""
    try:
        if time.time() - lock.stat().st_mtime > STALE_LOCK:
            lock.unlink()
    except FileNotFoundError:
        return


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _transaction(rig: RigHome, lines: list[str], why: str) -> str | None:
    """Carry out `update-ref` commands as the refinery; None when done, else what git said."""
    commands = "\n".join([*lines, ""]).encode()
    done = await try_git(rig.hub, *NO_HOOKS, "update-ref", "-m", why, "--stdin", stdin=commands)
    return None if done.code == 0 else complaint(done.err)


async def _landed_since(rig: RigHome, current: str, recorded: str) -> bool:
    if not current:
        return False
    mark = await git(rig.hub, "for-each-ref", "--count=1", "--points-at", current, "refs/rgt/landed/")
    return bool(mark) and await is_ancestor(rig, recorded, current)


def _seen_as(hub: Path, target: str) -> str:
    """What `origin/<target>` stands for, empty when it is no symbolic ref."""
    try:
        text = (hub / "refs/remotes/origin" / target).read_text()
    except OSError:
        return ""
    return text.removeprefix("ref: ").strip() if text.startswith("ref: ") else ""
