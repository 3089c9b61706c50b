"""The verbs of `:Rgt`: work is created, slung, talked about and answered without leaving the editor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.neovim.neovim import Neovim, patiently
from tests.repos import make_repo
from tests.story.inside import nobody_has
from tests.town import LiveTown, steps

CODE = "def add(a, b):\n    # TODO: refuse what is no number\n    return a + b\n"


@pytest.fixture(scope="module")
def agent(shared: LiveTown) -> Iterator[str]:
    """An agent without a script, which works as long as it is let."""
    item = shared.create("talks", "", "--rig", "api")
    shared.sling(item, target="api")
    found: list[dict[str, Any]] = patiently(lambda: [a for a in shared.working() if a["item"] == item], 30)
    yield str(found[0]["id"])
    shared.rgt("unsling", item)


@pytest.fixture
def code(nvim: Neovim, tmp: Path) -> Path:
    """A file of a repository, open in the editor."""
    make_repo(tmp / "code", {"lib/add.py": CODE})
    nvim.vim.command(f"edit {tmp / 'code/lib/add.py'}")
    patiently(lambda: nvim.lua("require('rgt.server').state.health") == "ok")
    return tmp / "code/lib/add.py"


def titled(shared: LiveTown, title: str) -> dict[str, Any]:
    """Wait for the item with this title."""

    def probe() -> dict[str, Any] | None:
        return next((shared.item(r["id"]) for r in shared.ask("work", "list") if r["title"] == title), None)

    found = patiently(probe, what=title)
    assert found is not None
    return found


def state(shared: LiveTown, id: str, *states: str) -> None:
    """Wait until an item is in one of these."""
    patiently(lambda: shared.item(id)["state"] in states, 30)


def test_what_is_completed_comes_from_the_live_town(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    complete = nvim.vim.funcs.getcompletion
    assert "attach" in complete("Rgt ", "cmdline") and complete("Rgt st", "cmdline") == ["start", "status", "stop"]
    nvim.rgt("status")
    patiently(lambda: complete("Rgt attach api/", "cmdline") == [agent], what="agents")
    item = shared.create("completed", "", "--rig", "api")
    patiently(lambda: complete(f"Rgt sling {item[:6]}", "cmdline") == [item], what="a new item")
    assert "api" in complete(f"Rgt sling {item} ", "cmdline")
    assert complete(f"'<,'>Rgt! sling {item} ap", "cmdline") == ["api"]
    assert complete("Rgt feed ", "cmdline") == [] == complete("Rgt nonsense ", "cmdline")


def test_a_verb_that_does_not_exist_is_told_those_that_do(nvim: Neovim) -> None:
    nvim.rgt("attache")
    assert nvim.notes[0].startswith("rgt: :Rgt has no verb attache, but agents, attach, chat,")


def test_a_todo_becomes_an_item_and_is_slung(nvim: Neovim, shared: LiveTown, code: Path) -> None:
    nvim.vim.current.window.cursor = (2, 0)
    nvim.vim.command("Rgt! create")
    item = titled(shared, "refuse what is no number")
    state(shared, item["id"], "queued", "assigned", "in_progress")
    patiently(lambda: f"# TODO({item['id']}): refuse" in nvim.text())
    assert f"TODO at {code}:2" in item["description"] and "return a + b" in item["description"]
    nvim.vim.current.window.cursor = (2, 0)
    nvim.rgt("unsling")
    state(shared, item["id"], "open")
    nobody_has(shared, item["id"])
    assert nvim.notes == []


def test_lines_become_an_item_with_their_place(nvim: Neovim, shared: LiveTown, code: Path) -> None:
    nvim.answers("Add what?")
    nvim.vim.command("1,3Rgt create")
    item = titled(shared, "Add what?")
    assert nvim.asked == [{"prompt": "Title: ", "default": "def add(a, b):"}]
    assert item["description"].startswith("lib/add.py:1-3\n```python\ndef add(a, b):\n")
    patiently(lambda: nvim.name == f"rgt:/item/{item['id']}.md")


def test_sling_asks_only_what_it_cannot_know(nvim: Neovim, shared: LiveTown) -> None:
    nvim.rgt("create Slung from its page")
    item = titled(shared, "Slung from its page")["id"]
    patiently(lambda: item in nvim.text())
    nvim.rgt("sling")
    state(shared, item, "queued", "assigned", "in_progress")
    shared.rgt("unsling", item)
    nobody_has(shared, item)
    shared.rgt("work", "close", item)
    nvim.rgt(f"sling {item} nowhere")
    [line] = patiently(lambda: nvim.notes)
    assert line.startswith("rgt: ") and "nowhere" in line
    assert nvim.asked == []


def test_chat_and_lines_reach_the_agent(nvim: Neovim, shared: LiveTown, code: Path, agent: str) -> None:
    nvim.rgt(f"chat {agent} how is it going?")
    nvim.answers("and what is this?")
    nvim.vim.command("2,3Rgt send")

    def letters() -> list[str]:
        return [x["text"] for x in shared.ask("mail", "inbox", "--agent", agent)]

    patiently(lambda: len(letters()) == 2)
    quote = "lib/add.py:2-3\n```python\n    # TODO: refuse what is no number\n    return a + b\n```"
    assert letters() == ["how is it going?", f"and what is this?\n\n{quote}"]
    assert nvim.asked[-1]["prompt"] == f"{agent}: "
    assert nvim.notes == []


def test_letters_are_read_answered_and_written(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    shared.rgt("mail", "send", "person", "The tests need a key.", "--subject", "keys")
    nvim.answers("keys")
    nvim.rgt("mail")
    patiently(lambda: nvim.text() == "# keys\n\nThe tests need a key.")
    nvim.rgt(f"mail {agent}")
    nvim.vim.current.buffer[:] = ["Dear agent,", "", "here it is."]
    nvim.vim.command("write")
    patiently(lambda: "rgt-letter" not in nvim.name)
    sent = [x["text"] for x in shared.ask("mail", "inbox", "--agent", agent)]
    assert "Dear agent,\n\nhere it is." in sent
    nvim.rgt(f"mail {agent}")
    nvim.vim.command("write")
    assert nvim.notes == ["rgt: the letter is empty"]


def test_a_question_is_one_line_and_answered_from_needs(nvim: Neovim, shared: LiveTown) -> None:
    """No dialog takes the keys of somebody who types."""
    nvim.rgt("status")
    patiently(lambda: "# Town" in nvim.text())
    item = shared.create("asks", steps('do = "escalate"\nmessage = "which colour?"', 'do = "ask"\ntext = "?"'))
    shared.sling(item, target="api")
    [line] = patiently(lambda: [n for n in nvim.notes if item in n], 30)
    assert line.startswith(f"rgt: {item} asks: ") and line.endswith("asks: which colour? — :Rgt needs")
    assert nvim.asked == []
    nvim.answers(item, "Answer", "green")
    nvim.rgt("needs")
    patiently(lambda: shared.item(item)["escalation"] is None)
    assert nvim.asked[1]["items"] == ["Approve", "Reject", "Answer…", "Show"]
    assert "green" in str(shared.ask("log", item)) + str(shared.item(item))
    shared.rgt("unsling", item)
    nobody_has(shared, item)


def test_what_waits_is_answered_by_the_command_that_the_town_names(nvim: Neovim, shared: LiveTown) -> None:
    shared.rgt("mq", "pause", "api")
    nvim.answers("api", "rgt mq resume api")
    nvim.rgt("needs")
    patiently(lambda: not [n for n in shared.ask("needs") if "mq resume" in n["command"]])
    assert nvim.notes == []


def test_a_worktree_is_a_tab_of_its_own(nvim: Neovim, shared: LiveTown, agent: str) -> None:
    tree = shared.home.rig("api").worktrees / agent.split("/")[1]
    nvim.vim.command(f"edit {shared.root / 'repo' / 'README.md'}")
    nvim.rgt(f"worktree {agent}")
    patiently(lambda: len(nvim.vim.api.list_tabpages()) == 2)
    assert nvim.vim.funcs.getcwd() == str(tree)
    assert nvim.name == str(tree / "README.md")
    nvim.vim.command("tabclose")
    assert nvim.vim.funcs.getcwd() != str(tree)


def test_work_done_by_hand_is_handed_to_the_queue(nvim: Neovim, shared: LiveTown) -> None:
    """In the worktree of an agent who waits: what is not saved is saved first."""
    item = shared.create("by hand", "", "--rig", "api")
    shared.sling(item, target="api")
    [agent] = [a["id"] for a in patiently(lambda: [a for a in shared.working() if a["item"] == item], 30)]
    nvim.rgt(f"worktree {agent}")
    patiently(lambda: len(nvim.vim.api.list_tabpages()) == 2)
    Path(nvim.vim.funcs.getcwd(), "by-hand.txt").write_text("done\n")
    nvim.rgt(f"done {item}")
    shared.becomes(item, "merged")
    assert nvim.notes == []


def test_the_feed_and_the_log_run_in_terminals(nvim: Neovim, shared: LiveTown) -> None:
    nvim.rgt("feed")
    feed = nvim.terminal("rgt feed")
    patiently(lambda: "api" in nvim.text(feed), 20)
    nvim.rgt("log")
    log = nvim.terminal("rgt log --follow")
    patiently(lambda: "rig" in nvim.text(log), 20)


def test_the_part_for_the_status_line_follows_the_town(nvim: Neovim, shared: LiveTown) -> None:
    get = "require('rgt.statusline').get()"
    assert nvim.lua(get) == ""
    nvim.vim.exec_lua(
        "_G.heard = 0; vim.api.nvim_create_autocmd('User', { pattern = 'RgtTownChanged',"
        " callback = function(e) _G.heard, _G.last = _G.heard + 1, e.data end })"
    )
    nvim.rgt("status")
    patiently(lambda: "at work" in nvim.lua(get))
    before = nvim.lua("_G.heard")
    item = shared.create("counted")
    patiently(lambda: nvim.lua("_G.heard") > before and nvim.lua("_G.last.counts['work.open']"))
    shared.rgt("work", "close", item)
