"""Worktrees of agents: made or taken from the pool, parked, and given back; nothing unsaved is ever removed.

A worktree is known by its lock reason in the hub: `rgt:<item>` while it belongs to an item, `rgt:pool` while it waits,
`rgt:pool, not yet` while its files are written.
Its place may change by a rename, since git finds it through two files, `<worktree>/.git` and `<admin>/gitdir`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from rgt.host import nolinks, stashes, stores, submodules, trees
from rgt.host.disk import apart
from rgt.host.git import NO_HOOKS, Tree, git, try_git
from rgt.host.hub import GENERATED, hub_locked, pin
from rgt.host.saving import describe, live_inside, snapshot
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import RigHome
from rgt.model.safety import TreeFacts, safe_to_destroy

POOL_CAP = 8
"""Worktrees that wait in a pool; what is freed beyond is removed."""
STAYS = "rgt-stays"
"""File in the hub's directory of a worktree that could not be given back."""
CHECKOUT = 900.0
"""Seconds that writing a whole work tree may take."""


async def prepare(rig: RigHome, name: str, item: str, branch: str, base: str) -> Path:
    """The worktree `worktrees/<name>` of `item` with `branch` checked out; a new one starts at `base`, a commit or ref.

    Called again it finds what it made. A worktree of the same item is adopted as it is, with all that lies in it;
    anything else in its place is moved to `parked/`. A branch that exists goes on where it ended. Raises `failed` when
    git refuses.
    """
    where = rig.worktrees / name
    async with hub_locked(rig):
        admin = _admin_of(rig, where)
        if admin and _owner(admin) == _reason(item) and _complete(admin):
            _drop_stale_locks(admin, where)
            mend_pointer(rig, Tree(where, admin, rig.hub))
            nolinks.remove(admin, STAYS)
            return where
        await _put_aside(rig, where, branch)
        where.parent.mkdir(parents=True, exist_ok=True)
        apart(where.parent)
        if not await _take_from_pool(rig, where, item, branch, base):
            await _add(rig, where, item, branch, base)
    return where


async def park(rig: RigHome, name: str, item: str) -> None:
    """Leave the worktree of an ended agent as it is: files, branch and all. Only locks of git's dead processes go."""
    where = rig.worktrees / name
    admin = _admin_of(rig, where)
    if admin and _owner(admin) == _reason(item):
        _drop_stale_locks(admin, where)


async def blockers(rig: RigHome, name: str, item: str) -> list[str]:
    """Why `recycle` would leave this worktree alone, decided as it decides; none means it would free it."""
    where = rig.worktrees / name
    admin = _admin_of(rig, where)
    if not admin or _owner(admin) != _reason(item):
        return [f"is not a worktree of {item}"]
    return _unsavable(await describe(Tree(where, admin, rig.hub)))


async def staying(rig: RigHome) -> dict[Path, str]:
    """Worktrees of finished items that `recycle` has left alone, with what still speaks against them."""
    found = {}
    for admin in trees.admins(rig.hub):
        where = trees.place(admin)
        if nolinks.status(admin, STAYS) and where.is_dir() and where.parent.name != rig.parked.name:
            found[where] = "; ".join(_unsavable(await describe(Tree(where, admin, rig.hub))))
    return found


async def recycle(rig: RigHome, name: str, item: str) -> bool:
    """Save what is in the worktree of a finished item, then give it back to the pool; was it freed?

    Uncommitted work goes to a snapshot and the head is pinned first. False, and nothing touched, while `blockers` has
    reasons. Raises `failed` when saving failed: then nothing was removed either.
    """
    where = rig.worktrees / name
    async with hub_locked(rig):
        admin = _admin_of(rig, where)
        if not admin or _owner(admin) != _reason(item):
            return False
        tree = Tree(where, admin, rig.hub)
        trees.tidy(tree)
        facts = await describe(tree)
        if reasons := _unsavable(facts):
            log.warning("worktree %s of %s stays: it %s", where, item, "; ".join(reasons))
            nolinks.write(admin, STAYS, "")
            return False
        _drop_stale_locks(admin, where)
        if facts.dirty:
            await snapshot(rig, tree, item)
        if facts.unkept:
            await pin(rig, refs.keep(item, facts.head), facts.head)
        await stashes.keep(rig, tree, item)
        if reasons := safe_to_destroy(replace(await describe(tree), saved=True)):
            raise RgtError("failed", f"worktree {where} {reasons[0]}", f"nothing was removed; see `rgt recover {item}`")
        await submodules.remove(tree)
        await asyncio.to_thread(stores.close, rig.hub, admin.name)
        if len(_pooled(rig)) >= POOL_CAP or (admin / "info" / "sparse-checkout").exists():
            mend_pointer(rig, tree)
            await _remove(rig, where)
        elif await _make_clean(rig, tree):
            nolinks.remove(admin, STAYS)
            mend_pointer(rig, tree)
            _set_owner(admin, _POOL)
            _move(admin, where, rig.pool / secrets.token_hex(4))
        else:
            await _put_aside(rig, where)
    return True


async def fill_pool(rig: RigHome, target: str, n: int) -> None:
    """Make worktrees at the target's head until `n` wait in the pool; what was left half made is finished.

    Their files are written without the hub's lock, so that nobody waits for them. Raises `failed` when git refuses.
    """
    while True:
        async with hub_locked(rig):
            rig.pool.mkdir(exist_ok=True)
            apart(rig.pool)
            if len(_pooled(rig)) >= n:
                return
            tree = _half_made(rig)
            if tree is None:
                tree = await _register(rig, rig.pool / secrets.token_hex(4), refs.target(target), _MAKING, "--detach")
        await _write(tree)
        async with hub_locked(rig):
            # A rig may leave the town meanwhile, and nothing of it may come back.
            if _owner(tree.admin) == _MAKING:
                _set_owner(tree.admin, _POOL)


async def add(
    rig: RigHome, where: Path, start: str, reason: str, *options: str, env: Mapping[str, str] = MappingProxyType({})
) -> None:
    """`git worktree add`, locked for `reason`; the hub's lock must be held.

    Its files are written by the town's settings: those of the hub may be an agent's.
    """
    tree = await _register(rig, where, start, reason, *options, env=env)
    try:
        await _write(tree, env)
    except BaseException:
        await _remove(rig, where)
        raise


def mend_pointer(rig: RigHome, tree: Tree) -> None:
    """Make `.git` of a worktree lead to its hub again, whatever its agent has put there."""
    pointer = tree.path / ".git"
    if trees.pointing(tree):
        return
    if os.path.lexists(pointer):
        pointer.rename(_aside(rig, f"{tree.path.name}-git"))
    nolinks.write(tree.path, ".git", f"{trees.pointer_to(tree.admin)}\n")


async def setup_files(rig_path: Path, worktree: Path, copy: list[str]) -> list[str]:
    """Copy the listed files and directories of the rig's own path, where they exist; returns what was copied.

    A file that is newer in the worktree stays. Raises `invalid` for a path that leads outside.
    """
    return await asyncio.to_thread(_copy_files, rig_path, worktree, copy)


log = logging.getLogger(__name__)

_POOL = "rgt:pool"
_MAKING = "rgt:pool, not yet"
_HALF_DONE = ("MERGE_AUTOSTASH", "BISECT_LOG", "BISECT_START", "rebase-merge", "rebase-apply", "sequencer")
"""Files of a half-done operation that a forced checkout leaves."""


def _unsavable(facts: TreeFacts) -> list[str]:
    """What speaks against destroying a tree even after a snapshot and a pin."""
    return safe_to_destroy(replace(facts, saved=True, unkept=0))


async def _register(
    rig: RigHome, where: Path, start: str, reason: str, *options: str, env: Mapping[str, str] = MappingProxyType({})
) -> Tree:
    """A worktree without files."""
    new = ("worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", reason, *options, str(where), start)
    await git(rig.hub, *NO_HOOKS, *new, env=env)
    return trees.known(rig.hub, where)


async def _write(tree: Tree, env: Mapping[str, str] = MappingProxyType({})) -> None:
    """The files of a worktree that was registered."""
    await git(tree, "reset", "--quiet", "--hard", env=env, timeout=CHECKOUT)


async def _remove(rig: RigHome, where: Path) -> None:
    await git(rig.hub, "worktree", "remove", "--force", "--force", str(where), timeout=CHECKOUT)


async def _take_from_pool(rig: RigHome, where: Path, item: str, branch: str, base: str) -> bool:
    """Turn a waiting worktree into `where`; False when none would do."""
    waiting = _pooled(rig, _reason(item)) or _pooled(rig)
    if not waiting:
        return False
    admin = waiting[0]
    place = trees.place(admin)
    _set_owner(admin, _reason(item))
    tree = Tree(place, admin, rig.hub)
    done = await try_git(tree, "checkout", "--no-track", "-b", branch, base, timeout=CHECKOUT)
    if done.code and await _sha(rig, branch):
        done = await try_git(tree, "checkout", branch, timeout=CHECKOUT)
    if done.code or done.out.strip():  # what checkout prints are changed files: somebody worked in the pool
        await _put_aside(rig, place, branch)
        return False
    _move(admin, place, where)
    return True


async def _add(rig: RigHome, where: Path, item: str, branch: str, base: str) -> None:
    try:
        await add(rig, where, base, _reason(item), "--no-track", "-b", branch)
    except RgtError:
        if not await _sha(rig, branch):
            raise
        await add(rig, where, branch, _reason(item))


async def _make_clean(rig: RigHome, tree: Tree) -> bool:
    """Bring a worktree whose work is saved to the target's head; False when something is left that was ignored before.

    The order matters: `clean` runs under the ignore rules by which the snapshot was made.
    """
    await git(tree, "clean", "-fdq", timeout=CHECKOUT)
    await git(tree, "clean", "-fdxq", "--", *GENERATED)
    for name in _HALF_DONE:
        if (tree.admin / name).exists():
            (tree.admin / name).rename(_aside(rig, f"{tree.path.name}-{name}"))
    target = (await git(rig.hub, "for-each-ref", "--count=1", "--format=%(refname)", "refs/rgt/target/")) or "HEAD"
    await git(tree, "checkout", "--quiet", "--force", "--detach", target, timeout=CHECKOUT)
    left = await git(tree, "ls-files", "--others", "--exclude-standard", timeout=CHECKOUT)
    return not left and not await submodules.populated(tree)


async def _put_aside(rig: RigHome, where: Path, branch: str = "") -> None:
    """Make the path free: what lies there moves to `parked/`, registration and all; nothing there holds `branch`."""
    there = os.path.lexists(where)
    admins = [a for a in trees.admins(rig.hub) if _same(trees.place(a), where)]
    if not there and not admins:
        return
    aside = _aside(rig, where.name)
    for admin in admins:
        tree = Tree(where, admin, rig.hub)
        if branch and trees.branch(tree) == branch and (sha := await _sha(rig, branch)):
            trees.tidy(tree)
            await git(replace(tree, path=rig.hub), "update-ref", "--no-deref", "HEAD", sha)
    if there:
        where.rename(aside)
    for admin in admins:
        nolinks.write(admin, "gitdir", f"{aside / '.git'}\n")


def _aside(rig: RigHome, name: str) -> Path:
    """A new path in `parked/`."""
    rig.parked.mkdir(parents=True, exist_ok=True)
    return rig.parked / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


async def _sha(rig: RigHome, branch: str) -> str:
    return (await try_git(rig.hub, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")).out.strip()


def _admin_of(rig: RigHome, where: Path) -> Path | None:
    """The hub's directory of the worktree at `where`, None when it is not one of this hub; mends a half-done rename."""
    if where.is_symlink() or not where.is_dir():
        return None
    if tree := trees.of(rig.hub, where):
        return tree.admin
    text = trees.line(where, ".git")
    admin = Path(text.removeprefix("gitdir: "))
    if not text.startswith("gitdir: ") or admin.parent.resolve() != (rig.hub / "worktrees").resolve():
        return None
    if not admin.is_dir() or os.path.lexists(trees.place(admin)):
        return None  # pruned, or a copy of a worktree that is elsewhere
    nolinks.write(admin, "gitdir", f"{where / '.git'}\n")
    return admin


def _pooled(rig: RigHome, owner: str = _POOL) -> list[Path]:
    """The hub's directories of the worktrees in the pool that are whole and have this owner."""
    return [a for a in _in_pool(rig) if _owner(a) == owner and _complete(a)]


def _half_made(rig: RigHome) -> Tree | None:
    """A worktree of the pool whose maker has died before it had its files."""
    for admin in _in_pool(rig):
        if _owner(admin) == _MAKING:
            tree = Tree(trees.place(admin), admin, rig.hub)
            _drop_stale_locks(admin, tree.path)
            return tree
    return None


def _in_pool(rig: RigHome) -> list[Path]:
    """The hub's directories of all worktrees in the pool."""
    places = sorted(rig.pool.iterdir()) if rig.pool.is_dir() else []
    return [a for place in places if (a := _admin_of(rig, place))]


def _same(a: Path, b: Path) -> bool:
    """git writes real paths, also where the home is reached through a symlink."""
    return a.name == b.name and (a == b or a.resolve() == b.resolve())


def _owner(admin: Path) -> str:
    return trees.line(admin, "locked")


def _set_owner(admin: Path, owner: str) -> None:
    nolinks.write(admin, "locked", f"{owner}\n")


def _reason(item: str) -> str:
    return f"rgt:{item}"


def _complete(admin: Path) -> bool:
    """Was its first checkout finished? git writes the index last."""
    return (admin / "index").exists()


def _move(admin: Path, old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    old.rename(new)
    nolinks.write(admin, "gitdir", f"{new / '.git'}\n")


def _drop_stale_locks(admin: Path, where: Path) -> None:
    """Remove the locks of killed git processes, by which all later ones would fail; not while anybody is inside."""
    locks = [lock for lock in (admin / "index.lock", admin / "HEAD.lock") if lock.exists()]
    if locks and not live_inside(where):
        for lock in locks:
            lock.unlink(missing_ok=True)


def _copy_files(rig_path: Path, worktree: Path, copy: list[str]) -> list[str]:
    inside = worktree.resolve()
    done = []
    for name in copy:
        source, to = rig_path / name, worktree / name
        outside = Path(name).is_absolute() or ".." in Path(name).parts or not to.resolve().is_relative_to(inside)
        if outside or name.startswith(".git/") or name == ".git":
            raise RgtError("invalid", f"[setup] copy: {name!r} leads outside the worktree", "name files of the rig")
        if source.is_dir():
            shutil.copytree(source, to, dirs_exist_ok=True, copy_function=_copy_newer)
        elif source.is_file():
            to.parent.mkdir(parents=True, exist_ok=True)
            _copy_newer(str(source), str(to))
        else:
            continue
        done.append(name)
    return done


def _copy_newer(source: str, to: str) -> None:
    if not Path(to).exists() or Path(to).stat().st_mtime < Path(source).stat().st_mtime:
        shutil.copy2(source, to)
