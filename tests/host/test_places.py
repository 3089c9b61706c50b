"""Which checkouts of a machine show a rig's repository, and where in an open file a problem is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rgt.host import config
from rgt.host.places import Place, Places, same
from rgt.host.shown import Failures
from rgt.model.config import RigConfig
from rgt.model.diagnostics import Clash, Diagnostic
from rgt.model.home import Home
from rgt.model.problems import Problem
from tests.repos import branch_commit, commit, make_repo, make_rig, sh


async def rig_from(home: Home, name: str, **source: str) -> Path:
    """A rig made from a new repository, with its rig.toml; gives the repository."""
    _, made, _ = await make_rig(home, name)
    config.write_rig(home, name, RigConfig.model_validate({"source": source or {"path": str(made)}, "no_gates": True}))
    return made


async def test_every_checkout_of_a_rig_is_known(home: Home, tmp: Path) -> None:
    source = await rig_from(home, "api")
    rig = home.rig("api")
    branch_commit(rig, rig.worktrees / "nux", "polecat/nux/gt-1", {"a.txt": "a\n"})
    sh(source, "worktree", "add", "--quiet", str(tmp / "beside"), "-b", "beside")
    sh(tmp, "clone", "--quiet", str(source), str(tmp / "clone"))
    sh(tmp, "clone", "--quiet", f"file://{source}", str(tmp / "away"))
    sh(tmp / "away", "remote", "set-url", "origin", "https://example.org/elsewhere.git")
    (tmp / "link").symlink_to(source)
    make_repo(tmp / "other", {"x": "another history\n"})
    places = Places(home)
    for top in (rig.worktrees / "nux", source, tmp / "beside", tmp / "clone", tmp / "away", tmp / "link"):
        found = await places.find(top / "src/not-there-yet.py")
        assert found == Place(Path(os.path.realpath(top)), "src/not-there-yet.py", ("api",)), top
    assert await places.find(tmp / "other/x") is None
    assert await places.find(tmp / "nowhere/x") is None
    mine = await places.find(rig.worktrees / "nux/a.txt")
    assert mine and mine.is_of(rig, "api/nux") and not mine.is_of(rig, "api/joe") and not mine.is_of(rig, "")


async def test_rigs_that_come_and_change_are_seen(home: Home, tmp: Path) -> None:
    make_repo(tmp / "own", {"x": "another history\n"})
    sh(tmp / "own", "remote", "add", "origin", "git@Example.org:team/till.git")
    places = Places(home)
    assert await places.find(tmp / "own/x") is None
    await rig_from(home, "api", git_url="https://example.org/other")
    assert await places.find(tmp / "own/x") is None
    text = config.read_rig(home, "api").model_copy(
        update={"source": RigConfig.model_validate({"source": {"git_url": "https://me@example.org/team/till"}}).source}
    )
    config.write_rig(home, "api", text)
    found = await places.find(tmp / "own/x")
    assert found and found.rigs == ("api",)
    sh(tmp / "own", "remote", "set-url", "origin", "git@example.org:team/other-till.git")
    assert await places.find(tmp / "own/x") is None


async def test_asking_again_is_quick(home: Home) -> None:
    source = await rig_from(home, "api")
    places = Places(home)
    await places.find(source / "README.md")
    took = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(100):
            await places.find(source / "README.md")
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5, "the best of three: a busy machine delays some"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git@github.com:a/b.git", "https://github.com/a/b"),
        ("ssh://git@GitHub.com:22/a/b.git", "github.com:a/b/"),
        ("https://user@host/a/b.git/", "http://host:8080/a/b"),
        ("file:///srv/a.git", "/srv/a"),
    ],
)
def test_urls_of_one_repository(one: str, other: str) -> None:
    assert same(one) == same(other)


OLD = "".join(f"line {n}\n" for n in range(1, 11))


async def test_problems_are_shown_where_the_lines_are_now(home: Home, tmp: Path) -> None:
    """In the author's worktree and in a person's clone, whatever either has written meanwhile."""
    source = await rig_from(home, "api")
    rig = home.rig("api")
    base = commit(source, {"a.txt": OLD})
    sh(rig.hub, "fetch", "--quiet", str(source), "main")
    head = branch_commit(rig, rig.worktrees / "nux", "polecat/nux/gt-1", {"a.txt": OLD.replace("line 5", "five")}, base)
    failed = Problem(
        rig="api", item="gt-1", agent="api/nux", kind="failed", head=head, sha=head, base=base,
        diagnostics=[
            Diagnostic(path="a.txt", line=5, message="not five"),
            Diagnostic(path="a.txt", line=9, end_line=10, message="nine"),
            Diagnostic(path="gone.txt", line=1, message="gone"),
        ],
    )  # fmt: skip
    clash = Clash(path="a.txt", target_line=3, target_end=4, yours_line=5, yours_end=5)
    conflict = Problem(rig="api", item="gt-1", agent="api/nux", kind="conflict", head=head, base=base, clashes=[clash])
    failures = Failures(home)

    async def shown(top: Path, text: str) -> list[tuple[int, int, bool, bool]]:
        found = await failures.at(top / "a.txt", text, [failed, conflict])
        return [(s.line, s.end_line, s.moved, s.mine) for s in found]

    author, person = rig.worktrees / "nux", source
    assert await shown(author, "new\n" + OLD.replace("line 5", "five")) == [
        (6, 6, False, True),
        (10, 11, False, True),
        (6, 6, False, True),
    ]
    assert await shown(person, OLD) == [(4, 4, True, False), (9, 10, False, False), (3, 4, False, False)]
    assert await shown(person, "x\n" + OLD) == [(5, 5, True, False), (10, 11, False, False), (4, 5, False, False)]
    assert await failures.at(tmp / "a.txt", OLD, [failed]) == []
    assert await failures.at(person / "gone.txt", OLD, [failed]) == []
