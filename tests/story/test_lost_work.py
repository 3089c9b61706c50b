"""Agents die in every way; their work is never lost, and nobody is started or ended who should not be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rgt.client.temporal import connect
from rgt.host import daemon, sessions
from rgt.host.config import read_env
from rgt.host.sessions import Session
from rgt.host.tmux import Tmux
from rgt.model.messages import SessionEvent
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown, change, steps

HANG = steps('do = "hang"')
EDITING = steps(
    'do = "run"\ncmd = "git log --format=%s | grep -qx begun || git commit -q --allow-empty -m begun"',
    'do = "append"\npath = "half.txt"\ntext = "half\\n"',
    'do = "hang"',
)


def add_rig(town: LiveTown, name: str, *gates: str) -> Path:
    """A rig of its own for one story."""
    make_repo(town.root / name)
    town.add_rig(name, town.root / name, *gates)
    return town.root / name


def slung(town: LiveTown, rig: str, title: str, script: str = HANG) -> tuple[str, Inside]:
    """An item whose agent runs."""
    item = town.create(title, script)
    town.sling(item, target=rig)
    return item, agent_of(town, item)


def edited(agent: Inside, times: int) -> bool:
    """Whether the agent has appended so often, and hangs: one that dies before it has noted a step repeats it."""
    file, progress = agent.cwd / "half.txt", agent.directory / "progress.json"
    if not file.is_file() or file.read_text() != "half\n" * times or not progress.is_file():
        return False
    return bool(json.loads(progress.read_text())["step"] == len(EDITING.split("[[")) - 1)


def test_B01_b12_agents_killed_in_mid_edit_lose_nothing(shared: LiveTown) -> None:
    """B01: branch, commits and dirty files survive each death, and the next attempt is told of the one before.
    B12: the third death blocks the item and asks a person once; `reopen` makes it as good as new."""
    town = shared
    add_rig(town, "b01")
    item, first = slung(town, "b01", "edit", EDITING)
    eventually(lambda: edited(first, 1), 20)
    first.kill()
    second = agent_of(town, item, after=first)
    assert (second.cwd, edited(second, 1)) == (first.cwd, True)
    assert town.item(item)["attempt"] == 1, "the first death is made good in the same attempt"
    assert "started again" in second.run("prime").out

    second.kill()
    third = agent_of(town, item, after=second)
    eventually(lambda: edited(third, 2), 20)
    again = town.item(item)
    assert (third.cwd, again["attempt"], again["deaths"]) == (first.cwd, 2, 2)
    assert third.git("log", "-1", "--format=%s") == "begun"
    assert "1. the agent died (signal 9)" in third.run("prime").out
    assert len([a for a in town.agents("polecat") if a["item"] == item]) == 1

    third.kill()
    blocked = town.becomes(item, "blocked")
    assert "3 deaths" in blocked["escalation"]["message"]
    assert [n["kind"] for n in town.ask("needs") if n["id"] == item] == ["escalation"]
    nobody_has(town, item)
    assert edited(third, 2)

    town.rgt("work", "reopen", item)
    assert not [n for n in town.ask("needs") if n["id"] == item]
    town.sling(item, target="b01")
    fourth = agent_of(town, item)
    eventually(lambda: edited(fourth, 3), 20)
    assert (fourth.cwd, town.item(item)["deaths"]) == (first.cwd, 0)


def test_B02_who_dies_after_his_work_has_landed_is_not_started_again(shared: LiveTown) -> None:
    """The same change came in under another name, squashed: it is known by its patch id."""
    town = shared
    add_rig(town, "b02")
    same = change("same.txt", "same\n", "the same change")
    item, agent = slung(town, "b02", "dies", change("same.txt", "same\n", "my change", finish=False) + "\n" + HANG)
    eventually(lambda: agent.git("log", "-1", "--format=%s") == "my change", 20)
    other = town.create("lands", same)
    town.sling(other, target="b02")
    landed = town.becomes(other, "merged")["sha"]
    agent.kill()
    merged = town.becomes(item, "merged")
    assert merged["sha"] == town.hub_target("b02") == landed
    assert (merged["attempt"], merged["generation"], merged["deaths"]) == (1, 1, 1)
    nobody_has(town, item)


def test_B03_who_dies_after_done_is_not_missed(shared: LiveTown) -> None:
    """No alert, no verdict, no second process; the work lands."""
    town = shared
    go = town.root / "b03-go"
    add_rig(town, "b03", f"hold=while ! test -e {go}; do sleep 0.05; done")
    script = change("a.txt", "a\n", finish=False) + "\n" + steps('do = "run"\ncmd = "rgt done"') + "\n" + HANG
    item, agent = slung(town, "b03", "done, then dead", script)
    town.becomes(item, "submitted", "merging")
    agent.kill()
    nobody_has(town, item)
    assert town.item(item)["state"] in ("submitted", "merging")
    assert not [n for n in town.ask("needs") if n["id"] in (item, "b03")]
    go.touch()
    merged = town.becomes(item, "merged")
    assert (merged["attempt"], merged["generation"], merged["deaths"]) == (1, 1, 0)
    assert town.ask("agents", "show", "b03/witness")["verdicts"] == []


def test_B04_three_faults_have_three_verdicts(shared: LiveTown) -> None:
    """The session is gone, the agent ended inside a session that stands, the item was closed under a living agent."""
    town = shared
    add_rig(town, "b04")
    gone, a = slung(town, "b04", "session goes")
    exited, b = slung(town, "b04", "agent goes")
    closed, c = slung(town, "b04", "item goes")
    town.tmux("kill-session", "-t", f"=gtr-{a.env['GTR_ADDRESS']}")
    b.kill()
    town.rgt("work", "close", closed)
    nobody_has(town, closed)
    agent_of(town, gone, after=a)
    agent_of(town, exited, after=b)
    assert not Path(f"/proc/{c.pid}").exists()
    expected = {
        f"{a.env['GTR_ADDRESS']} on {gone}: session_gone",
        f"{b.env['GTR_ADDRESS']} on {exited}: agent_exited",
        f"{c.env['GTR_ADDRESS']} on {closed}: orphan",
    }
    verdicts = eventually(lambda: found if len(found := witness(town, "b04")) >= 3 else None)
    assert sorted(verdicts or []) == sorted(expected)
    shown = town.rgt("agents", "show", "b04/witness").splitlines()
    assert expected <= {line.strip() for line in shown}


def witness(town: LiveTown, rig: str) -> list[str]:
    """What the witness of a rig found wrong."""
    found: list[str] = town.ask("agents", "show", f"{rig}/witness")["verdicts"]
    return found


def test_B01_agents_that_are_gone_when_the_town_comes_back_go_on(shared: LiveTown) -> None:
    """As after a power cut: no worker, no tmux, nobody saw anybody die."""
    town = shared
    add_rig(town, "b01-cut")
    item, agent = slung(town, "b01-cut", "cut off", EDITING)
    eventually(lambda: edited(agent, 1), 20)
    asyncio.run(daemon.stop_daemon(town.home, "worker"))
    town.tmux("kill-server")
    eventually(lambda: not Path(f"/proc/{agent.pid}").exists(), 20)
    town.rgt("start")
    again = agent_of(town, item, after=agent)
    assert (again.cwd, edited(again, 1)) == (agent.cwd, True)
    assert town.item(item)["attempt"] == 1


async def test_B05_a_session_made_anew_is_not_killed_by_old_news(shared: LiveTown) -> None:
    """What was seen of the old session comes late, and whoever wanted to end it comes late too."""
    town = shared
    add_rig(town, "b05")
    item, old = slung(town, "b05", "made anew")
    old.kill()
    new = agent_of(town, item, after=old)
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)
    news = SessionEvent(kind="dead", nonce=old.nonce, generation=1, pid=old.pid, signal=9)
    await client.get_workflow_handle(old.env["GTR_AGENT"]).signal("session_event", news)
    name = sessions.session_name(old.env["GTR_ADDRESS"])
    late = Session(name=name, agent=old.env["GTR_AGENT"], nonce=old.nonce, generation=1, pid=old.pid, started=1)
    await sessions.end(Tmux(town.home.agents_tmux, town.home.tmux_conf), late, grace=0.1)
    polecat = await asyncio.to_thread(town.ask, "polecat", "status", old.env["GTR_ADDRESS"])
    assert (polecat["pid"], polecat["generation"], polecat["phase"]) == (new.pid, 2, "working")
    assert Path(f"/proc/{new.pid}").exists()
    assert await asyncio.to_thread(town.tmux, "has-session", "-t", f"={name}") == ""
