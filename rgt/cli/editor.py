"""`rgt editor install`: puts the extension that came with this rgt where an editor finds it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

import rgt
from rgt.cli.session import session
from rgt.host.run import run
from rgt.model.errors import RgtError

editor = typer.Typer(help="The town in your editor.", no_args_is_help=True)
CHECKOUT = Path(rgt.__file__).parents[1]
SHARE = ("share", "rgt")
"""Where an installation keeps what is no Python."""
CODES = ("code", "codium", "code-server")
"""Programs that install extensions of VS Code, the first that is there is taken."""
TIMEOUT = 120.0


class Editor(StrEnum):
    """Editors that have an extension."""

    neovim = "neovim"
    vscode = "vscode"


def add_to(app: typer.Typer) -> None:
    """Add `editor`."""
    app.add_typer(editor, name="editor")


@editor.callback()
def group() -> None:
    """The town in your editor."""


@editor.command("install")
async def install(
    ctx: typer.Context,
    name: Annotated[Editor, typer.Argument(help="neovim or vscode.", show_default=False)],
    program: Annotated[
        str, typer.Option(help="The VS Code to install into; default: code, codium or code-server on PATH.")
    ] = "",
) -> None:
    """Put rgt's extension where the editor finds it. It is the one that came with this rgt."""
    s = session(ctx)
    s.must_be_local("rgt editor install")
    if name is Editor.neovim and program:
        raise RgtError("usage", "--program is for vscode", "Neovim finds its plugins by itself")
    made = install_neovim(os.environ) if name is Editor.neovim else await install_vscode(program)
    s.give({"editor": name.value, **made}, "\n".join(filter(None, (f"{made['state']}  {made['path']}", made["next"]))))


def install_neovim(env: Mapping[str, str]) -> dict[str, Any]:
    """Link the plugin into Neovim's packages: it is always the one that fits this rgt."""
    source = shipped("neovim", CHECKOUT / "editors" / "neovim")
    if source is None:
        raise RgtError(
            "missing", "this rgt came without its Neovim plugin", "install rgt again, from a wheel or a clone"
        )
    data = Path(env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    place = data / env.get("NVIM_APPNAME", "nvim") / "site" / "pack" / "rgt" / "start" / "rgt"
    state = "made"
    if place.is_symlink():
        if place.resolve() == source.resolve():
            state = "is there"
        elif not _ours(place):
            raise RgtError("exists", f"{place} leads to {place.readlink()}, which is not ours", "remove it first")
        else:
            place.unlink()
            state = "replaced"
    elif place.exists():
        raise RgtError("exists", f"{place} is there, and was not made by rgt", "remove it first")
    if state != "is there":
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source)
    more = "in init.lua, for lenses and diagnostics in files: vim.lsp.enable('rgt')"
    return {"path": str(place), "source": str(source), "state": state, "next": more if state != "is there" else ""}


def _ours(link: Path) -> bool:
    """Whether a link was made here, by this rgt or one before: it leads to a plugin of rgt, be it there or not."""
    target = link.readlink()
    return target.parts[-3:] == (*SHARE, "neovim") or target.parts[-2:] == ("editors", "neovim")


async def install_vscode(program: str) -> dict[str, Any]:
    """Give the extension to VS Code, or to what is built on it."""
    source = shipped("rgt.vsix", CHECKOUT / "editors" / "vscode" / "rgt.vsix")
    if source is None:
        raise RgtError("missing", "this rgt came without its VS Code extension", "in a clone of rgt: `make vsix`")
    names = (program,) if program else CODES
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        hint = "`rgt editor install vscode --program /path/to/code`"
        raise RgtError("missing", f"there is no {' or '.join(names)} on PATH" if not program else f"no {program}", hint)
    about = _package(source)
    wanted = f"{about['publisher']}.{about['name']}@{about['version']}".lower()
    listed = await run([found, "--list-extensions", "--show-versions"], timeout=TIMEOUT)
    is_there = wanted in listed.out.lower().split()
    if not is_there:
        done = await run([found, "--install-extension", str(source)], timeout=TIMEOUT)
        if done.code:
            said = (done.err or done.out).strip().splitlines() or [f"exit code {done.code}"]
            raise RgtError("failed", f"{Path(found).name} did not take it: {said[-1]}", f"give it {source} by hand")
    state = "is there" if is_there else "made"
    return {"path": wanted, "source": str(source), "state": state, "next": "" if is_there else "reload the window"}


def _package(vsix: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(vsix) as archive:
            about: dict[str, Any] = json.loads(archive.read("extension/package.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise RgtError("invalid", f"{vsix} is no extension of VS Code: {e}", "in a clone of rgt: `make vsix`") from e
    return about


def shipped(name: str, checkout: Path) -> Path | None:
    """What came with this rgt: from the clone that it runs from, or from its installation."""
    if checkout.exists():
        return checkout
    for file in metadata.files("rgt") or ():
        parts = file.parts
        at = next((i for i in range(len(parts)) if parts[i : i + 3] == (*SHARE, name)), None)
        if at is not None:
            return Path(str(metadata.distribution("rgt").locate_file(Path(*parts[: at + 3])))).resolve()
    return None
