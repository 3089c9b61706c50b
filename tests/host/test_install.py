"""The home is made whole or not at all, and nothing in it is ever overwritten."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rgt.host.config import read_town
from rgt.host.install import check, default_town_toml, install
from rgt.host.tmux import DEFAULT_CONF
from rgt.model.config import TownConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.toml import load

ROOT = Path(__file__).parents[2]


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(root)): (p.lstat().st_mode, p.read_bytes() if p.is_file() else b"") for p in root.rglob("*")
    }


def test_a_home_is_made_for_its_owner_only(home: Home) -> None:
    steps = install(home)
    assert {s.state for s in steps} == {"made"}
    assert all(Path(s.path).exists() for s in steps)
    for path in (home.root, *home.root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert re.fullmatch("[0-9a-f]{64}\n", home.key.read_text())
    assert home.tmux_conf.read_text() == DEFAULT_CONF
    assert read_town(home) == TownConfig()


def test_a_second_install_changes_nothing(home: Home) -> None:
    install(home)
    home.town_toml.write_text("name = 'mine'\n")
    home.tmux_conf.unlink()
    home.tmux_conf.symlink_to("nowhere")
    before = everything(home.config)
    assert {s.state for s in install(home)} == {"kept"}
    assert everything(home.config) == before


def test_what_is_missing_comes_back(home: Home) -> None:
    install(home)
    home.key.unlink()
    home.logs.rmdir()
    assert {s.path for s in install(home) if s.state == "made"} == {str(home.key), str(home.logs)}


def test_every_commented_default_is_valid_when_uncommented() -> None:
    text = default_town_toml()
    assert load(TownConfig, text, "town.toml") == TownConfig()
    lines = [line.removeprefix("# ") if re.match(r"# \w+ = [^ #]", line) else line for line in text.splitlines()]
    assert load(TownConfig, "\n".join(lines), "town.toml").model_dump() == TownConfig().model_dump()


@pytest.mark.parametrize("below", ["file/home", "file"])
def test_a_home_that_cannot_be_made_is_one_line(tmp: Path, below: str) -> None:
    """B84: a file is in the way."""
    (tmp / "file").write_text("")
    with pytest.raises(RgtError) as caught:
        install(Home(tmp / below))
    assert "cannot be used: Not a directory" in caught.value.line()
    assert (tmp / "file").read_text() == ""


def test_a_read_only_home_is_one_line() -> None:
    """B84: /proc takes no files, not even from root."""
    with pytest.raises(RgtError, match=r"/proc/\d+/rgt cannot be "):
        install(Home(Path(f"/proc/{os.getpid()}/rgt")))


def test_a_file_in_place_of_an_inner_directory_leaves_nothing_half_made(home: Home) -> None:
    """B84"""
    home.root.mkdir()
    home.runtime.write_text("mine")
    with pytest.raises(RgtError, match="Not a directory"):
        install(home)
    assert everything(home.root).keys() == {"runtime"}


def test_a_full_disk_leaves_nothing_half_made(home: Home) -> None:
    """B84"""
    program = (
        "import sys, pathlib; from rgt.host.install import install; from rgt.model.errors import RgtError\n"
        "from rgt.model.home import Home\n"
        "try: install(Home(pathlib.Path(sys.argv[1]) / 'a' / 'b'))\n"
        "except RgtError as e: sys.exit(e.line())"
    )
    home.root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.root)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
        cwd=ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"no space left to write \S+ — free disk space, then run it again\n", done.stderr)
    assert list(home.root.iterdir()) == []


def test_this_machine_has_what_the_suite_needs() -> None:
    found = {c.name: c for c in check()}
    assert found.keys() == {"python", "git", "tmux", "temporal", "agents"}
    for name in ("python", "git", "tmux", "temporal"):
        assert found[name].ok, found[name]
    assert found["agents"].ok is not False


def test_what_is_missing_is_said_with_how_to_get_it(tmp: Path) -> None:
    """B84: an empty PATH."""
    os.environ["PATH"] = str(tmp)
    found = {c.name: c for c in check()}
    for name in ("git", "tmux"):
        assert (found[name].ok, found[name].cause) == (False, "not installed")
        assert f"install {name}" in found[name].remedy
    assert found["agents"].ok is None
    assert "--runtime scripted" in found["agents"].remedy


@pytest.mark.parametrize(
    ("said", "ok", "cause"),
    [
        ("echo git version 2.37.9", False, "2.37.9 is too old"),
        ("echo 'git version 2.38.0 (Apple Git-1)'", True, "2.38.0"),
        ("echo hello", False, "does not tell its version"),
        ("exit 3", False, "does not tell its version"),
    ],
)
def test_versions_are_compared_as_numbers(tmp: Path, said: str, ok: bool, cause: str) -> None:
    (tmp / "git").write_text(f"#!/bin/sh\n{said}\n")
    (tmp / "git").chmod(0o755)
    os.environ["PATH"] = str(tmp)
    (found,) = (c for c in check() if c.name == "git")
    assert (found.ok, found.cause) == (ok, cause)
    assert bool(found.remedy) is not ok
