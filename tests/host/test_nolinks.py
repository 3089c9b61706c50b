"""What an agent may leave in its directory in the place of a file, and what becomes of it when the town comes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from rgt.host import nolinks
from rgt.model.errors import RgtError

MINE = "a person's own"
Plant = Callable[[Path, Path], None]
"""Puts something at a path; with a directory of somebody else that holds `kept`, and whatever is `made` there."""


def link(path: Path, person: Path) -> None:
    path.symlink_to(person / "kept")


def new_file(path: Path, person: Path) -> None:
    path.symlink_to(person / "made")


def relative(path: Path, person: Path) -> None:
    path.symlink_to(os.path.relpath(person / "kept", path.parent))


def loop(path: Path, person: Path) -> None:
    path.symlink_to(path.name)


def to_directory(path: Path, person: Path) -> None:
    path.symlink_to(person)


def pipe(path: Path, person: Path) -> None:
    os.mkfifo(path)


def listener(path: Path, person: Path) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))


def directory(path: Path, person: Path) -> None:
    (path / "full" / "of").mkdir(parents=True)


PLANTS: list[Plant] = [link, new_file, relative, loop, to_directory, pipe, listener, directory]


@pytest.fixture
def person(tmp: Path) -> Path:
    (tmp / "person").mkdir()
    (tmp / "person" / "kept").write_text(MINE)
    return tmp / "person"


@pytest.fixture
def agent(tmp: Path) -> Path:
    (tmp / "agent" / "sub").mkdir(parents=True)
    return tmp / "agent"


def unharmed(person: Path) -> bool:
    return {p.name: p.read_text() for p in person.iterdir()} == {"kept": MINE}


@pytest.mark.parametrize("name", ["file", "sub/file"])
@pytest.mark.parametrize("plant", PLANTS)
def test_in_the_place_of_a_file(agent: Path, person: Path, plant: Plant, name: str) -> None:
    """It is not read and not found; what is written is a file of its own."""
    plant(agent / name, person)
    for end in (False, True):
        with pytest.raises(OSError):
            nolinks.read(agent, name, end=end)
    assert nolinks.status(agent, name) is None
    assert nolinks.find(agent, name) == nolinks.find(agent, "**/file*") == []
    for watched in (False, True):
        nolinks.write(agent, name, "ours", watched=watched)
        assert not (agent / name).is_symlink() and nolinks.read(agent, name) == b"ours"
        nolinks.remove(agent, name)
        nolinks.remove(agent, name)
        plant(agent / name, person)
    nolinks.remove(agent, name)
    assert not os.path.lexists(agent / name) and unharmed(person)


@pytest.mark.parametrize("plant", PLANTS)
def test_in_the_place_of_a_directory(agent: Path, person: Path, plant: Plant) -> None:
    if plant is directory:
        return
    plant(agent / "sub/deep", person)
    for name in ("sub/deep/kept", "sub/deep/made"):
        with pytest.raises(OSError):
            nolinks.read(agent, name)
        assert nolinks.status(agent, name) is None
        nolinks.remove(agent, name)
    assert nolinks.find(agent, "sub/*/kept") == nolinks.find(agent, "**/kept") == nolinks.find(agent, "*/**/*") == []
    nolinks.write(agent, "sub/deep/kept", "ours")
    assert (agent / "sub/deep/kept").read_text() == "ours" and not (agent / "sub/deep").is_symlink()
    assert unharmed(person)


@pytest.mark.parametrize("name", ["../person/kept", "sub/../../person/kept", "/etc/passwd", "", ".", "nul\0"])
def test_a_name_leads_down_only(agent: Path, person: Path, name: str) -> None:
    with pytest.raises(OSError):
        nolinks.read(agent, name)
    assert nolinks.status(agent, name) is None and nolinks.find(agent, name) == []
    with pytest.raises((RgtError, OSError)):
        nolinks.write(agent, name, "ours")
    assert unharmed(person)


@pytest.mark.parametrize("plant", [p for p in PLANTS if p is not directory])
def test_untied(agent: Path, person: Path, plant: Plant) -> None:
    """Links and pipes are gone, what is plain stays."""
    (agent / "sub/file").write_text("stays")
    for name in ("one", "sub/two", "tmp"):
        plant(agent / name, person)
    nolinks.untie(agent)
    assert sorted(str(p.relative_to(agent)) for p in agent.rglob("*")) == ["sub", "sub/file"]
    assert unharmed(person)


def test_the_directory_itself_may_be_reached_by_a_link(agent: Path) -> None:
    """A home may lie behind one."""
    (agent.parent / "other").symlink_to(agent)
    nolinks.write(agent.parent / "other", "sub/new/file", "text")
    assert nolinks.read(agent, "sub/new/file") == b"text"
    assert not (agent / "sub/new/file").stat().st_mode & 0o077


def test_what_is_watched_stays_the_same_file(agent: Path) -> None:
    nolinks.write(agent, "bell", "a longer text", watched=True)
    before = (agent / "bell").stat().st_ino
    nolinks.write(agent, "bell", "1", watched=True)
    assert (agent / "bell").read_text() == "1" and (agent / "bell").stat().st_ino == before
    assert sorted(p.name for p in agent.iterdir()) == ["bell", "sub"]


def test_what_is_found_and_how_much_is_read(agent: Path) -> None:
    for name in ("a.jsonl", "sub/b.jsonl", "sub/x/c.jsonl", "sub/x/.d.jsonl", "sub/x/e.txt"):
        (agent / name).parent.mkdir(exist_ok=True)
        (agent / name).write_text("0123456789")
    assert nolinks.find(agent, "**/*.jsonl") == ["a.jsonl", "sub/b.jsonl", "sub/x/.d.jsonl", "sub/x/c.jsonl"]
    assert nolinks.find(agent, "sub/**/c*") == ["sub/x/c.jsonl"]
    assert nolinks.find(agent, "*/*.jsonl") == ["sub/b.jsonl"]
    assert nolinks.find(agent, "sub/x") == nolinks.find(agent, "nothing/*") == nolinks.find(agent / "no", "*") == []
    assert nolinks.read(agent, "a.jsonl", 4) == b"0123" and nolinks.read(agent, "a.jsonl", 4, end=True) == b"6789"


def test_a_search_has_an_end(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much an agent makes, and however deep."""
    deep = agent
    for _ in range(nolinks.DEEP + 5):
        deep = deep / "d"
        deep.mkdir()
    (deep / "file").write_text("")
    assert nolinks.find(agent, "**/file") == []
    monkeypatch.setattr(nolinks, "LOOKED_AT", 10)
    for number in range(50):
        (agent / "sub" / str(number)).touch()
    assert len(nolinks.find(agent, "sub/*")) < 10
