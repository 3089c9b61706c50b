"""Mail in a real town: to agents that work, wait, die and leave, and to people."""

from __future__ import annotations

from pathlib import Path

from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown, steps

IDLE = steps('do = "say"\ntext = "ready"')
NASTY = 'it\'s "quoted" `x` $HOME\n\x1b[31mred\x1b[0m 日本語 😀 ' + "z" * 10_000 + " trailing;"


def add_rig(town: LiveTown, name: str) -> Path:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name)
    return town.root / name


def working(town: LiveTown, rig: str, script: str = IDLE) -> tuple[str, Inside]:
    """An item whose agent does `script`."""
    item = town.create(f"mail for {rig}", script)
    town.sling(item, target=rig)
    return item, agent_of(town, item)


def screen(agent: Inside) -> str:
    """What its terminal shows."""
    return agent.town.tmux("capture-pane", "-p", "-J", "-S", "-200", "-t", f"=gtr-{agent.env['GTR_ADDRESS']}:")


def letters(town: LiveTown, address: str) -> list[tuple[int, str]]:
    return [(x["number"], x["state"]) for x in town.ask("mail", "inbox", "--agent", address)]


def test_b40_an_agent_that_waits_is_woken_by_mail_and_has_it_once(shared: LiveTown) -> None:
    """The sender knows that it was taken; it is on its screen once."""
    add_rig(shared, "idle")
    _, agent = working(shared, "idle")
    address = agent.env["GTR_ADDRESS"]
    chat = shared.run("chat", address, "which colour is the sky", "--wait", "--timeout", "30", "--json")
    assert (chat.code, chat.json()["state"]) == (0, "taken"), f"{chat.err}{chat.out}\n{screen(agent)}"
    assert screen(agent).count("which colour is the sky") == 1
    assert letters(shared, address) == [(1, "taken")]


def test_b40_an_agent_that_works_has_it_at_its_next_step(shared: LiveTown) -> None:
    add_rig(shared, "busy")
    go = shared.root / "go"
    script = steps(f'do = "run"\ncmd = "until test -e {go}; do sleep 0.05; done"', 'do = "say"\ntext = "next"')
    _, agent = working(shared, "busy", script)
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, "read me later", "--subject", "later")
    assert "read me later" not in screen(agent)
    go.touch()
    eventually(lambda: "read me later" in screen(agent), 20)
    eventually(lambda: letters(shared, address) == [(1, "taken")], 20)


def test_b42_text_arrives_byte_equal_both_ways(shared: LiveTown) -> None:
    """As an argument, from standard input, and back to a person."""
    add_rig(shared, "bytes")
    _, agent = working(shared, "bytes", steps('do = "hang"'))
    address = agent.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, NASTY)
    shared.rgt("mail", "send", address, "-", stdin=NASTY)
    assert [x["text"] for x in shared.ask("mail", "inbox", "--agent", address)] == [NASTY, NASTY]
    assert agent.run("mail", "send", "person", NASTY, "--subject", "bytes").code == 0
    letter = next(x for x in shared.ask("mail", "inbox") if x["subject"] == "bytes")
    assert (letter["text"], letter["sender"], letter["state"]) == (NASTY, address, "pending")
    need = next(n for n in shared.ask("needs") if n["id"] == "mayor")
    assert (need["what"], need["command"]) == (f"mail from {address}: bytes", "rgt mail inbox")
    assert shared.ask("mail", "read", str(letter["number"]))["text"] == NASTY
    eventually(lambda: [n for n in shared.ask("needs") if n["id"] == "mayor"] == [])


def test_mail_outlives_the_worker_and_the_death_of_its_reader(shared: LiveTown) -> None:
    add_rig(shared, "dying")
    item, first = working(shared, "dying", steps('do = "hang"'))
    address = first.env["GTR_ADDRESS"]
    shared.rgt("mail", "send", address, "survive this")
    shared.kill("worker")
    first.kill()
    second = agent_of(shared, item, after=first)
    eventually(lambda: "survive this" in screen(second), 30)


def test_mail_to_an_agent_that_has_left_goes_to_its_item(shared: LiveTown) -> None:
    """And to one whose item is over it is refused, with what to look at."""
    add_rig(shared, "left")
    shared.rgt("mq", "pause", "left")
    item, agent = working(shared, "left", steps('do = "hang"'))
    address = agent.env["GTR_ADDRESS"]
    agent.commit("a.txt", "a\n")
    assert agent.run("done").code == 0
    nobody_has(shared, item)
    sent = shared.ask("mail", "send", address, "one more thing")
    assert (sent["state"], sent["number"]) == ("kept", 0)
    assert "Mail from person: one more thing" in shared.item(item)["notes"]
    shared.rgt("mq", "resume", "left")
    shared.becomes(item, "merged")
    refused = shared.run("mail", "send", address, "too late", "--json")
    assert refused.code == 4 and item in refused.error()["message"]


def test_b81_an_agent_writes_as_itself_and_reads_its_own(shared: LiveTown) -> None:
    add_rig(shared, "two")
    (_, one), (_, two) = (working(shared, "two", steps('do = "hang"')) for _ in range(2))
    assert one.run("mail", "send", two.env["GTR_ADDRESS"], "hello").code == 0
    assert [x["sender"] for x in shared.ask("mail", "inbox", "--agent", two.env["GTR_ADDRESS"])] == [
        one.env["GTR_ADDRESS"]
    ]
    assert one.run("mail", "inbox", "--agent", two.env["GTR_ADDRESS"]).code == 4
    assert one.run("mail", "broadcast", "all of you").code == 4
    assert one.run("mail", "send", "two/witness", "hello").code == 4
    assert shared.run("mail", "send", "two/nobody", "hello").code == 5
    sent = shared.ask("mail", "broadcast", "to all", "--rig", "two")
    assert {x["to"] for x in sent} == {one.env["GTR_ADDRESS"], two.env["GTR_ADDRESS"]}
