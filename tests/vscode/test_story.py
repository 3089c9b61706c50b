"""The whole way of a work item in a window, from a TODO to merged."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.eventually import eventually
from tests.repos import make_repo
from tests.town import RGT, LiveTown, steps
from tests.vscode.page import Window, found_rig, settings_of

TILL = '''\
# TODO: count the change, too
from decimal import Decimal


def total(basket):
    """What a basket costs."""
    return sum(basket)
'''
TEST = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
GATE = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
AGENT = r"""
set -e
before=$("$RGT_BIN" prime | sed -n "s/.*git merge --no-edit \([0-9a-f]*\).*/\1/p")
if [ -n "$before" ]; then
    git merge --quiet --no-edit "$before"
    sed -i 's/ + 1$/ + 0/' shop.py
    "$RGT_BIN" escalate "$GTR_WORK_ITEM" "is a cent enough?"
else
    sed -i 's/return sum(basket)$/return sum(basket) + 1/' shop.py
fi
"""
"""What an agent does: it gets the sum wrong; when it is to fix that, it puts it right and asks something."""
SCRIPT = steps(
    'do = "run"\ncmd = "sh agent.sh"',
    'do = "ask"\ntext = "May I hand it in?"',
    'do = "commit"\nmessage = "count"',
    'do = "done"',
)


@pytest.fixture
def own(tmp: Path, place: Path) -> Iterator[LiveTown]:
    """A town that was set up and is stopped."""
    live = LiveTown(tmp, env={"TMUX_TMPDIR": str(place)})
    live.home.config.mkdir(parents=True)
    live.home.town_toml.write_text('[runtime]\ndefault = "scripted"\n')
    yield live
    live.stop()


def hand_in(w: Window, agent: str) -> None:
    """Attach an agent's terminal from the tree, and answer what it asks there."""
    w.row(agent, "Agents").click()
    w.in_terminal("May I hand it in?")
    w.keys.type("yes\n")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_from_a_todo_to_merged(own: LiveTown, tmp: Path, window: Callable[[Path], Window]) -> None:
    repo = tmp / "repo"
    make_repo(
        repo, {"shop.py": TILL, "test_till.py": TEST, "agent.sh": AGENT, ".gitignore": ".vscode/\n__pycache__/\n"}
    )
    settings_of(repo, **{"rgt.server.path": str(RGT), "rgt.home": str(own.home.root)})
    w = window(repo)

    # The town is started.
    w.town()
    w.press(w.welcome, "Start Town")
    expect(w.welcome).to_contain_text("Nothing waits for you", timeout=60_000)
    scripted = {"scripted": {"script": SCRIPT}}
    found_rig(own, "shop", source={"path": str(repo)}, gate=[GATE], max_attempts=1, runtime=scripted)

    # A TODO becomes an item; its lens says how it is, and slings it.
    w.file("shop.py")
    w.go_to_line(1)
    w.palette("rgt: Create Work Item from Selection / TODO")
    expect(w.toast("is created")).to_be_visible()
    expect(w.editor).to_contain_text(re.compile(r"TODO\(gt-\w{5}\):\scount"))
    w.keys.press("Control+S")
    eventually(lambda: "TODO(gt-" in (repo / "shop.py").read_text())
    own.git("commit", "--quiet", "--all", "--message", "note the item", cwd=repo)
    expect(w.lens("open")).to_be_visible()
    w.shot("story-1-todo")
    w.dismiss()
    w.lens("Sling to shop").click()
    expect(w.lens(re.compile("in progress · "))).to_be_visible()

    # The agent's terminal is attached, and typed into.
    expect(w.row("count the change, too", "Agents")).to_be_visible()
    hand_in(w, "count the change, too")
    w.shot("story-2-attached")

    # What it did fails its test: that stands on the line.
    expect(w.lens("asks you")).to_be_visible()
    expect(w.badge).to_have_text("1")
    w.dismiss()
    w.file("test_till.py")
    w.palette("View: Toggle Problems")
    problems = w.page.locator(".markers-panel .monaco-list-row", has_text="assert 4 == 3")
    # In this checkout and in the author's worktree.
    expect(problems).to_have_count(2)
    expect(w.page.locator(".squiggly-error").first).to_be_visible()
    w.shot("story-3-failed")

    # A fix is slung from there.
    w.go_to_line(5)
    action = w.fix("Sling a fix for")
    w.shot("story-4-actions")
    action.click()

    # It asks, and is answered from what needs a person.
    need = w.row("is a cent enough?", "Needs you")
    expect(need).to_be_visible()
    expect(w.toast("is a cent enough?")).to_be_visible()
    w.shot("story-5-asked")
    need.click()
    w.type("a cent is enough")
    expect(need).to_have_count(0)
    w.dismiss()
    hand_in(w, "Fix")

    # It lands, and what was sent back is settled with it.
    expect(problems).to_have_count(0)
    expect(w.row("Merged", "Work")).to_be_visible()
    expect(w.welcome).to_contain_text("Nothing waits for you")
    expect(w.badge).to_be_hidden()
    w.file("shop.py")
    expect(w.lens("closed")).to_be_visible()
    w.shot("story-6-merged")
    assert "return sum(basket) + 0" in own.git("show", "main:shop.py", cwd=repo)

    # And the town is stopped.
    w.palette("rgt: Stop Town")
    w.press(w.page.locator(".monaco-dialog-box"), "Stop")
    expect(w.welcome).to_contain_text("The town is stopped", timeout=60_000)
