"""`python -m tests.neovim.pictures DIRECTORY`: a real Neovim in a real terminal, on a town at work, as pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pynvim  # type: ignore[import-untyped]
from rich.text import Text

from rgt.cli.demo_picture import WIDTH, lines, picture
from tests.eventually import eventually
from tests.neovim.neovim import LENSES, NVIM, PLUGIN
from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import LiveTown, change, steps

LINES = 32
TILL = '''\
"""What customers pay."""


def total(basket):
    # TODO: count what is free
    return sum(price for price in basket if price)
'''
TEST = """\
from till import total


def test_total():
    assert total([1, 2]) == 3


def test_of_nothing():
    assert total([]) == 0
"""
WORSE = TILL.replace("if price)", "if price) + bool(basket)")
GATE = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
INIT = """
vim.opt.runtimepath:prepend(os.getenv('RGT_PLUGIN'))
vim.opt.termguicolors, vim.opt.swapfile, vim.opt.laststatus, vim.opt.showmode = true, false, 3, false
vim.opt.number, vim.opt.ruler, vim.opt.wrap, vim.opt.fillchars = true, false, false, 'eob: '
vim.opt.statusline = " %t%=%{v:lua.require'rgt.statusline'.get()} "
vim.diagnostic.config({ virtual_text = true })
-- Pictures have no backgrounds.
vim.cmd('hi StatusLine guifg=#8a919c guibg=NONE gui=bold | hi LspCodeLens guifg=#8a919c | hi Comment guifg=#8a919c')
vim.lsp.enable('rgt')
"""


def main(into: Path) -> None:
    """Make a town, show it, draw what is on the screen."""
    with scratch_dir() as root:
        os.environ["GIT_CONFIG_GLOBAL"] = str(root / "gitconfig")
        town = LiveTown(root)
        tmux = ["tmux", "-S", str(root / "screen"), "-f", os.devnull]
        try:
            files = at_work(town)
            (root / "config/nvim").mkdir(parents=True)
            (root / "config/nvim/init.lua").write_text(INIT)
            dirs = {f"XDG_{n}_HOME": str(root / n.lower()) for n in ("CONFIG", "DATA", "STATE", "CACHE")}
            env = {**town.env, **dirs, "RGT_PLUGIN": str(PLUGIN), "COLORTERM": "truecolor"}
            size = ["-x", str(WIDTH), "-y", str(LINES)]
            start = ["new-session", "-d", *size, f"cd {root}/till && exec {NVIM} --listen {root}/vim till.py"]
            subprocess.run([*tmux, *start], env=env, check=True, timeout=20)
            vim = eventually(lambda: connected(root / "vim"))
            eventually(lambda: "asks you" in vim.exec_lua(LENSES, 0), 30)
            screens = {"failure": failure(vim, files), "town": page(vim)}
            into.mkdir(parents=True, exist_ok=True)
            for name, (title, show) in screens.items():
                show()
                vim.command("redraw!")
                text = eventually(lambda: shown(tmux, env))
                (into / f"{name}.svg").write_text(
                    picture([(0.0, lines(Text.from_ansi(text)))], title), encoding="utf-8"
                )
        finally:
            subprocess.run([*tmux, "kill-server"], capture_output=True, timeout=20)
            town.stop()


def at_work(town: LiveTown) -> dict[str, str]:
    """A town in which one item has failed its tests, another is worked on, and a third has landed."""
    repo = town.root / "till"
    make_repo(repo, {"till.py": TILL, "test_till.py": TEST})
    town.home.config.mkdir(parents=True)
    town.home.town_toml.write_text('[runtime]\ndefault = "scripted"\n')
    town.rgt("start")
    town.found_rig("till", source={"path": str(repo)}, gate=[GATE], max_attempts=1)
    landed = town.create("say what the till is for", change("README.md", "# till\n"), "--rig", "till")
    town.sling(landed, target="till")
    town.becomes(landed, "merged")
    failed = town.create("count what is free", change("till.py", WORSE), "--rig", "till")
    town.sling(failed, target="till")
    town.becomes(failed, "blocked")
    says = ('do = "say"\ntext = "Reading till.py and its tests."', 'do = "ask"\ntext = "Round down, or to the cent?"')
    asks = town.create("round prices", steps(*says), "--rig", "till")
    town.sling(asks, target="till")
    [agent] = [a["id"] for a in eventually(lambda: [a for a in town.working() if a["item"] == asks], 30)]
    (repo / "till.py").write_text(TILL.replace("TODO:", f"TODO({failed}):"))
    return {"agent": agent, "failed": failed}


def connected(socket: Path) -> Any:
    """The editor, once it listens."""
    try:
        return pynvim.attach("socket", path=str(socket))
    except OSError:
        return None


def failure(vim: Any, files: dict[str, str]) -> tuple[str, Any]:
    """The line that failed, the TODO with its lens, and below them a terminal."""

    def show() -> None:
        vim.command("set splitbelow | split test_till.py | wincmd k | resize 8 | wincmd j")
        eventually(lambda: vim.exec_lua("return #vim.diagnostic.get(0)") > 0, 30)
        vim.command(f"Rgt attach {files['agent']}")
        eventually(lambda: "to the cent?" in "\n".join(vim.current.buffer[:]), 30)
        vim.command("resize 10")

    return "A failing test on its line, with an agent's terminal below", show


def page(vim: Any) -> tuple[str, Any]:
    """The town as a page."""

    def show() -> None:
        vim.command("stopinsert | only! | Rgt status")
        eventually(lambda: "## Done" in "\n".join(vim.current.buffer[:]), 30)
        eventually(lambda: vim.exec_lua(LENSES, 0), 30)

    return "The town as a page", show


def shown(tmux: list[str], env: dict[str, str]) -> str:
    """What is on the screen, with its colours, once two looks see the same."""
    argv = [*tmux, "capture-pane", "-e", "-p"]
    one, other = (subprocess.run(argv, env=env, capture_output=True, text=True, timeout=20).stdout for _ in range(2))
    return one if one == other and one.strip() else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
