"""The doctor on real homes: what it finds, that it repairs what is safe, and that it leaves the rest alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rgt.host import processes
from rgt.host.config import Env, read_env, write_env, write_rig
from rgt.host.doctor import PROBES, examine, fix
from rgt.host.doctor_rig import PROBES as RIG_PROBES
from rgt.host.hub import create_hub, landing_key
from rgt.host.install import Check, install
from rgt.host.tmux import Tmux
from rgt.model.config import Gate, RigConfig, Source
from rgt.model.home import Home

DEAD = 2**22 + 1
"""A pid beyond what Linux gives out."""


def git(at: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(at), *args], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
async def town(home: Home, tmp: Path) -> AsyncIterator[Home]:
    """A home with one rig, `api`, as install and `rig add` leave them."""
    install(home)
    source = tmp / "src"
    source.mkdir()
    git(source, "init")
    (source / "a").write_text("a\n")
    git(source, "add", "a")
    git(source, "commit", "-m", "a")
    await create_hub(home.rig("api"), str(source), "main", is_path=True)
    write_rig(home, "api", RigConfig(source=Source(path=str(source)), gate=[Gate(name="test", run="true")]))
    yield home
    for path in (home.agents_tmux, home.daemon_tmux):
        if path.is_socket():
            await Tmux(path, home.tmux_conf).kill_server()


async def unwell(home: Home) -> list[Check]:
    """What is not well about the town; the machine's own programs and disk are another matter."""
    ours = {"python", "git", "tmux", "temporal", "agents", "disk"}
    return [c for c in await examine(home) if not c.ok and c.name not in ours]


async def test_a_fresh_town_is_well(town: Home) -> None:
    checks = await examine(town)
    assert await unwell(town) == []
    assert {c.name for c in checks if not c.rig} == {"python", "git", "tmux", "temporal", "agents", *PROBES}
    assert {c.name for c in checks if c.rig == "api"} == set(RIG_PROBES)
    assert len(checks) >= 20


async def test_looking_changes_nothing(town: Home, tmp: Path) -> None:
    def everything() -> dict[Path, tuple[int, float, int]]:
        return {p: (p.lstat().st_mode, p.lstat().st_mtime, p.lstat().st_size) for p in tmp.rglob("*")}

    before = everything()
    await examine(town)
    assert everything() == before


async def test_no_home_is_one_finding_that_can_be_repaired(home: Home) -> None:
    (finding,) = [c for c in await unwell(home) if c.name == "home"]
    assert finding.cause == f"{home.root} is missing"
    await fix(home, await examine(home))
    assert await unwell(home) == []


def stale_socket(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))


def listed(path: Path) -> None:
    path.write_text(f"{DEAD} 1\n{DEAD} 2\n")


REPAIRED: list[tuple[str, Callable[[Home], object], str]] = [
    ("home", lambda h: h.root.chmod(0o755), "other users can look into"),
    ("home", lambda h: h.logs.rmdir(), "logs is missing"),
    ("key", lambda h: h.key.chmod(0o644), "other users can read"),
    ("key", lambda h: h.key.unlink(), "key is missing"),
    ("tmux.conf", lambda h: h.tmux_conf.unlink(), "tmux.conf is missing"),
    ("gateway socket", lambda h: stale_socket(h.socket), "nobody listens"),
    ("pid files", lambda h: listed(h.runtime / "worker.pid"), "names processes that are gone"),
    ("env.json", lambda h: h.env_json.write_text("{"), "cannot be read"),
    ("env.json", lambda h: write_env(h, Env(worker_pid=DEAD, worker_start=1)), "which is gone"),
    ("env.json", lambda h: write_env(h, Env(worker_pid=os.getpid(), worker_start=1)), "which is gone"),
    ("tmux servers", lambda h: stale_socket(h.agents_tmux), "no tmux server answers"),
    ("hub", lambda h: git(h.rig("api").hub, "config", "gc.auto", "1000"), "gc.auto is 1000"),
    ("hub", lambda h: git(h.rig("api").hub, "config", "core.bare", "true"), "core.bare breaks"),
    (
        "hooks",
        lambda h: (h.rig("api").hub / "hooks/reference-transaction").unlink(),
        "reference-transaction is missing",
    ),
    ("hooks", lambda h: (h.rig("api").hub / "hooks/reference-transaction").chmod(0o644), "is not executable"),
    ("hooks", lambda h: (h.rig("api").hub / "hooks/pre-push").write_text("#!/bin/sh\n"), "pre-push is changed"),
    ("hooks", lambda h: shutil.rmtree(h.rig("api").hub / "hooks"), "is missing"),
    ("hooks", lambda h: git(h.rig("api").hub, "config", "--worktree", "core.hooksPath", "/x"), "looks for hooks in /x"),
    ("landing key", lambda h: landing_key(h.rig("api")).chmod(0o644), "other users can read"),
]


@pytest.mark.parametrize(("name", "damage", "cause"), REPAIRED)
async def test_what_is_safe_is_repaired(town: Home, name: str, damage: Callable[[Home], object], cause: str) -> None:
    damage(town)
    found = [c for c in await unwell(town) if c.name == name]
    assert any(cause in c.cause for c in found), found
    assert all(c.fixable and c.remedy for c in found)
    assert await fix(town, await examine(town))
    assert await unwell(town) == []


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def old_lock(home: Home) -> None:
    lock = home.rig("api").hub / "config.lock"
    put(lock, "")
    os.utime(lock, (1, 1))


def key_is_a_directory(home: Home) -> None:
    home.key.unlink()
    home.key.mkdir()


def database_of_another_version(home: Home) -> None:
    put(home.town_db, "")
    put(home.temporal / "version", "0.1")


def gone_worktree(home: Home) -> None:
    at = home.rig("api")
    git(at.hub, "worktree", "add", "--detach", str(at.worktrees / "nux"), "refs/rgt/target/main")
    shutil.rmtree(at.worktrees / "nux")


REPORTED: list[tuple[str, Callable[[Home], object], bool | None, str]] = [
    ("key", lambda h: h.key.write_text("short\n"), False, "is damaged"),
    ("key", key_is_a_directory, False, "could not be checked: IsADirectoryError"),
    ("town.toml", lambda h: h.town_toml.write_text("\nx = 1\n"), False, "town.toml:2: unknown key `x`"),
    ("town.toml", lambda h: h.town_toml.write_text("temporal.api_key_env = 'RGT_X'"), False, "RGT_X is not set"),
    ("rig.toml", lambda h: h.rig("api").rig_toml.write_text("x = 1"), False, "rigs/api/rig.toml:1: unknown key `x`"),
    ("rig.toml", lambda h: h.rig("api").rig_toml.unlink(), False, "there is no rig 'api'"),
    ("rig.toml", lambda h: write_rig(h, "api", RigConfig(source=Source(path="/gone"))), False, "/gone is gone"),
    ("rig.toml", lambda h: write_rig(h, "api", RigConfig(source=Source(path="/"))), None, "no gate is listed"),
    ("hub", lambda h: h.rig("api").hub.rename(h.root / "x"), False, "hub.git is missing"),
    ("landing key", lambda h: landing_key(h.rig("api")).unlink(), False, "nothing can land"),
    ("worktrees", lambda h: put(h.rig("api").worktrees / "x/y", ""), None, "x is no worktree of the hub"),
    ("worktrees", gone_worktree, None, "worktrees/nux is gone"),
    ("locks", old_lock, False, "a git that died left"),
    ("database", database_of_another_version, False, "by temporal 0.1, this is"),
]


@pytest.mark.parametrize(("name", "damage", "ok", "cause"), REPORTED)
async def test_what_needs_a_person_is_said_with_a_remedy_and_left_alone(
    town: Home, name: str, damage: Callable[[Home], object], ok: bool | None, cause: str
) -> None:
    damage(town)
    found = [c for c in await unwell(town) if c.name == name]
    assert [(c.ok, bool(c.remedy), c.fixable) for c in found if cause in c.cause] == [(ok, True, False)], found
    await fix(town, found)
    assert [c for c in await unwell(town) if c.name == name] == found


async def test_a_target_that_somebody_moved_or_lost_is_said(town: Home) -> None:
    hub = town.rig("api").hub
    head = git(hub, "rev-parse", "refs/rgt/target/main")
    git(hub, "-c", "core.hooksPath=/dev/null", "update-ref", "refs/heads/main", head)
    git(hub, "-c", "core.hooksPath=/dev/null", "update-ref", "-d", "refs/rgt/target/main")
    found = [c.cause for c in await unwell(town) if c.name == "target"]
    assert found == ["refs/rgt/target/main is missing", "somebody made refs/heads/main in the hub"]


async def test_a_machine_without_tmux_or_git_is_a_finding_not_a_crash(town: Home, tmp: Path) -> None:
    """B84: PATH is empty."""
    stale_socket(town.agents_tmux)
    os.environ["PATH"] = str(tmp)
    found = {(c.rig, c.name): c for c in await examine(town)}
    assert "tmux is not installed" in found["", "tmux servers"].cause
    assert "git is not installed" in found["api", "hub"].cause
    assert found["api", "rig.toml"].ok
    assert all(c.ok or c.remedy for c in found.values())
    town.agents_tmux.unlink()


async def test_what_runs_is_never_touched(town: Home) -> None:
    me = processes.identify(os.getpid())
    assert me
    await Tmux(town.agents_tmux, town.tmux_conf).new_session("gtr-api/nux", ["sleep", "60"], town.root, {}, {})
    (town.runtime / "worker.pid").write_text(f"{me.pid} {me.started}\n")
    write_env(town, Env(worker_pid=me.pid, worker_start=me.started))
    with socket.socket(socket.AF_UNIX) as gateway:
        gateway.bind(str(town.socket))
        gateway.listen()
        checks = await examine(town)
        assert await unwell(town) == []
        forced = [c.model_copy(update={"ok": False, "fixable": True}) for c in checks if not c.rig]
        await fix(town, [c for c in forced if c.name in ("gateway socket", "pid files", "env.json", "tmux servers")])
    assert read_env(town).worker_pid == me.pid
    assert (town.runtime / "worker.pid").exists()
    assert town.socket.is_socket()
    assert [p.session for p in await Tmux(town.agents_tmux, town.tmux_conf).panes()] == ["gtr-api/nux"]


async def test_sessions_of_no_rig_are_said_and_left_alone(town: Home) -> None:
    tmux = Tmux(town.agents_tmux, town.tmux_conf)
    for name in ("gtr-mayor", "gtr-api/nux", "gtr-dog/rex", "gtr-gone/nux", "mine"):
        await tmux.new_session(name, ["sleep", "60"], town.root, {}, {})
    found = [c.cause for c in await unwell(town)]
    assert sorted(found) == ["session gtr-gone/nux belongs to no rig of this town", "session mine is none of ours"]
    await fix(town, await examine(town))
    assert len(await tmux.panes()) == 5


async def test_another_town_is_not_looked_at(town: Home, tmp: Path) -> None:
    other = Home(tmp / "other", tmux_tmpdir=tmp)
    install(other)
    stale_socket(other.socket)
    stale_socket(other.agents_tmux)
    assert await unwell(town) == []
    await fix(town, await examine(town))
    assert other.socket.is_socket()
    assert other.agents_tmux.is_socket()


async def test_a_home_with_a_long_path_is_still_examined(tmp: Path) -> None:
    home = Home(tmp / ("x" * 100), tmux_tmpdir=tmp)
    install(home)
    (finding,) = await unwell(home)
    assert finding.name == "gateway socket"
    assert finding.ok is None
