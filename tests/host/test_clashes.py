"""Conflicts: their lines on both sides, whatever else the two sides have changed in the file."""

from __future__ import annotations

import pytest

from rgt.host.clashes import clashes, in_file
from rgt.model.diagnostics import Clash
from rgt.model.home import Home
from tests.entries import make_yard
from tests.repos import commit, sh

BASE = [f"line {n}\n" for n in range(1, 31)]


def edited(**changes: str) -> str:
    """The base with lines (`l5="…"`) in the place of others."""
    text = list(BASE)
    for name, new in changes.items():
        text[int(name[1:]) - 1] = new
    return "".join(text)


@pytest.mark.parametrize("strategy", ["squash", "rebase", "merge"])
async def test_lines_of_both_sides(home: Home, strategy: str) -> None:
    """What merged well above a conflict shifts neither side's numbers."""
    yard = await make_yard(home, files={"a.txt": "".join(BASE), "b.txt": "b\n", "c.txt": "c\n"})
    theirs = edited(l2="theirs 1\ntheirs 2\n", l10="target ten\n", l20="t\nt\n", l30="target last\n")
    commit(yard.source, {"a.txt": theirs, "c.txt": "target\n"})
    sh(yard.source, "rm", "-q", "b.txt")
    sh(yard.source, "commit", "-qm", "gone")
    entry = yard.done({"a.txt": edited(l5="", l10="my ten\nand more\n", l20="mine\n", l30=""), "b.txt": "mine\n"})
    verdict = await yard.run(entry, strategy=strategy)
    assert verdict.kind == "conflict"
    assert verdict.clashes == [
        Clash(path="a.txt", target_line=11, target_end=11, yours_line=9, yours_end=10),
        Clash(path="a.txt", target_line=21, target_end=22, yours_line=20, yours_end=20),
        Clash(path="a.txt", target_line=32, target_end=32, yours_line=29, yours_end=29),
        Clash(path="b.txt"),
    ]
    assert verdict.files == ["a.txt", "b.txt"]


async def test_many_and_large_files_are_bounded(home: Home) -> None:
    yard = await make_yard(home, files={f"{n:02}.txt": "x\n" for n in range(60)} | {"big.txt": "x\n"})
    commit(yard.source, {f"{n:02}.txt": "target\n" for n in range(60)} | {"big.txt": "y\n" * 1_500_000})
    entry = yard.done({f"{n:02}.txt": "mine\n" for n in range(60)} | {"big.txt": "z\n"})
    verdict = await yard.run(entry)
    assert len(verdict.files) == 61 and len(verdict.clashes) == 20
    assert await clashes(yard.rig.hub, "HEAD", "HEAD", "HEAD", ["gone.txt"]) == [Clash(path="gone.txt")]


def test_the_marks_of_diff3() -> None:
    marked = "a\n<<<<<<< x\nours\n||||||| b\nold\n=======\ntheirs\nmore\n>>>>>>> y\nz\n"
    found = list(in_file("f", marked, "a\nours\nz\n", "a\ntheirs\nmore\nz\n"))
    assert found == [Clash(path="f", target_line=2, target_end=2, yours_line=2, yours_end=3)]
    assert list(in_file("f", "<<<<<<< x\nhalf\n", "a", "b")) == []
