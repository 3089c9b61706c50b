"""Candidates: what is folded, by whom it is written, and that the same question gives the same commit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rgt.host.candidate import Candidate, Point, Strategy, both_sides, build, landed_as
from rgt.model.errors import RgtError
from rgt.model.queue import Entry
from tests.repos import commit, make_repo, sh

STRATEGIES: list[Strategy] = ["squash", "rebase", "merge"]
LONG = "".join(f"line {n}\n" for n in range(20))


class Repo:
    """A repository with `main` and branches made from commits given as files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_repo(path, {"a.txt": LONG})

    def branch(self, name: str, *commits: dict[str, str], base: str = "main~0") -> Entry:
        sh(self.path, "checkout", "--quiet", "-b", name, base)
        for n, files in enumerate(commits, 1):
            commit(self.path, files, f"{name} {n}")
        head = sh(self.path, "rev-parse", "HEAD")
        sh(self.path, "checkout", "--quiet", "main")
        return Entry(item=f"gt-{name:0>5}", rig="api", head=head, title=f"Title of {name}")

    async def build(self, *entries: Entry, strategy: Strategy = "squash") -> Candidate:
        return await build(self.path, self.point("main"), entries, strategy)

    def point(self, rev: str) -> Point:
        return Point(*sh(self.path, "rev-parse", rev, f"{rev}^{{tree}}").splitlines())

    def shown(self, sha: str, form: str = "%an|%ae|%ad|%cn|%B") -> str:
        return sh(self.path, "show", "--no-patch", "--date=raw", f"--format={form}", sha).strip()


@pytest.fixture
def repo(tmp: Path) -> Repo:
    return Repo(tmp / "repo")


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_same_question_same_commit(repo: Repo, strategy: Strategy) -> None:
    one, two = repo.branch("one", {"b.txt": "b"}, {"c.txt": "c"}), repo.branch("two", {"d.txt": "d"})
    commit(repo.path, {"z.txt": "z"})
    first = await repo.build(one, two, strategy=strategy)
    os.environ |= {"TZ": "Asia/Tokyo", "GIT_AUTHOR_DATE": "@1 +0000", "GIT_COMMITTER_NAME": "Somebody"}
    assert await repo.build(one, two, strategy=strategy) == first
    assert first.entries == [one, two] and first.conflicts == []
    assert repo.point(first.sha) == Point(first.sha, first.tree)
    sh(repo.path, "merge", "--quiet", "--no-edit", "one")
    sh(repo.path, "merge", "--quiet", "--no-edit", "two")
    assert sh(repo.path, "rev-parse", "HEAD^{tree}") == first.tree


async def test_squash_is_one_commit_by_the_author(repo: Repo) -> None:
    who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_AUTHOR_DATE": "@1700000000 +0530"}
    entry = repo.branch("one", {"b.txt": "b"})
    sh(repo.path, "checkout", "--quiet", "one")
    sh(repo.path, "commit", "--quiet", "--allow-empty", "--message", "by Ada\n\nIn detail.", env={**os.environ, **who})
    entry = entry.model_copy(update={"head": sh(repo.path, "rev-parse", "one")})
    sh(repo.path, "checkout", "--quiet", "main")
    made = await repo.build(entry)
    assert repo.shown(made.sha) == (
        "Ada|ada@example.org|1700000000 +0530|Test|Title of one\n\n* one 1\n* by Ada\n\n"
        "Co-authored-by: Test <test@example.org>\nRgt-Item: gt-00one"
    )
    assert repo.shown(made.sha, "%P") == sh(repo.path, "rev-parse", "main")


@pytest.mark.parametrize(
    ("title", "message", "expected"),
    [
        ("Same", "Same", "Same\n\nRgt-Item: gt-00one"),
        ("", "Own subject\n\nWhy.", "Own subject\n\nWhy.\n\nRgt-Item: gt-00one"),
        (
            "Two\n lines",
            "x\n\nSigned-off-by: A <a@b>",
            "Two lines\n\n* x\n\nSigned-off-by: A <a@b>\nRgt-Item: gt-00one",
        ),
    ],
)
async def test_message_of_a_single_commit(repo: Repo, title: str, message: str, expected: str) -> None:
    entry = repo.branch("one", {"b.txt": "b"})
    sh(repo.path, "checkout", "--quiet", "one")
    sh(repo.path, "commit", "--quiet", "--amend", "--message", message)
    entry = entry.model_copy(update={"head": sh(repo.path, "rev-parse", "one"), "title": title})
    sh(repo.path, "checkout", "--quiet", "main")
    made = await repo.build(entry)
    assert repo.shown(made.sha, "%B") == expected
    assert "Rgt-Item: gt-00one" in repo.shown(made.sha, "%(trailers:only)")


async def test_rebase_keeps_every_commit(repo: Repo) -> None:
    entry = repo.branch("one", {"a.txt": "top\n" + LONG}, {"z.txt": "z"}, {"b.txt": "b"})
    standing = await repo.build(entry, strategy="rebase")
    assert standing.sha == entry.head
    tip = commit(repo.path, {"a.txt": LONG + "end\n", "z.txt": "z"}, "moved on")
    made = await repo.build(entry, strategy="rebase")
    assert repo.shown(f"{made.sha}~2", "%H") == tip
    assert sh(repo.path, "log", "--format=%s", "--reverse", f"main..{made.sha}").splitlines() == ["one 1", "one 3"]
    assert sh(repo.path, "show", f"{made.sha}:a.txt") == f"top\n{LONG}end"


async def test_rebase_of_merges_gives_their_tree(repo: Repo) -> None:
    entry = repo.branch("one", {"b.txt": "b"})
    commit(repo.path, {"c.txt": "c"})
    sh(repo.path, "checkout", "--quiet", "one")
    sh(repo.path, "merge", "--quiet", "--no-edit", "main")
    entry = entry.model_copy(update={"head": sh(repo.path, "rev-parse", "one")})
    sh(repo.path, "checkout", "--quiet", "main")
    made = await repo.build(entry, strategy="rebase")
    assert made.tree == repo.point("one").tree and repo.shown(made.sha, "%s|%P") == f"Title of one|{made.base.sha}"


async def test_merge_keeps_both_parents(repo: Repo) -> None:
    entry = repo.branch("one", {"b.txt": "b"})
    made = await repo.build(entry, strategy="merge")
    assert repo.shown(made.sha, "%P|%s") == f"{made.base.sha} {entry.head}|Merge gt-00one: Title of one"


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_conflict_drops_only_its_entry(repo: Repo, strategy: Strategy) -> None:
    """B23: in a stack, with the files named and both sides shown"""
    one = repo.branch("one", {"a.txt": "one\n" + LONG, "d r/é.txt": "1"})
    two = repo.branch("two", {"a.txt": "two\n" + LONG, "d r/é.txt": "2", "ok.txt": ""})
    three = repo.branch("three", {"c.txt": "c"})
    made = await repo.build(one, two, three, strategy=strategy)
    assert made.entries == [one, three]
    [clash] = made.conflicts
    assert (clash.entry, clash.files) == (two, ["a.txt", "d r/é.txt"])
    assert "CONFLICT (content): Merge conflict in a.txt" in clash.said
    sides = await both_sides(repo.path, one.head, clash)
    assert sides == f"target: {one.head[:7]} Test: one 1\nyours:  {two.head[:7]} Test: two 1"


async def test_both_sides_of_a_conflict_whatever_a_title_has_in_it(repo: Repo) -> None:
    one, two = repo.branch("one", {"a.txt": "one\n"}), repo.branch("two", {"a.txt": "two\n"})
    title = "a\x0cpage, a\u2028line, a\x85next"
    head = sh(repo.path, "commit-tree", f"{two.head}^{{tree}}", "-p", f"{two.head}^", "-m", title)
    made = await repo.build(one, two.model_copy(update={"head": head}))
    assert title in await both_sides(repo.path, one.head, made.conflicts[0])


async def test_nothing_new_adds_nothing(repo: Repo) -> None:
    inside = Entry(item="gt-aaaaa", rig="api", head=sh(repo.path, "rev-parse", "main"))
    empty = repo.branch("empty", {})
    made = await repo.build(inside, empty)
    assert Point(made.sha, made.tree) == made.base and not made.entries and not made.conflicts


async def test_foreign_and_missing_commits(repo: Repo, tmp: Path) -> None:
    head = make_repo(tmp / "other", {"q": "q"})
    sh(repo.path, "fetch", "--quiet", str(tmp / "other"), "main")
    made = await repo.build(Entry(item="gt-aaaaa", rig="api", head=head))
    assert made.conflicts[0].said == "the branch has no commit in common with the target"
    with pytest.raises(RgtError):
        await repo.build(Entry(item="gt-aaaaa", rig="api", head="1" * 40))


async def test_landed_as(repo: Repo) -> None:
    """B02: found after a squash, after a rebase, and not when only half is there"""
    entry = repo.branch("one", {"a.txt": "x\n" + LONG}, {"b.txt": "b\n"})
    start = sh(repo.path, "rev-parse", "main")
    assert await landed_as(repo.path, start, entry.head) == ""
    commit(repo.path, {"z.txt": "z"})
    half = commit(repo.path, {"b.txt": "b\n"})
    assert await landed_as(repo.path, half, entry.head) == ""
    rest = commit(repo.path, {"a.txt": "x\n" + LONG})
    assert await landed_as(repo.path, rest, entry.head) == half
    sh(repo.path, "reset", "--quiet", "--hard", start)
    squashed = commit(repo.path, {"a.txt": "x\n" + LONG, "b.txt": "b\n"})
    later = commit(repo.path, {"b.txt": "changed\n"})
    assert await landed_as(repo.path, later, entry.head) == squashed
