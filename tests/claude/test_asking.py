"""Past sessions of the real Claude Code can be asked, and nothing of them changes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.claude.conftest import sling
from tests.claude.stub import Stub, script
from tests.eventually import eventually
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown


def kept(agent: Inside) -> dict[str, bytes]:
    """Everything that Claude Code keeps of what was said."""
    home = agent.directory / "claude" / "projects"
    return {str(p): p.read_bytes() for p in home.rglob("*") if p.is_file()}


def idle(town: LiveTown, item: str, api: Stub) -> Inside:
    """The agent of an item whose first turn is over and written down."""
    agent = agent_of(town, item)
    eventually(lambda: [a["state"] for a in town.agents() if a["item"] == item] == ["idle"], 30, 0.1)
    eventually(lambda: any(b"WAITING-55" in text for text in kept(agent).values()), 10)
    return agent


def session_of(town: LiveTown, agent: Inside) -> str:
    rows = town.ask("session", "list", "--agent", agent.env["GTR_ADDRESS"], "--ended")
    return str(next(r["id"] for r in rows if r["item"] == agent.env["GTR_WORK_ITEM"]))


def test_a_session_answers_and_its_agent_notices_nothing(claude: LiveTown, api: Stub, tmp: Path) -> None:
    """Neither while the agent lives nor when it is gone; without a login, or a transcript, it says so."""
    item = sling(claude, "Think of MARK-55", {"bash": "echo in-the-tree > note.txt"}, {"text": "WAITING-55"})
    agent = idle(claude, item, api)
    before, session, asked = kept(agent), session_of(claude, agent), len(api.bodies)
    looks = {"tool": "Read", "input": {"file_path": str(agent.cwd / "note.txt")}}
    spies = {"tool": "Read", "input": {"file_path": str(claude.home.key)}}
    tries = {"bash": f"touch {tmp}/was-run"}
    question = f'-x why?\n"quotes" {script(tries, spies, looks, {"text": "BECAUSE-56"})}'
    assert claude.rgt("session", "resume", session, "-", stdin=question) == "BECAUSE-56\n"
    assert api.together("MARK-55", "WAITING-55", question, "in-the-tree", since=asked), "it knows all that was said"
    assert claude.home.key.read_text().strip() not in api.texts()
    assert not (tmp / "was-run").exists()
    now = kept(agent)
    # It writes late, so its own last lines may have come meanwhile.
    assert now.keys() == before.keys() and all(now[file].startswith(text) for file, text in before.items())
    assert b"BECAUSE-56" not in b"".join(now.values())
    assert agent_of(claude, item).pid == agent.pid
    assert [a["state"] for a in claude.agents() if a["item"] == item] == ["idle"]
    assert session_of(claude, agent) == session == (agent.directory / "session").read_text().strip()

    nologin = claude.run("session", "resume", session, "why?", env={"ANTHROPIC_API_KEY": ""})
    assert (nologin.code, "Not logged in" in nologin.out + nologin.err) == (1, True), nologin
    claude.rgt("unsling", item)
    nobody_has(claude, item)
    # What an agent writes into its own settings must not be run for the person who asks.
    run = f"touch {tmp}/was-run; echo {'x' * 40}"
    hook = {"hooks": [{"type": "command", "command": run}]}
    planted = {"apiKeyHelper": run, "hooks": {"SessionStart": [hook], "UserPromptSubmit": [hook]}}
    (agent.directory / "claude" / "settings.json").write_text(json.dumps(planted))
    before = kept(agent)
    assert claude.rgt("session", "resume", session, script(tries, {"text": "STILL-57"})) == "STILL-57\n"
    assert not (tmp / "was-run").exists()
    assert kept(agent) == before
    for file in before:
        Path(file).unlink()
    gone = claude.run("session", "resume", session, "why?")
    assert (gone.code, f"nothing is kept of the session {session}" in gone.err) == (4, True), gone
