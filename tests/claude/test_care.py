"""What the town makes of a Claude Code that fails, is killed, or asks."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from rgt.host import processes
from rgt.host.runtimes import claude_state, presets
from tests.claude.conftest import sling
from tests.claude.stub import Stub
from tests.eventually import eventually
from tests.story.inside import agent_of
from tests.town import LiveTown

WRITE = {"bash": "date +%N > $GTR_WORK_ITEM.txt; git add . && git commit -qm work; true"}
DONE = ({"bash": "rgt done --summary finished"}, {"text": "finished"})


def row(town: LiveTown, item: str) -> dict[str, Any]:
    """The agent that has the item."""
    return next((a for a in town.agents() if a["item"] == item), {})


def fails(status: int, kind: str, message: str, times: int = 99) -> dict[str, Any]:
    return {"status": status, "type": kind, "message": message, "times": times}


FAILURES = [
    (fails(401, "authentication_error", "invalid x-api-key"), "failed", "authentication_failed"),
    (fails(400, "invalid_request_error", "Your credit balance is too low"), "failed", "billing_error"),
    (fails(500, "api_error", "Internal server error"), "failed", ""),
    (fails(529, "overloaded_error", "Overloaded"), "failed", ""),
]


@pytest.mark.parametrize(("failure", "state", "why"), FAILURES, ids=lambda v: v["status"] if isinstance(v, dict) else v)
def test_each_kind_of_failure_is_its_state(claude: LiveTown, failure: dict[str, Any], state: str, why: str) -> None:
    """Contract 6: who needs a person says so, who does not is waited for."""
    item = sling(claude, f"Fails with {failure['status']}", failure)
    eventually(lambda: row(claude, item).get("state") == state, 60, 0.2, str(row(claude, item)))
    address = row(claude, item)["address"]
    needs = [n["what"] for n in claude.ask("needs") if n["id"] == address]
    assert needs == ([f"cannot go on: {why}"] if why else [])
    claude.rgt("unsling", item)


def test_a_rate_limit_is_waited_for_and_the_bell_wakes_the_session(claude: LiveTown, api: Stub) -> None:
    """Contract 5 and 6: the same process goes on when the limit has ended, with nobody at its terminal."""
    end = int(time.time()) + 20
    limit = fails(429, "rate_limit_error", f"You have reached your limit|{end}", times=2)
    item = sling(claude, "Is limited", WRITE, limit, *DONE)
    agent = agent_of(claude, item)
    eventually(lambda: row(claude, item).get("state") == "limited", 60, 0.2)
    assert not [n for n in claude.ask("needs") if n["id"] == agent.env["GTR_ADDRESS"]]
    merged = claude.becomes(item, "merged", timeout=90)
    assert time.time() > end
    assert (merged["attempt"], merged["deaths"]) == (1, 0)
    assert api.heard("The rate limit should be over")


def test_a_killed_one_goes_on_in_its_session_and_its_tools_do_not(claude: LiveTown, api: Stub) -> None:
    """Contract 7: as the whole story of an item, with a kill in the middle."""
    hang = {"bash": "git log --oneline | grep -q work && exit; " + WRITE["bash"] + "; sleep 6543"}
    item = sling(claude, "Is killed", hang, *DONE)
    first = agent_of(claude, item)
    tool = eventually(lambda: "sleep 6543" in first.running() and processes.find_by_env("GTR_NONCE", first.nonce), 60)
    tool = [proc for proc in tool if proc.pid != first.pid]
    assert claude_state.read(first.directory, first.pid)[0] == "busy"
    session = (first.directory / "session").read_text()
    preset = presets.load_preset(claude.home, "claude")
    # Claude Code writes its transcript a tenth of a second late; before that there is no session to go on with.
    eventually(lambda: presets.resumes(preset, first.directory, "resumed", session.strip()), 30, 0.02)
    os.kill(first.pid, signal.SIGKILL)
    again = agent_of(claude, item, after=first)
    assert not any(processes.alive(proc) for proc in tool), "its tools are gone before it goes on"
    merged = claude.becomes(item, "merged", timeout=90)
    assert merged["attempt"] == 1, "the first death is made good in the same attempt"
    assert (again.directory / "session").read_text() == session
    assert api.together("Begin with your work item now", "You were restarted in the middle of your work")


def test_one_killed_before_it_has_written_anything_is_told_the_whole(claude: LiveTown, api: Stub) -> None:
    """There is no session to go on with: a new one does the item, from what is in the worktree and written down."""
    steps = ({"bash": "test -e begun.txt || { touch begun.txt; sleep 6543; }"}, WRITE, *DONE)
    item = sling(claude, "Forgets MARK-81", *steps)
    first = agent_of(claude, item)
    eventually((first.cwd / "begun.txt").exists, 60)
    assert first.run("checkpoint", "write", "LEFT-82 by the first").code == 0
    session, since = (first.directory / "session").read_text(), len(api.bodies)
    # As if it had been killed before it wrote, which it does a tenth of a second late.
    os.kill(first.pid, signal.SIGSTOP)
    for file in (first.directory / "claude" / "projects").glob("*/*.jsonl"):
        file.unlink()
    os.kill(first.pid, signal.SIGKILL)
    again = agent_of(claude, item, after=first)
    merged = claude.becomes(item, "merged", timeout=90)
    assert merged["attempt"] == 1
    assert api.together("you begin anew", "MARK-81", "LEFT-82", "Begin with your work item now", since=since)
    assert not api.together("MARK-81", "go on where you were", since=since)
    assert (again.directory / "session").read_text() != session
