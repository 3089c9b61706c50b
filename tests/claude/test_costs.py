"""What the real Claude Code has used is what the town says that it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rgt.host.transcripts import find_book
from tests.claude.conftest import RIG, sling
from tests.claude.stub import CREATED, INPUT, OUTPUT, READ, Stub, script
from tests.eventually import eventually
from tests.story.inside import agent_of
from tests.town import LiveTown

ANSWER = INPUT + OUTPUT + CREATED + READ


def answers(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """What its transcripts say of each request, those of subagents too."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in directory.glob("claude/projects/**/*.jsonl"):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if entry.get("type") == "assistant" and "requestId" in entry:
                found.setdefault(entry["requestId"], []).append(entry["message"]["usage"])
    return found


def test_usage_is_summed_by_request_and_subagents_count_too(claude: LiveTown, api: Stub) -> None:
    """Contract 8: one answer is several lines of the transcript with the same usage."""
    before = api.answers()
    item = sling(
        claude,
        "Costs something",
        {"bash": "echo a > a.txt && git add a.txt && git commit -qm a"},
        {
            "tool": "Agent",
            "input": {"description": "look", "prompt": "look around", "subagent_type": "general-purpose"},
        },
        {"bash": "rgt done --summary finished"},
        {"text": "finished"},
    )
    agent = agent_of(claude, item)
    claude.becomes(item, "merged", timeout=90)
    eventually(lambda: not [a for a in claude.agents() if a["item"] == item], 60, 0.1)
    said = answers(agent.directory)
    assert len(said) >= 4 and max(map(len, said.values())) > 1, said
    assert list(agent.directory.glob("claude/projects/**/subagents/*.jsonl"))
    eventually(lambda: claude.item(item)["cost"]["tokens"] == len(said) * ANSWER, 20, 0.1, str(said))
    assert len(said) == api.answers() - before, "each answer of the model is there"
    row = next(r for r in claude.ask("cost", "--by", "item")["rows"] if r["key"] == item)
    assert (row["answers"], row["output"], row["cache_write"]) == (len(said), len(said) * OUTPUT, len(said) * CREATED)
    assert row["usd"] > 0 and row["unpriced"] == 0, "its own model has a price"
    book = find_book(agent.directory)
    assert book is not None and book.item == item


def test_one_that_has_used_up_its_budget_is_stopped_in_its_turn_and_goes_on_with_more(claude: LiveTown) -> None:
    """Its work is saved, and the next attempt finds it."""
    command = "test -e b.txt && exit; echo b > b.txt; git add b.txt; git commit -qm b"
    steps = {"bash": command}, {"bash": "test -e go || sleep 321"}, {"bash": "rgt done --summary b"}, {"text": "b"}
    item = claude.create("Costs too much", description=script(*steps))
    claude.rgt("budget", "set", "item", item, "--tokens", "1k")
    claude.rgt("sling", item, "--target", RIG)
    assert claude.becomes(item, "blocked", timeout=90)["reason"] == "budget of 1.0k tokens is spent"
    eventually(lambda: not [a for a in claude.agents() if a["item"] == item], 60, 0.1)
    claude.rgt("budget", "set", "item", item, "--tokens", "none")
    agent = agent_of(claude, item)
    assert (agent.cwd / "b.txt").exists()
    (agent.cwd / "go").touch()
    assert claude.becomes(item, "merged", timeout=90)["attempt"] == 2
