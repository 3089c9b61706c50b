"""Terminals of agents in the editor: one buffer each, and whatever ends there only detaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.neovim.neovim import Neovim, patiently
from tests.town import LiveTown


@pytest.fixture(scope="module")
def agent(shared: LiveTown) -> Iterator[str]:
    """The address of an agent without a script: its terminal is a shell."""
    item = shared.create("to be attached", "", "--rig", "api")
    shared.sling(item, target="api")
    found: list[dict[str, Any]] = patiently(lambda: [a for a in shared.working() if a["item"] == item], 30)
    yield str(found[0]["id"])
    shared.rgt("unsling", item)


def ended(nvim: Neovim, buf: int) -> None:
    """Wait until the program of a terminal has failed."""
    patiently(lambda: nvim.lua("vim.b[...].rgt_ended or false", buf), what=nvim.text(buf))
    assert "gt-00000" in nvim.text(buf)


def clients(shared: LiveTown) -> list[str]:
    """Who is attached to the agents' tmux."""
    return shared.tmux("list-clients").splitlines()


def test_attach_shows_the_agents_terminal_and_types_into_it(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    """No file is open: the server is started for it."""
    nvim.rgt(f"attach {agent}")
    buf = nvim.terminal(agent)
    patiently(lambda: clients(shared))
    assert nvim.lua("vim.bo[...].buftype", buf) == "terminal"
    patiently(lambda: nvim.vim.api.get_mode()["mode"] == "t", what="terminal mode")
    nvim.vim.api.input("echo $((6 * 7))th\r")
    patiently(lambda: "42th" in nvim.text(buf), what=nvim.text(buf))
    assert "42th" in shared.tmux("capture-pane", "-p", "-t", f"=gtr-{agent}:")

    # Once more is the same buffer, in the same window.
    nvim.vim.command("wincmd w")
    nvim.rgt(f"attach {agent.split('/')[1]}")
    patiently(lambda: nvim.vim.api.get_current_buf().number == buf)
    assert len(nvim.vim.api.list_wins()) == 2 and len(clients(shared)) == 1
    assert nvim.notes == []


def test_ctrl_backslash_detaches_and_the_agent_goes_on(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    """Neovim's own use of that key stays."""
    nvim.rgt(f"attach {agent}")
    buf = nvim.terminal(agent)
    patiently(lambda: clients(shared) and nvim.vim.api.get_mode()["mode"] == "t")
    nvim.vim.api.input("<C-\\><C-n>")
    patiently(lambda: nvim.vim.api.get_mode()["mode"] == "nt")
    nvim.vim.api.input("i")
    patiently(lambda: nvim.vim.api.get_mode()["mode"] == "t")
    nvim.vim.api.input("<C-\\><C-\\>")
    patiently(lambda: not clients(shared))
    patiently(lambda: not nvim.vim.api.buf_is_valid(buf))
    assert agent in [a["id"] for a in shared.working()]
    assert nvim.notes == []


def test_leaving_the_editor_only_detaches(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    nvim.rgt(f"attach {agent}")
    nvim.terminal(agent)
    patiently(lambda: clients(shared))
    nvim.quit("qall")
    patiently(lambda: not clients(shared))
    assert agent in [a["id"] for a in shared.working()]


def test_watching_takes_no_keys_and_no_room(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    size = ("display-message", "-p", "-t", f"=gtr-{agent}:", "#{window_width}x#{window_height}")
    before = shared.tmux(*size)
    nvim.rgt(f"watch {agent}")
    nvim.terminal(f"{agent} (watched)")
    patiently(lambda: "read-only" in "".join(clients(shared)))
    assert shared.tmux(*size) == before
    nvim.answers("")
    nvim.rgt("chat")
    patiently(lambda: nvim.asked)
    assert nvim.asked[0]["prompt"] == f"{agent}: "


def test_the_only_agent_needs_no_name(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    patiently(lambda: [a["id"] for a in shared.agents()] == [agent], what="that others have left")
    nvim.rgt("attach")
    nvim.terminal(agent)
    assert nvim.asked == []
    nvim.answers(agent)
    nvim.rgt("agents")
    patiently(lambda: nvim.asked)
    [line] = nvim.asked[0]["items"]
    assert line.startswith(f"{agent} · ")


def test_who_is_not_there_is_said_in_one_line(nvim: Neovim) -> None:
    nvim.rgt("attach nobody")
    [line] = patiently(lambda: nvim.notes)
    assert line == "rgt: nobody has no session — see `rgt agents list`"
    assert len(nvim.vim.api.list_wins()) == 1


def test_what_an_error_has_printed_is_read_and_then_replaced(nvim: Neovim) -> None:
    """A terminal that ended badly stays; the next attempt takes its place."""
    for _ in range(2):
        nvim.rgt("log gt-00000")
        ended(nvim, nvim.terminal("rgt log --follow gt-00000"))
    assert len([b for b in nvim.vim.buffers if "gt-00000" in b.name]) == 1
