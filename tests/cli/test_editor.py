"""`rgt editor install` puts what came with this rgt where the editor finds it, and overwrites nothing of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scratch import scratch_env
from tests.town import RGT

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "neovim"


def install(tmp: Path, *argv: str, rgt: list[str] | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `rgt editor install argv…` as a person whose home is `tmp`."""
    return subprocess.run(
        [*(rgt or [str(RGT)]), "editor", "install", *argv],
        env={**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr"), **env},
        cwd=tmp,
        capture_output=True,
        text=True,
        timeout=60,
    )


def wheel(where: Path, vsix: bool) -> Path:
    """The prefix of an rgt that was installed from its wheel, built with or without the extension for VS Code."""
    source = where / "source"
    shutil.copytree(ROOT / "rgt", source / "rgt", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bin", "scripts", "editors/neovim"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    if vsix:
        (source / "editors/vscode").mkdir()
        with zipfile.ZipFile(source / "editors/vscode/rgt.vsix", "w") as archive:
            archive.writestr("extension/package.json", '{"publisher": "Rgt", "name": "rgt", "version": "0.1.0"}')
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for argv in (
        ["-m", "hatchling", "build", "-t", "wheel", "-d", str(where)],
        ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--ignore-installed"],
    ):
        more = ["--prefix", str(where / "prefix"), str(next(where.glob("*.whl")))] if "pip" in argv else []
        done = subprocess.run([sys.executable, *argv, *more], cwd=source, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return where / "prefix"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix of an rgt that was installed from a wheel without the extension for VS Code."""
    return wheel(tmp_path_factory.mktemp("wheel"), vsix=False)


def of(prefix: Path) -> tuple[list[str], str]:
    """The command line of an installed rgt, and the PYTHONPATH it needs."""
    return [sys.executable, "-m", "rgt.cli"], str(next(prefix.glob("lib/python*/site-packages")))


def test_neovim_gets_a_link_once(tmp: Path) -> None:
    place = tmp / ".local/share/nvim/site/pack/rgt/start/rgt"
    first = install(tmp, "neovim")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == f"made  {place}" and "vim.lsp.enable('rgt')" in first.stdout
    assert place.readlink() == PLUGIN
    again = install(tmp, "neovim")
    assert (again.returncode, again.stdout) == (0, f"is there  {place}\n")


def test_neovim_under_another_name_or_in_another_place(tmp: Path) -> None:
    assert install(tmp, "neovim", XDG_DATA_HOME=str(tmp / "data"), NVIM_APPNAME="other").returncode == 0
    assert (tmp / "data/other/site/pack/rgt/start/rgt/plugin/rgt.lua").exists()


def test_what_somebody_else_has_put_there_stays(tmp: Path) -> None:
    place = tmp / ".local/share/nvim/site/pack/rgt/start/rgt"
    place.mkdir(parents=True)
    (place / "mine.lua").write_text("-- mine\n")
    ran = install(tmp, "neovim")
    assert (ran.returncode, ran.stdout) == (4, "")
    assert ran.stderr == f"rgt: {place} is there, and was not made by rgt — remove it first\n"
    assert (place / "mine.lua").read_text() == "-- mine\n"
    (place / "mine.lua").unlink()
    place.rmdir()
    place.symlink_to(tmp)
    assert install(tmp, "neovim").returncode == 4 and place.readlink() == tmp


@pytest.mark.slow
def test_an_installation_has_the_plugin_and_takes_over_an_older_link(tmp: Path, installed: Path) -> None:
    place = tmp / ".local/share/nvim/site/pack/rgt/start/rgt"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp / "gone/share/rgt/neovim")
    rgt, path = of(installed)
    ran = install(tmp, "neovim", rgt=rgt, PYTHONPATH=path)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, f"replaced  {place}"), ran.stderr
    assert place.resolve() == installed / "share/rgt/neovim"
    shipped = {p.relative_to(PLUGIN) for p in PLUGIN.rglob("*") if p.is_file()}
    there = place.resolve()
    assert {p.relative_to(there) for p in there.rglob("*") if p.is_file()} == shipped


@pytest.mark.slow
def test_an_installation_without_the_extension_says_where_it_is_made(tmp: Path, installed: Path) -> None:
    rgt, path = of(installed)
    ran = install(tmp, "vscode", rgt=rgt, PYTHONPATH=path)
    assert (ran.returncode, ran.stderr) == (
        4, "rgt: this rgt came without its VS Code extension — in a clone of rgt: `make vsix`\n"
    )  # fmt: skip


@pytest.mark.slow
def test_vscode_is_given_the_extension_by_its_own_program(tmp: Path, tmp_path: Path) -> None:
    """The program is a script that notes what it is told, as `code` does."""
    rgt, path = of(wheel(tmp_path, vsix=True))
    nothing = install(tmp, "vscode", rgt=rgt, PYTHONPATH=path, PATH="/nowhere")
    assert nothing.returncode == 4
    assert nothing.stderr.startswith(
        "rgt: there is no code or codium or code-server on PATH — `rgt editor install vscode"
    )

    code = tmp / "codium"
    code.write_text(f'#!/bin/sh\n[ "$1" = --list-extensions ] && cat {tmp}/has || echo rgt.rgt@0.1.0 > {tmp}/has\n')
    code.chmod(0o755)
    (tmp / "has").write_text("")
    path_env = {"PYTHONPATH": path, "PATH": f"{tmp}:/usr/bin:/bin"}
    first = install(tmp, "vscode", rgt=rgt, **path_env)
    assert (first.returncode, first.stdout) == (0, "made  rgt.rgt@0.1.0\nreload the window\n"), first.stderr
    again = install(tmp, "vscode", "--program", str(code), rgt=rgt, **path_env)
    assert (again.returncode, again.stdout) == (0, "is there  rgt.rgt@0.1.0\n")
    code.write_text("#!/bin/sh\necho 'no room left' >&2\nexit 1\n")
    (tmp / "has").write_text("")
    failed = install(tmp, "vscode", "--program", str(code), rgt=rgt, **path_env)
    assert failed.returncode == 1 and "codium did not take it: no room left — give it" in failed.stderr


def test_wrong_words_are_usage(tmp: Path) -> None:
    assert install(tmp, "emacs").returncode == 2
    ran = install(tmp, "neovim", "--program", "code")
    assert (ran.returncode, ran.stderr) == (2, "rgt: --program is for vscode — Neovim finds its plugins by itself\n")
