"""Building the commit that a set of entries would become on the target: no worktree, no index, no lock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rgt.host.git import git, printed, try_git
from rgt.model.errors import RgtError
from rgt.model.queue import Entry

Strategy = Literal["squash", "rebase", "merge"]


@dataclass(frozen=True)
class Point:
    """A commit and its tree."""

    sha: str
    tree: str


@dataclass(frozen=True)
class Conflict:
    """An entry that does not apply to what is before it."""

    entry: Entry
    files: list[str]
    said: str
    """What git says about each file."""
    tree: str = ""
    """The tree that git leaves, with marks in the files."""
    onto: str = ""
    """The commit on which it was to be folded."""


@dataclass(frozen=True)
class Candidate(Point):
    """The commit made by folding entries onto `base`."""

    base: Point
    entries: list[Entry] = field(default_factory=list)
    """The entries that are in it, in order."""
    conflicts: list[Conflict] = field(default_factory=list)
    """Those that are not, because they do not apply."""


async def build(hub: Path, base: Point, entries: Sequence[Entry], strategy: Strategy) -> Candidate:
    """Fold `entries` one after the other onto `base`; an entry in conflict is left out and listed.

    Names and dates come from the entries' commits, so the same `base` and entries give the same commit each time.

    - `squash`: one commit per entry by the author of its head; message: title, list of its commits, `Rgt-Item`.
    - `merge`: a merge commit per entry, the target first.
    - `rebase`: the entry's commits one by one, or as they are when they already stand on the target; commits that
      change nothing are dropped. History with merges in it has no linear form that is sure to give the same tree,
      so such an entry is squashed.

    An entry that changes nothing adds nothing. Raises `failed` when a commit is not in the hub.
    """
    at = base
    folded: list[Entry] = []
    conflicts: list[Conflict] = []
    for entry in entries:
        new, merged = await asyncio.gather(_commits(hub, at.sha, entry.head), _merge(hub, at.sha, entry.head))
        if merged == at.tree:
            continue
        made = merged if isinstance(merged, _Clash) else await _fold(hub, at, new, merged, entry, strategy)
        if isinstance(made, _Clash):
            conflicts.append(Conflict(entry, made.files, made.said, made.tree, at.sha))
        else:
            at = made
            folded.append(entry)
    return Candidate(at.sha, at.tree, base, folded, conflicts)


async def both_sides(hub: Path, base: str, conflict: Conflict) -> str:
    """The latest commits on either side that touched the files in conflict, target first; one a line, at most eight."""
    shown = await try_git(
        hub, "log", "--max-count=8", "--left-right", "--no-merges", "--format=%m %h %an: %s",
        f"{base}...{conflict.entry.head}", "--", *conflict.files[:50],
    )  # fmt: skip
    names = {"<": "target:", ">": "yours: "}
    return "\n".join(f"{names[line[0]]} {line[2:120]}" for line in sorted(printed(shown.out), key=lambda x: x[0]))


async def landed_as(hub: Path, base: str, head: str) -> str:
    """The commit of `base`'s history that brought the same change as `head`'s whole branch; empty when none did.

    Commits are compared by patch id, the branch as a whole (it was squashed) and one by one (it was rebased).
    """
    fork = (await try_git(hub, "merge-base", base, head)).out.strip()
    if not fork or fork == head:
        return ""
    whole, theirs, ours = await asyncio.gather(
        _patch_ids(hub, "diff-tree", "-p", fork, head),
        _patch_ids(hub, "log", "-p", "--no-merges", "--max-count=2000", f"{fork}..{base}"),
        _patch_ids(hub, "log", "-p", "--no-merges", f"{fork}..{head}"),
    )
    known = dict(reversed(theirs))
    if whole and whole[0][0] in known:
        return known[whole[0][0]]
    if ours and all(patch in known for patch, _ in ours):
        return known[ours[0][0]]
    return ""


@dataclass(frozen=True)
class _Commit(Point):
    parents: list[str]
    who: dict[str, str]
    """Environment that makes git give a new commit the author, committer and dates of this one."""
    message: str

    @property
    def author(self) -> str:
        return f"{self.who['GIT_AUTHOR_NAME']} <{self.who['GIT_AUTHOR_EMAIL']}>"


@dataclass(frozen=True)
class _Clash:
    files: list[str]
    said: str
    tree: str = ""


_FIELDS = ("%H", "%T", "%P", "%an", "%ae", "%ad", "%cn", "%ce", "%cd", "%B")
_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*")


async def _commits(hub: Path, base: str, head: str) -> list[_Commit]:
    """The commits of `base..head`, newest first."""
    out = await git(
        hub, "log", "-z", "--topo-order", "--date=raw", "--no-show-signature", "--no-color",
        f"--format={'%x00'.join(_FIELDS)}", f"{base}..{head}",
    )  # fmt: skip
    values = out.split("\0")
    size = len(_FIELDS)
    return [_commit(values[n : n + size]) for n in range(0, len(values) - size + 1, size)]


def _commit(values: Sequence[str]) -> _Commit:
    sha, tree, parents, *who, message = values
    env = {}
    for role, (name, email, date) in (("AUTHOR", who[:3]), ("COMMITTER", who[3:])):
        # git refuses a commit without a name, which other programs may have made.
        env[f"GIT_{role}_NAME"] = name or email or "unknown"
        env[f"GIT_{role}_EMAIL"] = email
        env[f"GIT_{role}_DATE"] = f"@{date}"
    return _Commit(sha, tree, parents.split(), env, message.strip())


async def _merge(hub: Path, ours: str, theirs: str) -> str | _Clash:
    """The tree of merging two commits, or the files in conflict."""
    done = await try_git(hub, "merge-tree", "--write-tree", "-z", "--name-only", ours, theirs)
    if done.code == 0:
        return done.out.rstrip("\0\n")
    if done.code == 1:
        named, _, messages = done.out.partition("\0\0")
        tree, *files = named.split("\0")
        parts = iter(messages.split("\0"))
        said = []
        for count in parts:
            if count.isdigit():
                for _ in range(int(count) + 1):
                    next(parts, "")
                said.append(next(parts, "").strip())
        return _Clash(files, "\n".join(line for line in said if line.startswith("CONFLICT")), tree)
    if "unrelated histories" in done.err:
        return _Clash([], "the branch has no commit in common with the target")
    raise RgtError("failed", f"git merge-tree: {done.err.strip()[-200:]}")


async def _fold(
    hub: Path, at: Point, new: list[_Commit], tree: str, entry: Entry, strategy: Strategy
) -> Point | _Clash:
    """`new`, whose merge with `at` gives `tree`, as one or more commits on top of `at`."""
    if strategy == "rebase" and not any(len(c.parents) > 1 for c in new):
        return await _rebase(hub, at, new[::-1])
    parents = [at.sha, entry.head] if strategy == "merge" else [at.sha]
    text = _merge_message(entry, new[0]) if strategy == "merge" else _squash_message(entry, new)
    return Point(await _write(hub, tree, parents, new[0].who, text), tree)


async def _rebase(hub: Path, at: Point, oldest_first: list[_Commit]) -> Point | _Clash:
    if oldest_first[0].parents == [at.sha]:
        return Point(oldest_first[-1].sha, oldest_first[-1].tree)
    for c in oldest_first:
        # `merge-tree --merge-base` came with git 2.40. A commit with our tree on top of c's parent makes that
        # parent the merge base, so merging it with c is a cherry-pick of c.
        base = await _write(hub, at.tree, c.parents, c.who, "base")
        tree = await _merge(hub, base, c.sha)
        if isinstance(tree, _Clash):
            return tree
        if tree != at.tree:
            at = Point(await _write(hub, tree, [at.sha], c.who, c.message), tree)
    return at


async def _write(hub: Path, tree: str, parents: list[str], who: dict[str, str], message: str) -> str:
    onto = [arg for parent in parents for arg in ("-p", parent)]
    return await git(hub, "commit-tree", *onto, tree, env=who, stdin=f"{message}\n".encode())


def _squash_message(entry: Entry, new: list[_Commit]) -> str:
    subjects = [c.message.partition("\n")[0] for c in reversed(new) if len(c.parents) < 2]
    title = _title(entry, new[0])
    if len(new) == 1:
        body = new[0].message.partition("\n")[2].strip()
        listed = "" if subjects == [title] else f"* {subjects[0]}"
        body = "\n\n".join(part for part in (listed, body) if part)
    else:
        body = "\n".join(f"* {s}" for s in subjects)
    others = sorted({c.author for c in new} - {new[0].author})
    return _with_trailers(title, body, [*(f"Co-authored-by: {o}" for o in others), f"Rgt-Item: {entry.item}"])


def _merge_message(entry: Entry, head: _Commit) -> str:
    return _with_trailers(f"Merge {entry.item}: {_title(entry, head)}", "", [f"Rgt-Item: {entry.item}"])


def _title(entry: Entry, head: _Commit) -> str:
    return " ".join(entry.title.split()) or head.message.partition("\n")[0] or entry.item


def _with_trailers(title: str, body: str, trailers: list[str]) -> str:
    last = body.rpartition("\n\n")[2].splitlines()
    gap = "\n" if last and all(_TRAILER.fullmatch(line) for line in last) else "\n\n"
    return f"{title}\n\n{body}{gap if body else ''}" + "\n".join(trailers)


async def _patch_ids(hub: Path, *args: str) -> list[tuple[str, str]]:
    """(patch id, commit) of each patch that this git command prints; a single diff has no commit."""
    plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--full-index")
    diff = await git(hub, args[0], *plain, *args[1:])
    if not diff.strip():
        return []
    out = await git(hub, "patch-id", "--stable", stdin=f"{diff}\n".encode())
    return [(patch, sha) for patch, _, sha in (line.partition(" ") for line in out.splitlines())]
