"""Contract 10 with Claude Code itself: it does the whole of its work in the sandbox, and reaches nothing else."""

from __future__ import annotations

import os

import pytest

from rgt.host.runtimes import claude_state
from rgt.host.sandbox import unusable
from tests.claude.conftest import sling
from tests.claude.stub import Stub, script
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import agent_of
from tests.town import LiveTown

pytestmark = pytest.mark.skipif(bool(unusable()) and "CI" not in os.environ, reason=unusable())
RIG = "boxed"
PROBE = """\
try() { "$@" >>out.txt 2>&1 && echo "did: $*" >>out.txt; true; }
put() { echo x >"$1"; }
"""


def test_10_it_works_in_the_sandbox_and_reaches_the_worker_alone(claude: LiveTown, api: Stub) -> None:
    make_repo(claude.root / RIG)
    runtime = {"claude": {"sandbox": True, "sandbox_write": []}}
    claude.found_rig(RIG, source={"path": str(claude.root / RIG)}, no_gates=True, runtime=runtime)
    sibling = agent_of(claude, sling(claude, "Wait", {"text": "I wait"}, target=RIG))

    item = sling(
        claude,
        "Work in the box",
        {"bash": "echo 1 > one.txt && git add one.txt && git commit -qm one && rgt hook > hook.txt; sleep 4"},
        {"text": "I wait too"},
        target=RIG,
    )
    agent = agent_of(claude, item)
    eventually((agent.cwd / "hook.txt").exists, 30)
    assert claude_state.read(agent.directory, agent.pid) == ("busy", "")
    eventually(lambda: item in (agent.cwd / "hook.txt").read_text(), 30)
    eventually(lambda: claude_state.read(agent.directory, agent.pid) == ("idle", ""), 30, 0.1)
    eventually(lambda: [a["state"] for a in claude.agents() if a["item"] == item] == ["idle"], 30, 0.1)
    assert agent.git("log", "-1", "--format=%s %an") == f"one {agent.env['GTR_ADDRESS']}"

    # A script: what the guard reads of a command line is not what is tested here.
    places = (sibling.cwd / "x", claude.root / RIG / "x", sibling.directory / "x", claude.home.town_toml)
    lines = [f"try put '{place}'" for place in places]
    lines += [f"try cat '{claude.home.key}'", f"try ls '{sibling.directory}'", f"try kill -9 {sibling.pid}"]
    lines += [f"try tmux -S '{claude.home.agents_tmux}' ls", "try put inside.txt"]
    (agent.cwd / "probe.sh").write_text(PROBE + "\n".join(lines) + "\n")
    wish = script({"bash": "sh probe.sh"}, {"bash": "rm probe.sh hook.txt; rgt done --summary boxed"}, {"text": "ok"})
    claude.rgt("chat", agent.env["GTR_ADDRESS"], f"Probe. {wish}", "--wait", "--timeout", "40")
    claude.becomes(item, "merged", timeout=60)
    said = claude.git("show", "main:out.txt", cwd=claude.root / RIG)
    assert [line for line in said.splitlines() if line.startswith("did: ")] == ["did: put inside.txt"], said
    assert "Read-only file system" in said
    assert sibling.git("status", "--porcelain") == ""
    claude.rgt("unsling", sibling.env["GTR_WORK_ITEM"])
