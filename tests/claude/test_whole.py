"""The whole story of an item that the real Claude Code does, with everything in it that may happen to it."""

from __future__ import annotations

import os
import signal
import time

from rgt.host import processes
from rgt.host.runtimes import presets
from tests.claude.conftest import RIG, sling
from tests.claude.stub import Stub, script
from tests.eventually import eventually
from tests.story.inside import agent_of, nobody_has
from tests.town import LiveTown

HANG = "{ echo one > one.txt; git add one.txt; git commit -qm 'part one'; sleep 6543; }"
ONE = f"git log --oneline | grep -q 'part one' || {HANG}"
TWO = "echo two > two.txt && git add two.txt && git commit -qm 'part two'"


def test_from_item_to_merged_through_a_limit_a_death_a_denial_and_mail(claude: LiveTown, api: Stub) -> None:
    end, asked = int(time.time()) + 15, len(api.bodies)
    limit = {"status": 429, "type": "rate_limit_error", "message": f"You have reached your limit|{end}", "times": 2}
    push = {"bash": "git push origin HEAD:main"}
    item = sling(claude, "Two parts MARK-61", limit, {"bash": ONE}, {"bash": TWO}, push, {"text": "I wait for word"})
    first = agent_of(claude, item)
    address = first.env["GTR_ADDRESS"]

    def state() -> str:
        return next(str(a["state"]) for a in claude.agents() if a["item"] == item)

    # A limit is waited for by the town, and the same process goes on.
    eventually(lambda: state() == "limited", 60, 0.1)
    eventually(lambda: first.git("log", "-1", "--format=%s") == "part one", 60, 0.1)
    assert time.time() > end
    assert api.together("MARK-61", "The rate limit should be over", since=asked)
    assert agent_of(claude, item).pid == first.pid

    # It is killed while a tool runs: the tool goes too, the conversation and the commit stay.
    tools = eventually(lambda: [p for p in processes.find_by_env("GTR_NONCE", first.nonce) if p.pid != first.pid], 30)
    session = (first.directory / "session").read_text()
    preset = presets.load_preset(claude.home, "claude")
    eventually(lambda: presets.kept(preset, first.directory, session.strip()), 30, 0.02)
    killed = len(api.bodies)
    os.kill(first.pid, signal.SIGKILL)
    again = agent_of(claude, item, after=first)
    assert not any(processes.alive(proc) for proc in tools)
    assert (again.directory / "session").read_text() == session
    eventually(lambda: again.git("log", "-1", "--format=%s") == "part two", 60, 0.1)
    assert api.together("MARK-61", "You were restarted in the middle of your work", since=killed)

    # It may not push; the target has not moved when it waits.
    eventually(lambda: state() == "idle", 60, 0.1)
    assert api.together("MARK-61", "only the merge queue moves main", since=killed)
    repo = claude.root / "repo"
    assert "part" not in claude.git("log", "--format=%s", "main", cwd=repo)

    # Mail wakes it, and it is done from its own Bash.
    word = f"WORD-62 {script({'bash': 'rgt done --summary both'}, {'text': 'finished'})}"
    claude.rgt("chat", address, word, "--wait", "--timeout", "60")
    merged = claude.becomes(item, "merged", timeout=90)
    assert (merged["attempt"], merged["notes"]) == (1, [])
    assert [claude.git("show", f"main:{name}.txt", cwd=repo) for name in ("one", "two")] == ["one", "two"]
    assert claude.git("log", "-1", "--format=%an", "main", cwd=repo) == f"{RIG}/{address.partition('/')[2]}"
    assert claude.ask("needs") == []
    last = next(b for b in reversed(api.bodies) if "WORD-62" in str(b))
    assert str(last).count("WORD-62") == 1, "it had its mail once"
    nobody_has(claude, item)
