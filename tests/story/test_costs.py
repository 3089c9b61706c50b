"""Costs in a real town: sums that agree whatever dies, and budgets that stop work and let it go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rgt.client.reach import QUEUE
from rgt.client.temporal import connect
from rgt.host.config import read_env
from rgt.model.budgets import Held
from rgt.model.town import Mayor
from tests.eventually import aeventually, eventually
from tests.repos import make_repo
from tests.story.inside import agent_of, nobody_has
from tests.town import LiveTown, change, steps

PRICE = "{ input = 1, output = 10, write = 1, write_hour = 1, read = 1 }"
DEAR = "claude-opus-5-5"
"""Of the shipped table: $20 for a million tokens of output."""


def add_rig(town: LiveTown, name: str) -> None:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name)


def spend(tokens: int, model: str = DEAR) -> str:
    return steps(f'do = "spend"\ntokens = {tokens}\nmodel = {json.dumps(model)}')


def costs(town: LiveTown, by: str) -> dict[str, dict[str, Any]]:
    """Sums by their keys; those of all of them under `total`."""
    found = town.ask("cost", "--by", by)
    return {**{r["key"]: r for r in found["rows"]}, "total": found["total"]}


def usd(town: LiveTown, item: str) -> float:
    return float(town.item(item)["cost"]["usd"])


def need(town: LiveTown, id: str) -> tuple[str, str]:
    found = [(n["what"], n["command"]) for n in town.ask("needs") if n["id"] == id]
    return found[0] if found else ("", "")


def test_sums_agree_by_every_key_and_a_killed_worker_changes_none(town: LiveTown) -> None:
    """Of two rigs, polecats and crew, of models with and without a price; before, while and after the worker dies."""
    add_rig(town, "api")
    add_rig(town, "web")
    town.home.prices.write_text(f"models.mine = {PRICE}\n")
    go = town.root / "go"
    wait = steps(f'do = "run"\ncmd = "until test -e {go}; do sleep 0.05; done"')
    one = town.create("one", spend(100_000) + "\n" + wait + "\n" + spend(50_000) + "\n" + change("a.txt", "a"))
    two = town.create("two", spend(200_000, "mine") + "\n" + change("b.txt", "b"))
    three = town.create("three", spend(7_000, "nobody's") + "\n" + change("c.txt", "c"))
    town.sling(one, two, target="api")
    town.sling(three, target="web")
    eventually(lambda: costs(town, "day")["total"]["tokens"] >= 307_000, 30, 0.1)
    agent = agent_of(town, one)
    row = next(a for a in town.agents() if a["item"] == one)
    assert (row["cost"], row["tokens"]) == (2.0, 100_000)
    town.kill("worker")
    eventually(lambda: town.run("cost").code == 0, 30)
    go.touch()
    for item in (one, two, three):
        town.becomes(item, "merged")
    expected = {"usd": 5.0, "tokens": 357_000, "unpriced": 7_000}
    eventually(lambda: costs(town, "day")["total"]["usd"] == 5.0, 30, 0.1, str(costs(town, "agent")))
    for _ in range(2):
        for by in ("item", "agent", "rig", "role", "model", "day"):
            found = costs(town, by)
            whole = found.pop("total")
            assert {k: whole[k] for k in expected} == expected, by
            for key in expected:
                assert sum(r[key] for r in found.values()) == whole[key], (by, key)
        town.kill("worker")
        eventually(lambda: town.run("cost").code == 0, 30)
    by_item = costs(town, "item")
    assert (
        [by_item[i]["usd"] for i in (one, two, three)] == [3.0, 2.0, 0.0] == [usd(town, i) for i in (one, two, three)]
    )
    assert by_item[three]["unpriced"] == 7_000
    assert {k: r["usd"] for k, r in costs(town, "rig").items()} == {"api": 5.0, "web": 0.0, "total": 5.0}
    assert costs(town, "agent")[agent.env["GTR_ADDRESS"]]["usd"] == 3.0
    assert town.ask("status")["town"]["cost_today"] == 5.0
    assert "$5.00 today" in town.rgt("status")
    assert "of models without a price" in town.rgt("cost")


def test_a_spent_item_stops_with_its_work_saved_and_goes_on_when_it_is_given_more(shared: LiveTown) -> None:
    """A person is told which command does it."""
    add_rig(shared, "item")
    script = change("half.txt", "half\n", finish=False) + "\n" + spend(100_000) + "\n"
    script += steps('do = "run"\ncmd = "test -e whole.txt || sleep 300"', 'do = "done"')
    item = shared.create("dear", script)
    shared.rgt("budget", "set", "item", item, "--usd", "1.50")
    shared.sling(item, target="item")
    shared.becomes(item, "blocked")
    nobody_has(shared, item)
    assert need(shared, item) == ("budget of $1.50 is spent", f"rgt budget set item {item} --usd USD")
    assert shared.git("show", f"polecat/nux/{item}:half.txt", cwd=shared.home.rig("item").hub) == "half"
    refused = shared.run("sling", item, "--target", "item", "--runtime", "scripted")
    assert refused.code == 4 and "is spent" in refused.err
    row = next(r for r in shared.ask("budget", "list") if r["name"] == item)
    assert (row["usd"], row["spent"]["usd"], row["state"], row["source"]) == (1.5, 2.0, "spent", "set")
    shared.rgt("budget", "set", "item", item, "--usd", "10")
    agent = agent_of(shared, item)
    assert (agent.cwd / "half.txt").exists(), "the same worktree"
    assert need(shared, item) == ("", "")
    eventually(lambda: "sleep 300" in agent.running(), 30, 0.1, "its own commit is done")
    agent.commit("whole.txt", "whole\n")
    assert agent.run("done").code == 0
    assert shared.becomes(item, "merged")["attempt"] == 2


def test_with_a_spent_rig_new_work_waits_and_starts_by_itself(shared: LiveTown) -> None:
    """What runs goes on; another rig does not wait."""
    add_rig(shared, "rig")
    add_rig(shared, "other")
    shared.rgt("budget", "set", "rig", "rig", "--tokens", "90k")
    first = shared.create("first", spend(100_000) + "\n" + steps('do = "hang"'))
    shared.sling(first, target="rig")
    agent = agent_of(shared, first)
    eventually(lambda: [r["state"] for r in shared.ask("budget", "list") if r["name"] == "rig"] == ["spent"], 20, 0.1)
    second, elsewhere = shared.create("second", change("b.txt", "b")), shared.create("e", change("c.txt", "c"))
    shared.sling(second, target="rig")
    shared.sling(elsewhere, target="other")
    shared.becomes(elsewhere, "merged")
    assert (shared.item(second)["state"], shared.item(first)["state"]) == ("queued", "in_progress")
    text = "the rig's budget of today of 90.0k tokens is spent"
    assert need(shared, "rig") == (text, "rgt budget set rig rig --tokens N")
    agent.commit("a.txt", "a\n")
    assert agent.run("done").code == 0, "what runs goes on"
    shared.becomes(first, "merged")
    shared.rgt("budget", "set", "rig", "rig", "--tokens", "none")
    shared.becomes(second, "merged")
    assert need(shared, "rig") == ("", "")


def test_town_toml_says_what_a_day_may_cost_and_a_mistake_in_it_is_shown(town: LiveTown) -> None:
    """It is read when it changes."""
    add_rig(town, "api")
    town.home.town_toml.write_text("[budget]\nusd_per_day = 0\n")
    eventually(lambda: [r["state"] for r in town.ask("budget", "list")] == ["spent"], 20, 0.1)
    item = town.create("one", change("a.txt", "a"))
    town.sling(item, target="api")
    eventually(lambda: need(town, "api")[1] == "rgt budget set day --usd USD", 10, 0.1)
    town.home.town_toml.write_text("[budget]\nusd_per_dya = 5\n")
    eventually(lambda: need(town, "mayor")[1] == "rgt config edit", 20, 0.1)
    assert town.item(item)["state"] == "queued", "what it said before stays in force"
    town.home.town_toml.write_text("[budget]\nusd_per_day = 5\n")
    town.becomes(item, "merged")
    assert need(town, "mayor") == need(town, "api") == ("", "")


async def test_when_the_day_turns_what_waited_goes_on(shared: LiveTown) -> None:
    """A mayor that was asleep over midnight lets the rig go at once."""
    add_rig(shared, "night")
    env = read_env(shared.home)
    client = await connect(env.temporal_address, env.namespace)
    rig = client.get_workflow_handle("rig/night")

    async def free() -> bool:
        shown: dict[str, Any] = await rig.query("show", result_type=dict[str, Any])
        return not shown["held"]

    await rig.signal("hold", Held(text="the town's budget of today of $1.00 is spent"))
    assert not await free()
    old = Mayor(created_at="2026-01-01T00:00:00.000Z", updated_at="2026-01-01T12:00:00.000Z", rev=1)
    old.rigs, old.held = ["night"], {"night": "the town's budget of today of $1.00 is spent"}
    sleeper = await client.start_workflow("mayor", old, id="mayor/asleep", task_queue=QUEUE)
    try:
        await aeventually(free, 20)
    finally:
        await sleeper.terminate()


def test_crew_count_for_what_is_on_their_hook(shared: LiveTown) -> None:
    """What they spend without an item is theirs alone; their row has all of it."""
    add_rig(shared, "crew")
    shared.rgt("crew", "create", "joe", "--rig", "crew", "--runtime", "scripted")
    eventually(lambda: [a for a in shared.agents("crew") if a["pid"]], 20, 0.05)
    joe = shared.home.agent_dir("agent/crew/joe")
    write(joe, "r1", 1_000)
    item = shared.create("for joe")
    shared.sling(item, target="crew/joe")
    eventually(lambda: shared.item(item)["state"] == "in_progress", 20, 0.05)
    eventually(lambda: json.loads((joe / "usage.json").read_text())["item"] == item, 20, 0.05)
    write(joe, "r2", 100_000)
    shared.rgt("unsling", item)
    eventually(lambda: usd(shared, item) == 2.0, 20, 0.05)
    assert costs(shared, "agent")["crew/joe"]["tokens"] == 101_000
    eventually(lambda: [a["tokens"] for a in shared.agents("crew") if a["id"] == "crew/joe"] == [101_000], 20, 0.05)
    assert costs(shared, "item")[""]["tokens"] >= 1_000


def write(directory: Path, request: str, tokens: int) -> None:
    """What a runtime writes of an answer."""
    message = {"model": DEAR, "usage": {"output_tokens": tokens}}
    (directory / "transcripts").mkdir(exist_ok=True)
    with (directory / "transcripts" / "by-hand.jsonl").open("a") as file:
        file.write(json.dumps({"requestId": request, "message": message}) + "\n")


def test_it_is_said_what_cannot_be_asked_for(shared: LiveTown) -> None:
    for argv, code, said in (
        (("cost", "--by", "colour"), 2, "--by is one of item, agent, rig, role, model, day"),
        (("cost", "--days", "0"), 2, "days"),
        (("budget", "set", "day"), 2, "say how much"),
        (("budget", "set", "day", "api", "--usd", "1"), 2, "one budget for a day"),
        (("budget", "set", "week", "--usd", "1"), 2, "there are day, rig, item"),
        (("budget", "set", "rig", "nowhere", "--usd", "1"), 5, "no rig"),
        (("budget", "set", "item", "gt-zzzzz", "--usd", "1"), 5, "no work item"),
        (("budget", "set", "day", "--usd", "much"), 2, "no amount of money"),
        (("budget", "set", "day", "--usd", "-1"), 2, "no amount of money"),
        (("budget", "set", "day", "--tokens", "1.5"), 2, "no number of tokens"),
    ):
        ran = shared.run(*argv)
        assert (ran.code, said in ran.err) == (code, True), (argv, ran.code, ran.err)


def test_an_agent_may_look_at_costs_and_not_change_budgets(shared: LiveTown) -> None:
    add_rig(shared, "agents")
    item = shared.create("curious", steps('do = "hang"'))
    shared.sling(item, target="agents")
    agent = agent_of(shared, item)
    assert agent.run("cost", "--by", "item").code == 0
    refused = agent.run("budget", "set", "item", item, "--usd", "1000")
    assert refused.code == 4 and "rgt escalate" in refused.err
