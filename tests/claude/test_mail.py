"""Mail reaches the real Claude Code, whatever it is at."""

from __future__ import annotations

from tests.claude.conftest import sling
from tests.claude.stub import Stub, script
from tests.eventually import eventually
from tests.story.inside import agent_of
from tests.town import LiveTown


def test_B40_mail_wakes_an_idle_one_and_is_had_once(claude: LiveTown, api: Stub) -> None:
    item = sling(claude, "Wait for mail", {"text": "I wait"})
    agent = agent_of(claude, item)
    address = agent.env["GTR_ADDRESS"]
    eventually(lambda: [a for a in claude.agents() if a["id"] == address and a["state"] == "idle"], 30, 0.1)
    wish = f"marker-42 {script({'bash': 'touch by-mail'}, {'text': 'thanks'})}"
    chat = claude.run("chat", address, wish, "--wait", "--timeout", "40", "--json")
    assert (chat.code, chat.json()["state"]) == (0, "taken"), chat.err
    eventually((agent.cwd / "by-mail").exists, 30)
    last = next(b for b in reversed(api.bodies) if b.get("tools"))
    assert str(last).count("marker-42") == 1


def test_B40_mail_to_a_busy_one_comes_between_two_tools(claude: LiveTown, api: Stub) -> None:
    item = sling(claude, "Work on", {"bash": "touch begun; sleep 3"}, {"bash": "true"}, {"text": "done"})
    agent = agent_of(claude, item)
    eventually((agent.cwd / "begun").exists, 30)
    claude.rgt("mail", "send", agent.env["GTR_ADDRESS"], "busy-mail-7")
    eventually(lambda: "busy-mail-7" in api.texts(), 30)
    box = ("mail", "inbox", "--agent", agent.env["GTR_ADDRESS"])
    eventually(lambda: [x["state"] for x in claude.ask(*box)] == ["taken"], 30, 0.1)
