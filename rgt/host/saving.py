"""Saving work: as a marked commit, as a snapshot beside the branch, and bringing it back."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import psutil

from rgt.host import nolinks, stores, submodules, trees
from rgt.host.git import NAMES, NO_SUBMODULES, Tree, complaint, git, printed, try_git
from rgt.host.hub import GENERATED
from rgt.host.run import Done
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import RigHome
from rgt.model.safety import TreeFacts

LISTED = 12
"""How many changed files are named to whoever goes on."""
INDEX_LOCK = "index.lock"
"""What git holds while it writes the index."""
REF_LOCK = "cannot lock ref"
"""What git says when another one moves a ref, or has just done so."""
LOCKED = 5.0
"""Seconds to wait for another git that has the index of a worktree."""
TRIES = 5
"""How often work is saved anew because its agent has committed meanwhile."""
MARK = "Rgt-Saved: true"
"""Trailer of a commit that rgt made to save work."""


@dataclass(frozen=True)
class Glance:
    """A worktree as one `git status` tells it."""

    head: str
    """Commit that is checked out; empty before the first."""
    branch: str
    """Empty when none is checked out."""
    unchanged: bool
    """Whether nothing differs from the head and nothing is new."""


async def glance(worktree: Tree) -> Glance:
    """What is checked out, and whether git sees any change at all. Raises `failed` where git cannot tell.

    Changes inside a submodule are not seen, other than new commits: no commit of ours could hold them."""
    every = ("--untracked-files=normal", NO_SUBMODULES, "-z")
    entries = (await git(worktree, "status", "--porcelain=v2", "--branch", *every)).split("\0")
    heads = _heads(entries)
    return Glance(heads["oid"], heads["head"], not any(entries[len(heads) :]))


async def save_commit(worktree: Tree, message: str) -> str | None:
    """Commit all uncommitted work on what is checked out and return the commit; None when there is nothing to commit.

    Left out are deletions (they stay uncommitted), what rgt generated, and other repositories inside. No hook of the
    repository runs. A merge without conflicts left is completed; one with conflicts is saved with its markers, without
    the second parent.

    Its agent may be at work: what it commits meanwhile stays, and another git that has the index is waited for. Raises
    `failed` when either goes on for too long; then nothing has moved.
    """
    for _ in range(TRIES):
        await _index_free(worktree)
        made = await _saved(worktree, message)
        if made is None:
            return None
        if await _advance(worktree, *made):
            return made[1]
    raise RgtError("failed", f"{worktree.path} changes all the time", "try again when its agent has ended")


async def _saved(worktree: Tree, message: str) -> tuple[str, str] | None:
    """The head and a commit on it of all uncommitted work; None when there is nothing to commit."""
    if (await glance(worktree)).unchanged and not _merged_heads(worktree):
        return None
    async with _spare_index(worktree) as env:
        head = await _head(worktree)
        unmerged = await git(worktree, "ls-files", "--unmerged", env=env)
        await _add(worktree, env, removals=False)
        await _take_back(worktree, env, head, await _deleted(worktree, env) if head else [])
        tree = await git(worktree, "write-tree", env=env)
    others = [] if unmerged else _merged_heads(worktree)
    if not others and tree == await _tree(worktree, head):
        return None
    subject = message if message.startswith("rgt: saved work") else f"rgt: saved work: {message}"
    sha = await _commit(worktree, tree, [head, *others], f"{subject}\n\n{MARK}\n")
    return head, sha


async def _index_free(worktree: Tree) -> None:
    """Wait until no git has the index. Raises `failed` when one keeps it."""
    end = time.monotonic() + LOCKED
    while os.path.lexists(worktree.admin / INDEX_LOCK):
        if time.monotonic() > end:
            raise _busy(worktree)
        await asyncio.sleep(0.05)


async def _advance(worktree: Tree, head: str, sha: str) -> bool:
    """Put what is checked out and the index from `head` to `sha`; False when it is not at `head` any more."""
    update = (*worktree.hooked, "update-ref", "-m", "rgt: saved work")
    end = time.monotonic() + LOCKED
    while (moved := await _logged(worktree, *update, "HEAD", sha, head or "0" * len(sha))).code:
        if await _head(worktree) != head:
            return False
        if not await _again(moved, end):
            raise RgtError("failed", f"git update-ref HEAD: {complaint(moved.err)}")
    end = time.monotonic() + LOCKED
    # Without a commit it moves nothing, whatever the agent has put on top of ours; git says no while it does.
    while (done := await _logged(worktree, "reset", "--quiet", "--mixed")).code:
        if await _again(done, end):
            continue
        # With the index of before, the next commit would undo what ours holds.
        await _logged(worktree, *update, *(("HEAD", head, sha) if head else ("-d", "HEAD", sha)))
        raise _busy(worktree) if INDEX_LOCK in done.err else RgtError("failed", f"git reset: {complaint(done.err)}")
    return True


async def _again(done: Done, end: float) -> bool:
    """Wait a little for another git that was in the way; False when there was none, or it is `end`."""
    if not any(lock in done.err for lock in (INDEX_LOCK, REF_LOCK)) or time.monotonic() > end:
        return False
    await asyncio.sleep(0.05)
    return True


def _busy(worktree: Tree) -> RgtError:
    hint = f"wait until it ends; if it was killed, remove {worktree.admin / INDEX_LOCK}"
    return RgtError("failed", f"another git works in {worktree.path}", hint)


async def _logged(worktree: Tree, *args: str) -> Done:
    """A git that writes to the logs of a worktree, whose agent may be alive and have put links there."""
    trees.tidy(worktree)
    return await try_git(worktree, *args)


async def snapshot(rig: RigHome, worktree: Tree, item: str) -> str | None:
    """Keep everything uncommitted under `refs/rgt/snap/<item>/<UTC time>` and return the commit; None when clean.

    New files (not ignored ones), deletions, what is staged, and the commits of a half-done merge or rebase are in it.
    Neither the index nor a file of the worktree is touched. Raises `failed` when anything could not be read.
    """
    if (await glance(worktree)).unchanged and not _midway_commits(worktree):
        return None
    async with _spare_index(worktree) as env:
        head = await _head(worktree)
        conflicts = {entry.partition("\t")[2] for entry in await _names(worktree, "ls-files", "--unmerged", env=env)}
        if conflicts:
            await _drop(worktree, env, conflicts)
        staged = await git(worktree, "write-tree", env=env)
        await _add(worktree, env, removals=True)
        await _take_back(worktree, env, head)
        tree = await git(worktree, "write-tree", env=env)
    base = await _tree(worktree, head)
    midway = _midway_commits(worktree)
    if tree == base and staged in (base, tree) and not conflicts and not midway:
        return None
    now = datetime.now(UTC)
    parents = [head, *midway]
    if staged not in (base, tree):
        parents.append(await _commit(worktree, staged, [head], f"rgt: index of {item}\n"))
    sha = await _commit(worktree, tree, parents, f"rgt: snapshot of {item}\n\n{MARK}\n")
    ref = refs.snapshot(item, now.strftime("%Y%m%dT%H%M%S.%fZ"))
    await asyncio.to_thread(stores.take, rig.hub)
    await git(rig.hub, "update-ref", ref, sha, "0" * len(sha))
    return sha


async def recover(rig: RigHome, item: str) -> list[str]:
    """What is kept of an item, newest first: lines of ref, short commit, date and subject."""
    return [f"{ref} {sha[:12]} {date} {subject}" for ref, sha, date, subject in await _kept(rig, item)]


async def restore(rig: RigHome, item: str, dest_branch: str = "") -> str:
    """Make a branch (`recover/<item>` unless named) at the newest kept state of an item; returns `<branch> <commit>`.

    Raises `not_found` when nothing is kept, `exists` when the branch is there with something else.
    """
    kept = await _kept(rig, item)
    if not kept:
        raise RgtError("not_found", f"nothing is kept of {item}", f"see `rgt work show {item}`")
    sha = kept[0][1]
    branch = dest_branch or f"recover/{item}"
    now = await try_git(rig.hub, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
    if now.code == 0 and now.out.strip() != sha:
        raise RgtError("exists", f"branch {branch} holds something else", "name another branch")
    if now.code:
        await git(rig.hub, "branch", "--no-track", branch, sha)
    return f"{branch} {sha}"


async def left(worktree: Tree, snapshot: str = "", stashed: Sequence[str] = ()) -> str:
    """What work that nobody has finished consists of, for whoever goes on with it: commits, changed files, stashes."""
    commits = await try_git(
        worktree, "log", "--oneline", "--no-decorate", "-5", "HEAD", "--not", "--glob=refs/rgt/target"
    )
    status = await try_git(worktree, "status", "--short", "--untracked-files=all", NO_SUBMODULES)
    changed = status.out.rstrip("\n").splitlines()
    parts = [f"commits:\n{commits.out.rstrip()}"] if commits.out.strip() else []
    if changed:
        more = [f"… and {len(changed) - LISTED} more"] if len(changed) > LISTED else []
        parts.append("\n".join(["not committed:", *changed[:LISTED], *more]))
    if stashed:
        parts.append("\n".join(["stashed:", *stashed[:LISTED]]))
    if snapshot:
        parts.append(f"kept as {snapshot[:12]}")
    return "\n".join(parts)


async def describe(worktree: Tree) -> TreeFacts:
    """The facts about a worktree by which `safe_to_destroy` judges; unreadable ones say so instead of raising."""
    every = ("--untracked-files=all", NO_SUBMODULES, "-z")
    try:
        status = await try_git(worktree, "status", "--porcelain=v2", "--branch", *every)
    except RgtError as e:
        return TreeFacts(readable=False, unreadable=e.message)
    if status.code:
        return TreeFacts(readable=False)
    admin = worktree.admin
    heads = _heads(status.out.split("\0"))
    changed = untracked = conflicts = 0
    nested = await submodules.with_work(worktree)
    entries = iter(status.out.split("\0"))
    for entry in entries:
        kind = entry[:1]
        if kind == "?" and entry.endswith("/"):
            nested.append(entry[2:])
        elif kind == "?":
            untracked += 1
        elif kind in ("1", "2", "u"):
            changed += 1
            conflicts += kind == "u"
            if kind == "2":
                next(entries)  # the old name of a rename is an entry of its own
    landed = ("--not", "--glob=refs/rgt/target")
    return TreeFacts(
        head=heads["oid"],
        branch=heads["head"],
        changed=changed,
        untracked=untracked,
        conflicts=conflicts,
        operation=next((what for mark, what in _OPERATIONS.items() if (admin / mark).exists()), ""),
        nested=tuple(nested),
        live=len(await asyncio.to_thread(live_inside, worktree.path)),
        ahead=await _count(worktree, heads["oid"], *landed),
        unkept=await _count(worktree, heads["oid"], *landed, "--glob=refs/rgt/keep"),
    )


def live_inside(directory: Path) -> list[int]:
    """PIDs of the processes whose working directory is `directory` or below it."""
    inside = []
    real = directory.resolve()
    for process in psutil.process_iter(["cwd"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd).is_relative_to(real):
            inside.append(process.pid)
    return inside


_OPERATIONS = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply/applying": "am",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}
"""Files of a git directory that show a half-done operation."""
_MIDWAY = (
    "MERGE_HEAD",
    "MERGE_AUTOSTASH",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "rebase-merge/autostash",
    "rebase-merge/orig-head",
    "rebase-apply/autostash",
    "rebase-apply/orig-head",
)
"""Files of a git directory that may be the only ones to name a commit."""


@asynccontextmanager
async def _spare_index(worktree: Tree) -> AsyncIterator[dict[str, str]]:
    """Environment in which git works on a copy of the index.

    The copy keeps the time of the original, by which git knows the entries it cannot trust.
    """
    index = worktree.admin / "index"
    with tempfile.TemporaryDirectory(prefix="rgt-index-", dir=index.parent) as spare:
        copy = Path(spare) / "index"
        if index.exists():
            shutil.copy2(index, copy)
        yield {"GIT_INDEX_FILE": str(copy)}


async def _add(worktree: Tree, env: dict[str, str], *, removals: bool) -> None:
    """Put what changed into the index of `env`, without other repositories inside.

    (`git add` would look for changes inside submodules, see `NO_SUBMODULES`.) What cannot be in a commit, such as a
    pipe, counts as removed.
    """
    changed, new = await asyncio.gather(
        _names(worktree, "diff-files", "--raw", "--no-renames", NO_SUBMODULES, env=env),
        _names(worktree, "ls-files", "--others", "--exclude-standard", env=env),
    )
    gone: list[str] = []
    there: list[str] = []
    submodules = {path for raw, path in zip(changed[::2], changed[1::2], strict=True) if raw.startswith(":160000")}
    for path in dict.fromkeys([*changed[1::2], *new]):
        if not path.endswith("/"):
            (there if _can_be_kept(worktree.path / path, path in submodules) else gone).append(path)
    if gone and removals:
        await _drop(worktree, env, gone)
    if there:
        update = ("-c", "core.safecrlf=false", "update-index", "--add", "--replace", "-z", "--stdin")
        await git(worktree, *update, env=env, stdin=_listed(there))


def _can_be_kept(path: Path, submodule: bool) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode) or (submodule and os.path.lexists(path / ".git"))


async def _names(worktree: Tree, *args: str, env: Mapping[str, str] | None = None) -> list[str]:
    """The entries that a git command lists with `-z`; names that are not UTF-8 stay the ones they are."""
    return [entry for entry in (await git(worktree, *args, "-z", env=env, errors=NAMES)).split("\0") if entry]


async def _drop(worktree: Tree, env: dict[str, str], paths: Iterable[str]) -> None:
    """Take paths out of the index of `env`."""
    await git(worktree, "update-index", "--force-remove", "-z", "--stdin", env=env, stdin=_listed(paths))


def _listed(paths: Iterable[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode(errors=NAMES)


async def _take_back(worktree: Tree, env: dict[str, str], head: str, paths: Sequence[str] = ()) -> None:
    """Make the index of `env` agree with the head again in `paths` and in what rgt generated."""
    if not head:
        await _drop(worktree, env, await _names(worktree, "ls-files", "--", *GENERATED, env=env))
        return
    named = _listed([*paths, *GENERATED])
    reset = ("reset", "--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", "HEAD")
    await git(worktree, *reset, env={**env, "GIT_LITERAL_PATHSPECS": "1"}, stdin=named)


async def _head(worktree: Tree) -> str:
    return (await try_git(worktree, "rev-parse", "--verify", "--quiet", "HEAD")).out.strip()


async def _tree(worktree: Tree, commit: str) -> str:
    """Tree of a commit; of none, the empty tree."""
    if commit:
        return await git(worktree, "rev-parse", f"{commit}^{{tree}}")
    return await git(worktree, "mktree", stdin=b"")


async def _commit(worktree: Tree, tree: str, parents: list[str], message: str) -> str:
    named = [x for parent in dict.fromkeys(parents) if parent for x in ("-p", parent)]
    return await git(worktree, "commit-tree", tree, *named, "-F", "-", stdin=message.encode())


async def _deleted(worktree: Tree, env: dict[str, str]) -> list[str]:
    """Files of the head that the index lacks, apart from those whose place a directory or file has taken."""
    parts = await _names(worktree, "diff-index", "--cached", "--no-renames", "--name-status", "HEAD", env=env)
    named = list(zip(parts[::2], parts[1::2], strict=False))
    added = {path for kind, path in named if kind == "A"}
    taken = added | {str(up) for path in added for up in Path(path).parents}
    gone = [path for kind, path in named if kind == "D"]
    return [p for p in gone if p not in taken and not any(str(up) in added for up in Path(p).parents)]


def _heads(status: Sequence[str]) -> dict[str, str]:
    """What stands before the entries of a `git status --porcelain=v2 --branch`: `oid` and `head`, empty for none."""
    first = takewhile(lambda entry: entry.startswith("# "), status)
    said = dict(entry.removeprefix("# ").removeprefix("branch.").split(" ", 1) for entry in first)
    return {name: "" if value in ("(initial)", "(detached)") else value for name, value in said.items()}


def _merged_heads(worktree: Tree) -> list[str]:
    return _named(worktree, "MERGE_HEAD")


def _midway_commits(worktree: Tree) -> list[str]:
    """Commits that only the files of a half-done operation may name."""
    found = [sha for name in _MIDWAY for sha in _named(worktree, name)]
    return [sha for sha in dict.fromkeys(found) if len(sha) in (40, 64)]


def _named(worktree: Tree, name: str) -> list[str]:
    """The words of one of git's files, which an agent may have put there."""
    try:
        return nolinks.read(worktree.admin, name).decode().split()
    except (OSError, ValueError):
        return []


async def _count(worktree: Tree, head: str, *limits: str) -> int:
    return int(await git(worktree, "rev-list", "--count", head, *limits)) if head else 0


async def _kept(rig: RigHome, item: str) -> list[tuple[str, str, str, str]]:
    """Ref, commit, date and subject of everything kept of an item, newest first; of one second, snapshots first."""
    out = await git(
        rig.hub,
        "for-each-ref",
        "--format=%(refname)%00%(objectname)%00%(committerdate:iso-strict)%00%(committerdate:unix)%00%(contents:subject)",
        f"refs/rgt/snap/{item}/",
        f"refs/rgt/keep/{item}/",
        f"refs/heads/polecat/*/{item}",
    )
    rows = [line.split("\0") for line in printed(out)]
    rows.sort(key=lambda r: (int(r[3]), r[0].startswith("refs/rgt/snap/"), r[0]), reverse=True)
    return [(ref, sha, date, subject) for ref, sha, date, _, subject in rows]
