"""What the doctor says of runtimes, with programs that only tell a version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rgt.host.doctor_runtimes import runtimes
from rgt.host.install import Check
from rgt.model.home import Home


@pytest.fixture
def bin(tmp: Path) -> Path:
    """A directory of programs, first on the PATH."""
    path = tmp / "bin"
    path.mkdir()
    os.environ["PATH"] = f"{path}:/usr/bin:/bin"
    return path


def program(bin: Path, name: str, says: str, code: int = 0) -> None:
    file = bin / name
    file.write_text(f"#!/bin/sh\n[ \"$1\" = login ] && exit 1\necho '{says}'\nexit {code}\n")
    file.chmod(0o755)


async def said(home: Home, text: str, rig: str = "") -> list[tuple[bool | None, str]]:
    """The checks of a town with this town.toml, and with a rig of this rig.toml."""
    home.config.mkdir(parents=True, exist_ok=True)
    home.town_toml.write_text(text)
    if rig:
        home.rig("api").root.mkdir(parents=True, exist_ok=True)
        home.rig("api").rig_toml.write_text(rig)
    found: list[Check] = [check async for check in runtimes(home, ["api"] if rig else [])]
    assert all(check.remedy for check in found if check.ok is not True)
    return [(check.ok, check.cause) for check in found]


async def test_nothing_is_configured(home: Home, bin: Path) -> None:
    assert await said(home, "") == []


CASES = [
    ("codex-cli 0.171.0", 0, True, "codex 0.171.0"),
    ("codex-cli 0.172.1", 0, None, "codex 0.172.1 was not tested, 0.171.0 was"),
    ("codex-cli 0.99.0", 0, False, "codex 0.99.0 is too old"),
    ("no idea", 0, False, "codex does not tell its version: no idea"),
    ("boom", 1, False, "codex does not tell its version: boom"),
]


@pytest.mark.parametrize(("says", "code", "ok", "cause"), CASES)
async def test_the_version_of_what_is_configured(
    home: Home, bin: Path, says: str, code: int, ok: bool | None, cause: str
) -> None:
    program(bin, "codex", says, code)
    assert await said(home, '[runtime]\ndefault = "codex"\n') == [(ok, cause)]


async def test_what_is_not_installed_or_not_known(home: Home, bin: Path) -> None:
    assert await said(home, '[roles.crew]\nruntime = "gemini"\n[roles.dog]\nruntime = "codx"\n') == [
        (False, "gemini: gemini is not installed"),
        (False, "there is no runtime 'codx'"),
    ]


async def test_tables_are_checked_of_the_town_and_of_rigs(home: Home, bin: Path) -> None:
    program(bin, "codex", "codex-cli 0.171.0")
    assert await said(home, "[runtime.codex]\nmodel = 1\n", "[runtime.codex]\nmodle = 'x'\n") == [
        (False, "town.toml: [runtime.codex]: `model` must be text, not a whole number"),
    ]
    assert await said(home, "[runtime.codex]\nmodel = 'x'\n", "[runtime.codex]\nmodle = 'x'\n") == [
        (True, "codex 0.171.0"),
        (False, "rigs/api/rig.toml: [runtime.codex] has no key `modle`"),
    ]


async def test_a_wrapper_is_what_must_be_there(home: Home, bin: Path) -> None:
    assert await said(home, "[runtime.scripted]\nwrapper = ['docker', 'exec']\n") == [
        (False, "scripted: docker is not installed")
    ]


async def test_the_login_of_the_default_alone(home: Home, bin: Path) -> None:
    home.runtimes.mkdir(parents=True)
    (home.runtimes / "claude.toml").write_text(
        'name = "claude"\ncommand = ["claude"]\nversion = ["claude", "--version"]\nlogin = ["claude", "login"]\n'
    )
    program(bin, "claude", "2.1.330 (Claude Code)")
    assert await said(home, "") == [(None, "claude 2.1.330: nobody is logged in")], "it is what runs by default"
    assert await said(home, '[runtime]\ndefault = "scripted"\n[roles.crew]\nruntime = "claude"\n') == [
        (True, "scripted"),
        (True, "claude 2.1.330"),
    ]


async def test_a_sandbox_that_cannot_be_made(home: Home, bin: Path) -> None:
    from rgt.host import sandbox

    os.environ["PATH"] = str(bin)
    sandbox.unusable.cache_clear()
    try:
        found = await said(home, "[runtime.scripted]\nsandbox = true\n")
    finally:
        sandbox.unusable.cache_clear()
    assert found == [
        (True, "scripted"),
        (False, "scripted is to run in a sandbox: bubblewrap is not installed"),
    ]
