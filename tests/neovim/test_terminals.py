"""Terminals of agents in the editor: one buffer each, and whatever ends there only detaches."""

from __future__ import annotations

from tests.eventually import eventually
from tests.neovim.neovim import Neovim
from tests.town import LiveTown, steps


def test_attach_shows_the_agents_terminal_and_types_into_it(nvim: Neovim, shared: LiveTown) -> None:
    """No file is open: the server is started for it."""
    item = shared.create("to be attached", steps('do = "wait"\nseconds = 600'), "--rig", "api")
    shared.sling(item, target="api")
    [agent] = [a["id"] for a in shared.working() if a["item"] == item]
    nvim.rgt(f"attach {agent}")
    buf = nvim.terminal(agent)
    assert nvim.lua("vim.bo[...].buftype", buf) == "terminal"
    eventually(lambda: shared.tmux("list-clients").strip(), what="a client of tmux")
