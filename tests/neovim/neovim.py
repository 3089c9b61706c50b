"""One Neovim for tests: the real program without a screen, driven over its own protocol."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
import pynvim  # type: ignore[import-untyped]

from tests.eventually import eventually

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "neovim"
NVIM = Path(sys.executable).parent / "nvim"

INIT = """
vim.opt.runtimepath:prepend(os.getenv('RGT_PLUGIN'))
vim.opt.swapfile = false
vim.opt.columns = 200
_G.notes, _G.asked = {}, {}
vim.notify = function(line) table.insert(_G.notes, line) end
-- A person who answers with what the test has said beforehand, else presses Escape.
vim.ui.select = function(items, options, done)
  local shown = vim.tbl_map(options.format_item or tostring, items)
  table.insert(_G.asked, { prompt = options.prompt, items = shown })
  local wanted = table.remove(_G.answers or {}, 1)
  for i, line in ipairs(shown) do
    if wanted and line:find(wanted, 1, true) then return done(items[i], i) end
  end
  done(nil)
end
vim.ui.input = function(options, done)
  table.insert(_G.asked, { prompt = options.prompt, default = options.default })
  done(table.remove(_G.answers or {}, 1))
end
"""

LENSES = """
local shown = {}
for name, space in pairs(vim.api.nvim_get_namespaces()) do
  if name:match('codelens') then
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(..., space, 0, -1, { details = true })) do
      for _, chunk in ipairs(mark[4].virt_text or {}) do
        if chunk[1] ~= ' | ' then table.insert(shown, chunk[1]) end
      end
    end
  end
end
return shown
"""


def patiently(probe: Callable[[], T | Literal[False] | None], timeout: float = 30.0, what: str = "") -> T:
    """As `eventually`, for editors, servers and towns that share a machine with the rest of the suite."""
    return eventually(probe, timeout, 0.03, what)


@dataclass
class Neovim:
    """An editor that runs."""

    process: subprocess.Popen[bytes]
    vim: Any
    """The session of pynvim."""

    @classmethod
    @contextmanager
    def running(
        cls, where: Path, env: dict[str, str], init: str = "vim.lsp.enable('rgt')", cwd: str = "", **places: str
    ) -> Iterator[Neovim]:
        """Start one with the plugin on its runtime path and `init` in its settings; end it afterwards.

        `places` are directories that outlive it: its `state` has which files are trusted, its `data` the packages."""
        own = Path(tempfile.mkdtemp(prefix="nvim-", dir=where))
        (own / "config/nvim").mkdir(parents=True)
        (own / "config/nvim/init.lua").write_text(INIT + init)
        socket = own / "socket"
        dirs = {f"XDG_{n.upper()}_HOME": places.get(n, str(own / n)) for n in ("config", "data", "state", "cache")}
        process = subprocess.Popen(
            [NVIM, "--headless", "--listen", socket],
            env={**env, **dirs, "RGT_PLUGIN": str(PLUGIN)},
            cwd=cwd or where,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            editor = cls(process, patiently(lambda: _connected(socket), what="a Neovim that listens"))
            yield editor
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            editor.quit()
            patiently(lambda: not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE])
        finally:
            process.kill()
            process.wait()

    def quit(self, command: str = "qall!") -> None:
        """Leave the editor, as a person does; it must end by itself."""
        if self.process.poll() is None:
            with suppress(OSError, EOFError):
                self.vim.command(command)
        assert self.process.wait(20) == 0

    def lua(self, code: str, *args: Any) -> Any:
        """The value of a Lua expression, or of lines that end with `return`."""
        return self.vim.exec_lua(code if "\nreturn " in code else f"return {code}", *args)

    def rgt(self, words: str) -> None:
        """`:Rgt words`"""
        self.vim.command(f"Rgt {words}")

    def answers(self, *answers: str) -> None:
        """What the person answers to the next questions: a part of the line to choose, or a text."""
        self.vim.exec_lua("_G.answers = ...", list(answers))

    @property
    def notes(self) -> list[str]:
        """Every line that the person was told."""
        return list(self.lua("_G.notes"))

    @property
    def asked(self) -> list[dict[str, Any]]:
        """Every question that the person was asked."""
        return list(self.lua("_G.asked"))

    @property
    def name(self) -> str:
        """What is in front: its file or page. Asked at once, since what was in front may be gone a moment later."""
        return str(self.vim.api.buf_get_name(0))

    def text(self, buf: int = 0) -> str:
        """What a buffer holds."""
        return "\n".join(self.vim.api.buf_get_lines(buf, 0, -1, False))

    def lenses(self, buf: int = 0) -> list[str]:
        """The lenses that are drawn in a buffer."""
        return list(self.lua(LENSES, buf))

    def terminal(self, agent: str) -> int:
        """Wait for the buffer that shows an agent's terminal."""
        found = patiently(lambda: self.lua("require('rgt.terminal').find(...) or false", agent), what=str(self.notes))
        return int(found)


def _connected(socket: Path) -> Any:
    try:
        return pynvim.attach("socket", path=str(socket))
    except OSError:
        return None
