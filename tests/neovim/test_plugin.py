"""The plugin itself: its Lua is right, it loads nothing before it is used, and its help says all of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.neovim.conftest import Editors
from tests.neovim.neovim import NVIM, PLUGIN, Neovim, patiently
from tests.scratch import scratch_env
from tests.town import RGT

HELP = (PLUGIN / "doc/rgt.txt").read_text()
BUSTED = Path("/usr/share/lua/5.1/busted/runner.lua")
LACKING = "`make lua` installs it, and says why not"


def verbs(nvim: Neovim) -> list[str]:
    """Every verb of `:Rgt`."""
    return list(nvim.vim.funcs.getcompletion("Rgt ", "cmdline"))


@pytest.fixture
def bare(editors: Editors, tmp: Path) -> Neovim:
    """An editor without a town, whose server is not enabled."""
    return editors({**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}, init="")


@pytest.mark.skipif(not BUSTED.exists() and "CI" not in os.environ, reason=LACKING)
def test_what_is_pure_does_what_it_says(tmp: Path) -> None:
    argv = [str(NVIM), "--clean", "--cmd", "set rtp^=.", "-l", "spec/run.lua", "spec"]
    ran = subprocess.run(argv, cwd=PLUGIN, env=scratch_env(tmp), capture_output=True, text=True, timeout=60)
    assert re.search(r"[1-9]\d* successes / 0 failures / 0 errors", ran.stdout), ran.stdout + ran.stderr
    assert ran.returncode == 0


@pytest.mark.skipif(shutil.which("luacheck") is None and "CI" not in os.environ, reason=LACKING)
def test_no_variable_is_unused_or_unknown(tmp: Path) -> None:
    argv = ["luacheck", "--no-color", "--no-cache", "."]
    ran = subprocess.run(argv, cwd=PLUGIN, env=scratch_env(tmp), capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_is_loaded_before_it_is_used(bare: Neovim) -> None:
    loaded = "vim.tbl_filter(function(name) return name:find('^rgt') end, vim.tbl_keys(package.loaded))"
    assert bare.lua(loaded) == []
    assert bare.vim.funcs.exists(":Rgt") == 2
    assert bare.lua("#vim.lsp.get_clients()") == 0
    assert bare.lua("require('rgt.statusline').get()") == ""


def test_there_are_no_keys_of_its_own_but_plugs(bare: Neovim) -> None:
    for mode in "nxit":
        maps = [m["lhs"] for m in bare.vim.api.get_keymap(mode) if "rgt" in str(m.get("desc", "")).lower()]
        assert all(lhs.startswith("<Plug>(Rgt") for lhs in maps)
        assert (mode in "nx") == bool(maps)


def test_the_help_is_found_and_names_every_verb_map_and_setting(bare: Neovim, tmp: Path) -> None:
    copy = tmp / "doc"
    shutil.copytree(PLUGIN / "doc", copy, ignore=shutil.ignore_patterns("tags"))
    bare.vim.command(f"helptags {copy}")
    tags = {line.split("\t")[0] for line in (copy / "tags").read_text().splitlines()}
    fresh = (copy / "tags").read_text() == (PLUGIN / "doc/tags").read_text()
    assert fresh, "run `nvim --clean --headless +'helptags editors/neovim/doc' +q`"
    assert {f":Rgt-{verb}" for verb in verbs(bare)} == {t for t in tags if t.startswith(":Rgt-")}
    plugs = {m["lhs"] for m in bare.vim.api.get_keymap("n") if m["lhs"].startswith("<Plug>(Rgt")}
    assert plugs == {t for t in tags if t.startswith("<Plug>")}
    settings = bare.lua("vim.tbl_keys(require('rgt.config').check(nil))")
    assert [s for s in settings if not re.search(rf"^      {s} = ", HELP, re.MULTILINE)] == []
    assert [line for line in HELP.splitlines() if len(line) > 78] == []
    for name in re.findall(r"\|([\w:.()<>-]+)\|", HELP):
        bare.vim.command(f"help {name}")


def test_a_plugin_manager_needs_the_folder_alone(editors: Editors, tmp: Path) -> None:
    """As `:packadd` finds it, and not on the runtime path before."""
    gone = "vim.opt.runtimepath:remove(os.getenv('RGT_PLUGIN'))"
    pack = tmp / "data/nvim/site/pack/any/opt"
    pack.mkdir(parents=True)
    (pack / "rgt").symlink_to(PLUGIN)
    env = {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}
    nvim = editors(env, init=f"{gone}\nvim.opt.packpath:prepend('{pack.parents[2]}')")
    assert nvim.vim.funcs.exists(":Rgt") == 0
    nvim.vim.command("packadd rgt")
    assert nvim.vim.funcs.exists(":Rgt") == 2
    nvim.rgt("attach nobody")
    patiently(lambda: nvim.notes)


def test_what_rgt_installs_is_there_at_the_next_start(editors: Editors, tmp: Path) -> None:
    env = {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr"), "XDG_DATA_HOME": str(tmp / "data")}
    subprocess.run([RGT, "editor", "install", "neovim"], env=env, check=True, capture_output=True, timeout=60)
    nvim = editors(env, init="vim.opt.runtimepath:remove(os.getenv('RGT_PLUGIN'))", data=str(tmp / "data"))
    assert nvim.vim.funcs.exists(":Rgt") == 2
    nvim.vim.command("help :Rgt-attach")
    assert nvim.name.endswith("doc/rgt.txt")
