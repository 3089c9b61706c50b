"""What is seen of a town in a window, and what is done there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.eventually import eventually
from tests.repos import make_repo
from tests.town import RGT, LiveTown, change, steps
from tests.vscode.conftest import FILES
from tests.vscode.page import Window, found_rig, settings_of

Windows = Callable[[Path], Window]
WORK = steps(
    'do = "write"\npath = "src/app.py"\ntext = "print(\'good day\')\\n"',
    'do = "write"\npath = "src/new.py"\ntext = "NEW = 1\\n"',
    'do = "hang"',
)


def clients(town: LiveTown) -> list[str]:
    """Who is attached to the agents' tmux."""
    return town.tmux("list-clients", "-F", "#{session_name} #{client_flags}").splitlines()


def inbox(town: LiveTown, agent: str) -> list[str]:
    """The texts of the letters that an agent was sent."""
    return [letter["text"] for letter in town.ask("mail", "inbox", "--agent", agent)]


def test_closing_a_terminal_only_detaches(town: LiveTown, checkout: Path, agent: Any, window: Windows) -> None:
    w = window(checkout)
    w.town()
    row = w.row("Say hello", "Agents")
    expect(row).to_contain_text("idle")
    row.click()
    w.in_terminal("$ ")
    w.keys.type("echo he''llo\n")
    w.in_terminal("hello")
    w.shot("terminal")
    # One terminal for each agent: the second time the same is shown, and has the keys when it is.
    w.town()
    expect(w.page.locator(".terminal-wrapper.active .xterm-helper-textarea")).not_to_be_focused()
    w.inline(row, "Attach")
    w.in_terminal("hello")
    assert len(clients(town)) == 1
    w.palette("rgt: Watch…")
    w.choose(agent["address"])
    expect(w.page.locator(".panel .single-terminal-tab, .tabs-list .terminal-tabs-entry").last).to_contain_text(
        "watching"
    )
    w.in_terminal("hello")
    eventually(lambda: len(clients(town)) == 2)
    assert sum("ignore-size" in c for c in clients(town)) == 1
    for _ in range(2):
        w.palette("Terminal: Kill the Active Terminal Instance")
    eventually(lambda: clients(town) == [])
    assert agent["pid"] in [a["pid"] for a in town.agents("polecat")]


def test_the_menu_of_terminals_has_agents(
    town: LiveTown, checkout: Path, window: Windows, browser: BrowserContext
) -> None:
    """And what it offers nobody is no error. An agent's worktree opens in a window that finds the same town."""
    w = window(checkout)
    w.town()
    expect(w.welcome).to_contain_text("Nothing waits for you")

    # VS Code asks what extensions offer when it starts, at times too early, and again when its own profiles change.
    told = {"rgt.server.path": str(RGT), "rgt.home": str(town.home.root)}
    settings_of(checkout, **told, **{"terminal.integrated.profiles.linux": {"plain": {"path": "/bin/sh"}}})

    def offered() -> bool:
        w.palette("Create New Terminal (With Profile)")
        expect(w.offered("/bin/sh").first).to_be_visible()
        if w.offered("rgt agent").count():
            return True
        w.keys.press("Escape")
        return False

    def from_the_menu() -> None:
        eventually(offered, 30)
        w.choose("rgt agent")

    from_the_menu()
    expect(w.toasts).to_have_count(1)
    expect(w.toast("No agent has a session now.")).to_be_visible()
    item = town.create("Open a door", "", "--rig", "api")
    town.sling(item, target="api")
    row = w.row("Open a door", "Agents")
    expect(row).to_contain_text("idle")
    w.dismiss()
    from_the_menu()
    expect(w.offered("Open a door")).to_be_visible()
    w.keys.press("Escape")
    expect(w.input).to_be_hidden()
    from_the_menu()
    expect(w.offered("Open a door")).to_be_visible()
    w.input.press("Enter")
    w.in_terminal("$ ")
    expect(w.toasts).to_have_count(0)
    row.click()
    w.in_terminal("$ ")
    assert len(clients(town)) == 1

    with browser.expect_page() as opened:
        w.menu(row, "Open Agent's Worktree")
    other = Window(opened.value)
    other.ready()
    expect(other.status.locator(".codicon-organization")).to_be_visible()
    expect(other.page.locator(".explorer-viewlet")).to_contain_text("README.md")
    assert f"{town.home.rig('api').worktrees}/" in other.page.url
    other.close()
    town.rgt("unsling", item)
    town.rgt("work", "close", item)


def test_the_talk_with_the_server_is_written_down_at_once(town: LiveTown, checkout: Path, window: Windows) -> None:
    w = window(checkout)
    w.town()
    expect(w.welcome).to_contain_text("Nothing waits for you")
    w.palette("rgt: Show Logs")
    expect(w.output).to_contain_text(str(RGT))
    told = {"rgt.server.path": str(RGT), "rgt.home": str(town.home.root)}
    settings_of(checkout, **told, **{"rgt.trace.server": "messages"})
    w.palette("Output: Show Output Channels...")
    w.choose("rgt trace")
    item = town.create("Be noted", "", "--rig", "api")
    expect(w.output).to_contain_text(re.compile(r"Z\s(Received|Sending)\s\w+\s'"))
    w.shot("trace")
    town.rgt("work", "close", item)


def test_the_first_steps_are_shown_and_taken(town: LiveTown, tmp: Path, window: Windows) -> None:
    """From the walkthrough: a town, a repository of it, an item, an agent. Its name may be one that no rig may have."""
    make_repo(tmp / ".shop", FILES)
    program, go = tmp / "rgt", tmp / "go"
    program.write_text(f'#!/bin/sh\n[ "$1" != lsp ] || while [ ! -e {go} ]; do sleep 0.05; done\nexec {RGT} "$@"\n')
    program.chmod(0o755)
    settings_of(tmp / ".shop", **{"rgt.server.path": str(program), "rgt.home": str(town.home.root)})
    w = window(tmp / ".shop")
    # What is chosen before the server is there is chosen from the town all the same.
    w.palette("rgt: Create Work Item…")
    w.type("Too early")
    go.touch()
    expect(w.offered("api")).to_be_visible()
    w.keys.press("Escape")
    w.palette("Open Walkthrough...")
    w.choose("Get started with rgt")
    step = w.page.locator(".getting-started-step")
    done = ".codicon-getting-started-step-checked"
    w.press(step.nth(0), "Start Town")
    expect(step.nth(0).locator(done)).to_be_visible()
    w.press(step.nth(0), "Add This Folder as a Rig")
    expect(w.input).to_have_value("shop")
    w.input.press("Enter")
    w.press(w.toast("The rig shop belongs to the town."), "Create Work Item")
    w.type("Sell more")
    w.press(w.toast("is created"), "Sling")
    w.choose("shop")
    expect(step.nth(1).locator(done)).to_be_visible()
    (agent,) = town.working()
    step.nth(2).click()
    w.press(step.nth(2), "Attach")
    w.choose("Sell more")
    w.in_terminal("$ ")
    expect(step.nth(2).locator(done)).to_be_visible()
    w.shot("first-steps")
    # It was found without tests: what is to be done stands in a terminal, ready for Enter.
    w.town()
    w.row("no gates", "Needs you").click()
    w.in_terminal("rgt rig")
    town.rgt("unsling", agent["item"])
    town.rgt("work", "close", agent["item"])
    eventually(lambda: town.run("rig", "remove", "shop").code == 0)


def test_an_agent_is_talked_to_and_killed(town: LiveTown, checkout: Path, agent: Any, window: Windows) -> None:
    address = agent["address"]
    w = window(checkout)
    w.town()
    row = w.row("Say hello", "Agents")
    w.inline(row, "Chat")
    w.type("first word")
    eventually(lambda: "first word" in inbox(town, address))
    w.palette("rgt: Send Mail…")
    w.choose(address)
    w.type("a subject")
    w.type("second word")
    eventually(lambda: "second word" in inbox(town, address))
    w.file("app.py")
    w.keys.press("Control+A")
    expect(w.page.locator(".statusbar")).to_contain_text("selected")
    w.palette("rgt: Send Selection to Agent…")
    w.choose(address)
    w.type("look here")
    eventually(lambda: "look here\nsrc/app.py:1\n\n```python\nprint('hello')\n```" in inbox(town, address))
    w.inline(row, "Kill")
    dialog = w.page.locator(".monaco-dialog-box")
    expect(dialog).to_contain_text(f"End the session of {address}?")
    w.shot("kill")
    w.press(dialog, "Kill")
    # Another one goes on with its item.
    (other,) = eventually(lambda: [a for a in town.working() if a["pid"] != agent["pid"]], 30)
    assert other["item"] == agent["item"]
    expect(row).to_contain_text("idle")


def test_what_an_agent_has_changed_is_shown(town: LiveTown, checkout: Path, window: Windows) -> None:
    item = town.create("Be polite", WORK, "--rig", "api")
    town.sling(item, target="api")
    tree = town.home.rig("api").worktrees
    w = window(checkout)
    w.town()
    row = w.row("Be polite", "Agents")
    expect(row).to_be_visible()
    eventually(lambda: list(tree.glob("*/src/new.py")))
    w.menu(row, "Diff Agent's Branch")
    files = w.page.locator(".multiDiffEntry")
    expect(files).to_have_count(2)
    expect(files.filter(has_text="good")).to_contain_text("hello")
    w.shot("diff")
    # It is taken back; what was done stays.
    w.palette("rgt: Unsling…")
    w.choose("Be polite")
    expect(row).to_have_count(0)
    assert town.item(item)["state"] == "open"
    town.rgt("work", "close", item)


def test_a_merge_is_followed_while_it_runs(town: LiveTown, checkout: Path, tmp: Path, window: Windows) -> None:
    go = tmp / "go"
    make_repo(tmp / "repo")
    run = f"echo before; while [ ! -e {go} ]; do sleep 0.05; done; echo behind; exit 1"
    gate = {"name": "test", "run": run}
    found_rig(town, "slow", source={"path": str(tmp / "repo")}, gate=[gate], max_attempts=1)
    item = town.create("Take your time", change("a.txt", "a"))
    town.sling(item, target="slow")
    w = window(checkout)
    w.town()
    row = w.row("1. Take your time", "Merge queue")
    expect(row).to_contain_text("testing")
    w.inline(row, "Show Gate Log")
    expect(w.terminal).to_contain_text("before")
    w.shot("gate")
    w.palette("rgt: Show Merge Queue")
    w.choose("slow")
    expect(w.page.locator(".tab.active")).to_contain_text("slow.md")
    expect(w.editor).to_contain_text(re.compile(r"Take\syour\stime"))
    go.touch()
    expect(w.terminal).to_contain_text("behind")
    # It is sent back, and can be tried again.
    need = w.row("Take your time", "Needs you")
    expect(need).to_be_visible()
    expect(w.badge).to_have_text("1")
    go.unlink()
    w.dismiss()
    w.palette("rgt: Retry Merge…")
    w.choose("Take your time")
    expect(row).to_contain_text("testing")
    go.touch()
    expect(need).to_be_visible()
    # Or its author is given another attempt.
    w.inline(w.row("Take your time", "Work"), "Reopen")
    expect(need).to_have_count(0)
    assert town.item(item)["state"] == "open"
    town.rgt("work", "close", item)
    expect(w.row("Take your time", "Work")).to_have_count(0)


def test_a_question_is_answered_by_its_button(town: LiveTown, checkout: Path, window: Windows) -> None:
    item = town.create("Ask me", steps('do = "escalate"\nmessage = "to the left?"', 'do = "hang"'), "--rig", "api")
    w = window(checkout)
    w.town()
    w.palette("rgt: Show Needs")
    expect(w.page.locator(".tab.active")).to_contain_text("needs.md")
    town.sling(item, target="api")
    # VS Code puts it away after ten seconds: all that may take long was done before.
    toast, need = w.toast("to the left?"), w.row("to the left?", "Needs you")
    expect(toast).to_be_visible()
    expect(need).to_contain_text("Ask me")
    expect(w.editor).to_contain_text(re.compile(r"to\sthe\sleft\?"))
    w.shot("question")
    w.press(toast, "Approve")
    expect(need).to_have_count(0)
    assert "approved" in str(town.item(item)["notes"])
    town.rgt("unsling", item)
    town.rgt("work", "close", item)


def test_an_item_is_made_of_a_selection(town: LiveTown, checkout: Path, window: Windows) -> None:
    w = window(checkout)
    w.town()
    w.file("app.py")
    w.select_first_line()
    w.palette("rgt: Create Work Item from Selection / TODO")
    expect(w.input).to_have_value("print('hello')")
    w.type("Greet by name")
    w.choose("api")
    row = w.row("Greet by name", "Work")
    expect(row).to_be_visible()
    item = next(i for i in town.ask("work", "list") if i["title"] == "Greet by name")
    assert town.item(item["id"])["description"] == "At src/app.py:1\n\n```python\nprint('hello')\n```\n"
    # Its page says how it is, and has lenses of its own.
    w.dismiss()
    row.click()
    expect(w.editor).to_contain_text(re.compile(r"Greet\sby\sname"))
    expect(w.lens("open")).to_be_visible()
    w.shot("page")
    w.palette("rgt: Show Town")
    expect(w.page.locator(".tab.active")).to_contain_text("town.md")
    town.rgt("work", "close", item["id"])
    expect(w.row("Greet by name", "Work")).to_have_count(0)
