"""What is missing or has died is said in one line with the one command that mends it, and that command mends it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.neovim.conftest import Editors
from tests.neovim.neovim import Neovim, patiently
from tests.scratch import scratch_env
from tests.town import RGT, LiveTown, steps


def state(nvim: Neovim) -> dict[str, Any]:
    """What the plugin knows of the town."""
    found: dict[str, Any] = nvim.lua("require('rgt.server').state")
    return found


def becomes(nvim: Neovim, health: str, *parts: str) -> str:
    """Wait for this state; gives its line."""

    def probe() -> str | None:
        now = state(nvim)
        return now["message"] if now["health"] == health and all(p in now["message"] for p in parts) else None

    try:
        return str(patiently(probe, 30))
    except AssertionError as e:
        raise AssertionError(f"not {health} {parts}: {state(nvim)}, {nvim.notes}") from e


def drawn(nvim: Neovim, lens: str) -> None:
    """Wait for a lens in the current buffer."""
    patiently(lambda: lens in " | ".join(nvim.lenses()), 30)


@pytest.fixture
def programs(tmp: Path) -> Path:
    """A directory that is all of PATH: git and tmux, no rgt."""
    place = tmp / "bin"
    place.mkdir()
    for name in ("git", "tmux", "readlink"):
        (place / name).symlink_to(str(shutil.which(name)))
    return place


@pytest.fixture
def alone(tmp: Path, programs: Path) -> dict[str, str]:
    """An environment in which there is neither rgt nor a town."""
    return {**scratch_env(tmp), "PATH": str(programs), "GTR_ROOT": str(tmp / "gtr")}


def server_of(nvim: Neovim) -> psutil.Process:
    """The process of the language server."""
    children = psutil.Process(nvim.process.pid).children(recursive=True)
    return next(c for c in children if "rgt.lsp" in c.cmdline())


def test_without_rgt_it_is_said_once(editors: Editors, alone: dict[str, str], programs: Path, tmp: Path) -> None:
    nvim = editors(alone)
    nvim.vim.command(f"edit {tmp / 'notes.txt'}")
    assert nvim.notes == []
    line = "rgt is not installed, or not on PATH — see :checkhealth rgt"
    for _ in range(2):
        nvim.rgt("status")
        assert nvim.notes == [f"rgt: {line}"]
        assert nvim.text() == f"rgt: {line}"
    assert becomes(nvim, "error") == line
    assert nvim.lua("require('rgt.statusline').get()") == "rgt ✗"
    nvim.vim.command("checkhealth rgt")
    assert "rgt is not to be found" in nvim.text() and "install rgt, or put it on PATH" in nvim.text()
    (programs / "rgt").symlink_to(RGT)
    nvim.rgt("status")
    patiently(lambda: "# No town" in nvim.text())


def test_an_rgt_that_is_too_old_is_refused_until_it_is_upgraded(
    editors: Editors, alone: dict[str, str], programs: Path
) -> None:
    """The real server, which says that it is older."""
    old = f"#!{sys.executable} -P\nimport rgt\nrgt.__version__ = '0.0.9'\nimport runpy\n"
    (programs / "rgt").write_text(old + "runpy.run_module('rgt.lsp', run_name='__main__')\n")
    (programs / "rgt").chmod(0o755)
    nvim = editors(alone)
    nvim.rgt("status")
    line = becomes(nvim, "error", "0.0.9 is too old", ":Rgt restart")
    assert f"rgt: {line}" in nvim.notes
    (programs / "rgt").unlink()
    (programs / "rgt").symlink_to(RGT)
    nvim.rgt("restart")
    becomes(nvim, "error", "there is no town")


def test_nothing_of_a_folder_runs_before_it_is_trusted(editors: Editors, alone: dict[str, str], tmp: Path) -> None:
    """A project may say which rgt serves it, in its `.nvim.lua`; Neovim reads that only when the person trusts it."""
    project, ran = tmp / "project", tmp / "ran"
    (project / ".venv/bin").mkdir(parents=True)
    for place in (project / "rgt", project / ".venv/bin/rgt"):
        place.write_text(f'#!/bin/sh\necho ran >> {ran}\nexec {RGT} "$@"\n')
        place.chmod(0o755)
    own = project / ".nvim.lua"
    own.write_text(f"vim.lsp.config('rgt', {{ cmd = {{ '{project}/.venv/bin/rgt', 'lsp' }} }})\n")
    init = "vim.opt.exrc = true\nvim.lsp.enable('rgt')"
    (tmp / "state").mkdir()

    nvim = editors(alone, init=init, cwd=str(project), state=str(tmp / "state"))
    nvim.rgt("status")
    patiently(lambda: nvim.notes)
    assert "rgt is not installed" in nvim.notes[-1] and not ran.exists()
    nvim.vim.command(f"edit {own}")
    assert nvim.lua("vim.secure.trust({ action = 'allow', bufnr = 0 })")
    nvim.quit()

    nvim = editors(alone, init=init, cwd=str(project), state=str(tmp / "state"))
    nvim.rgt("status")
    patiently(lambda: "# No town" in nvim.text())
    assert ran.read_text() == "ran\n"


def test_settings_that_are_wrong_are_named_and_left_out(editors: Editors, alone: dict[str, str]) -> None:
    nvim = editors(alone, init="vim.g.rgt = { window = 'float', code_lense = true }")
    nvim.vim.command("checkhealth rgt")
    assert "vim.g.rgt.code_lense: there is no such setting" in nvim.text()
    assert "vim.g.rgt.window must be one of split, vsplit, tab, current" in nvim.text()
    assert nvim.lua("require('rgt.config').get().window") == "split"


@pytest.mark.slow
def test_a_town_is_started_dies_comes_back_and_is_stopped(
    own_town: LiveTown, editors: Editors, repo: Path, tmp: Path
) -> None:
    """All of it from the editor, or seen by it."""
    nvim = editors(own_town.env)
    nvim.vim.exec_lua(
        "_G.felt = {}; vim.api.nvim_create_autocmd('User', { pattern = 'RgtTownChanged',"
        " callback = function(e) table.insert(_G.felt, e.data.health) end })"
    )
    nvim.rgt("status")
    becomes(nvim, "error", "`rgt start`")
    nvim.rgt("start")
    becomes(nvim, "ok")
    patiently(lambda: "0 agents, 0 open items" in nvim.text())

    own_town.add_rig("api", repo)
    item = own_town.create("outlives", "", "--rig", "api")
    (tmp / "notes.txt").write_text(f"{item}\n")
    nvim.vim.command(f"edit {tmp / 'notes.txt'}")
    patiently(lambda: "open" in nvim.lenses())

    # The worker dies, and is back by itself.
    nvim.vim.exec_lua("_G.felt = {}")
    own_town.kill("worker")
    patiently(lambda: {"error", "warning"} & set(nvim.lua("_G.felt")), 20)
    becomes(nvim, "ok")
    own_town.rgt("work", "close", item)
    patiently(lambda: "closed" in nvim.lenses())

    # The server dies: the next one serves the same buffers.
    server_of(nvim).kill()
    becomes(nvim, "error", "the language server has ended", ":Rgt restart")
    assert nvim.lua("require('rgt.statusline').get()") == "rgt ✗"
    nvim.rgt("restart")
    becomes(nvim, "ok")
    patiently(lambda: "closed" in nvim.lenses(), what=str(nvim.notes))

    # Without a town, a verb says what to do; nothing is lost.
    nvim.rgt("stop")
    becomes(nvim, "error", "`rgt start`")
    nvim.rgt("chat api/nux hello")
    patiently(lambda: nvim.notes and "`rgt start`" in nvim.notes[-1])
    nvim.rgt("start")
    becomes(nvim, "ok")


@pytest.mark.slow
def test_two_editors_on_one_town_see_the_same(editors: Editors, shared: LiveTown, tmp: Path) -> None:
    """What one does the other shows; both may be attached to one agent; what one answers is asked no more."""
    one, other = editors(shared.env), editors(shared.env)
    item = shared.create(
        "for two", steps('do = "escalate"\nmessage = "shall I?"', 'do = "ask"\ntext = "?"'), "--rig", "api"
    )
    (tmp / "notes.txt").write_text(f"{item}\n")
    for nvim in (one, other):
        nvim.vim.command(f"edit {tmp / 'notes.txt'}")
        drawn(nvim, "open")
    one.rgt(f"sling {item} api")
    for nvim in (one, other):
        drawn(nvim, "asks you")
        assert [n for n in nvim.notes if "asks: shall I?" in n]
    agent = str(shared.item(item)["address"])
    for nvim in (one, other):
        nvim.rgt(f"attach {agent}")
        nvim.terminal(agent)
    patiently(lambda: len(shared.tmux("list-clients").splitlines()) == 2)
    other.answers(item, "Approve")
    other.rgt("needs")
    patiently(lambda: shared.item(item)["escalation"] is None)
    one.answers(item)
    one.rgt("needs")
    patiently(lambda: "nothing needs you" in one.vim.command_output("messages"))
    shared.rgt("unsling", item)
