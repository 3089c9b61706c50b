"""A day in the editor: from nothing to merged, without leaving it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.neovim.conftest import Editors
from tests.neovim.neovim import Neovim, patiently
from tests.repos import make_repo
from tests.town import LiveTown

TILL = "def total(basket):\n    # TODO: count what is free, too\n    return sum(basket)\n"
TEST = "from till import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
GATE = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
TAKE = r'rgt prime | sed -n "s/.*git merge --no-edit \([0-9a-f]*\).*/\1/p" | xargs git merge --no-edit'


def drawn(nvim: Neovim, buf: int, part: str) -> None:
    """Wait for a lens in a buffer."""
    try:
        patiently(lambda: part in " | ".join(nvim.lenses(buf)), 30)
    except AssertionError as e:
        shown = [nvim.text(b.number) for b in nvim.vim.buffers]
        raise AssertionError("\n".join([f"no lens {part}: {nvim.lenses(buf)}, {nvim.notes}", *shown])) from e


def types(nvim: Neovim, agent: str, line: str) -> None:
    """Attach to an agent, type a line as a person does, and leave it."""
    nvim.rgt(f"attach {agent}")
    buf = nvim.terminal(agent)
    patiently(lambda: nvim.vim.api.get_mode()["mode"] == "t" and nvim.text(buf).strip(), 30)
    nvim.vim.api.input(line.replace("<", "<lt>") + "\r")


def leaves(nvim: Neovim, agent: str) -> None:
    """Detach; or the session has ended meanwhile."""
    if nvim.vim.api.get_mode()["mode"] == "t":
        nvim.vim.api.input("<C-\\><C-\\>")
    patiently(lambda: not nvim.lua("require('rgt.terminal').find(...) or false", agent), 30)


def found_in(nvim: Neovim, buf: int) -> list[dict[str, Any]]:
    """The diagnostics that a buffer has."""
    told = "vim.tbl_map(function(d) return { line = d.lnum, source = d.source, message = d.message } end, "
    return list(nvim.lua(f"{told} vim.diagnostic.get(...))", buf))


def agent_of(town: LiveTown, item: str) -> str:
    """Wait for the agent that has an item."""
    found = patiently(lambda: [a for a in town.agents("polecat") if a["item"] == item and a["pid"]], 30)
    return str(found[0]["id"])


@pytest.mark.slow
def test_from_a_todo_to_merged_without_leaving_the_editor(own_town: LiveTown, editors: Editors, tmp: Path) -> None:
    town, repo = own_town, tmp / "repo"
    make_repo(repo, {"till.py": TILL, "test_till.py": TEST})
    nvim = editors(town.env, cwd=str(repo))

    # A town is started.
    nvim.rgt("start")
    patiently(lambda: nvim.lua("require('rgt.server').state.health") == "ok", 30)
    town.found_rig("till", source={"path": str(repo)}, gate=[GATE], max_attempts=1)

    # A TODO becomes an item and is slung; its lens says how it is.
    nvim.vim.command("edit till.py")
    code = nvim.vim.current.buffer.number
    nvim.vim.current.window.cursor = (2, 0)
    nvim.vim.command("Rgt! create")
    drawn(nvim, code, "in progress")
    item = nvim.text(code).partition("TODO(")[2][:8]
    agent = agent_of(town, item)

    # Its agent asks; that is one line, a lens, and answered from what waits.
    types(nvim, agent, f"rgt escalate {item} 'twice, too?'")
    drawn(nvim, code, "asks you")
    leaves(nvim, agent)
    nvim.answers(item, "Approve")
    nvim.rgt("needs")
    patiently(lambda: "asks you" not in " ".join(nvim.lenses(code)))
    assert [n for n in nvim.notes if "twice, too?" in n] == nvim.notes != []

    # Its work fails the tests: that stands on the line that failed.
    types(nvim, agent, "sed -i 's/sum(basket)/sum(basket) + 1/' till.py && git commit -qam worse && rgt done")
    drawn(nvim, code, "asks you")
    leaves(nvim, agent)
    nvim.vim.command("edit test_till.py")
    test = nvim.vim.current.buffer.number
    [found] = patiently(lambda: found_in(nvim, test), 30)
    assert (found["line"], found["source"]) == (4, "rgt") and "assert 4 == 3" in found["message"]

    # A fix is slung from there, and lands; nothing is left of the failure.
    nvim.vim.current.window.cursor = (5, 0)
    nvim.vim.exec_lua(
        "vim.lsp.buf.code_action({ apply = true, filter = function(a) return a.title:find('Sling a fix') end })"
    )
    fix = patiently(lambda: [r["id"] for r in town.ask("work", "list") if r["id"] != item])[0]
    fixer = agent_of(town, fix)
    right = "sed -i 's/sum(basket) + 1/sum(basket, 0)/' till.py && git commit -qam right && rgt done"
    types(nvim, fixer, f"{TAKE} && {right}")
    town.becomes(fix, "merged")
    leaves(nvim, fixer)
    patiently(lambda: found_in(nvim, test) == [], 30)
    drawn(nvim, code, "closed")
    assert "sum(basket, 0)" in (repo / "till.py").read_text()

    # And the town is stopped.
    nvim.rgt("stop")
    patiently(lambda: nvim.lua("require('rgt.server').state.health") == "error", 60)
    assert len(nvim.notes) == 2 and "asks: failed after 1 attempts: gate test" in nvim.notes[1]
