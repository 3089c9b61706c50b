"""`rgt done`: everything is saved, nothing is handed over that should not be, and an interrupted one goes on."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from rgt.client.temporal import connect
from rgt.host import daemon, finishing, saving, trees
from rgt.host.config import read_env
from rgt.model import refs
from rgt.model.messages import Done
from rgt.model.tokens import proof
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import RGT, LiveTown, steps

HANG = steps('do = "hang"')
BYPASSES = ("force", "skip", "no-verify", "allow-empty", "review-only", "review_only", "no-merge", "--branch")


def add_rig(town: LiveTown, name: str) -> None:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name)


def slung(town: LiveTown, rig: str, *options: str) -> tuple[str, Inside]:
    """An item whose agent runs and does nothing by itself."""
    item = town.create("by hand", HANG, *options)
    town.sling(item, target=rig)
    return item, agent_of(town, item)


def entries(town: LiveTown, item: str) -> list[str]:
    """Heads of an item in the merge queue, as the queue shows them."""
    return [e["head"] for e in town.ask("mq", "list") if e["item"] == item]


def test_B07_done_saves_what_was_not_committed(shared: LiveTown) -> None:
    """In a marked commit; deletions and the files that rgt itself made are not in it."""
    town = shared
    add_rig(town, "b07")
    item, agent = slung(town, "b07")
    agent.commit("a.txt", "a\n")
    (agent.cwd / "new.txt").write_text("new\n")
    (agent.cwd / "README.md").unlink()
    for generated in (".rgt/notes", ".claude/settings.local.json"):
        (agent.cwd / generated).parent.mkdir(exist_ok=True)
        (agent.cwd / generated).write_text("{}\n")
    done = agent.run("done", "--summary", "by hand")
    assert done.code == 0, done.err
    head = agent.git("rev-parse", "HEAD")
    assert head[:12] in done.err, "the agent is told where its work is"
    assert saving.MARK in agent.git("log", "-1", "--format=%B")
    assert agent.git("show", "--format=", "--name-status", "HEAD") == "A\tnew.txt"
    town.becomes(item, "merged")
    files = town.git("ls-tree", "-r", "--name-only", "refs/rgt/target/main", cwd=town.home.rig("b07").hub)
    assert files.split() == [".gitignore", "README.md", "a.txt", "new.txt", "src/app.py"]


def test_B08_done_without_commits_is_refused(shared: LiveTown) -> None:
    """The text says what is missing and teaches no way around it; an item for review only needs no commits."""
    town = shared
    add_rig(town, "b08")
    item, agent = slung(town, "b08")
    refused = agent.run("done")
    assert refused.code == 4
    assert "no commits" in refused.err
    assert not [word for word in BYPASSES if word in refused.err]
    assert (town.item(item)["state"], entries(town, item)) == ("in_progress", [])
    agent.commit("a.txt", "a\n")
    assert agent.run("done").code == 0
    town.becomes(item, "merged")

    review, reviewer = slung(town, "b08", "--review-only")
    assert reviewer.run("done").code == 0
    assert town.item(review)["state"] == "closed"
    reviewer.kill()
    nobody_has(town, review)


def test_B09_an_interrupted_done_goes_on(shared: LiveTown) -> None:
    """Killed after each of its steps, it is run again: one entry, one saving commit, the head that is there now."""
    town = shared
    add_rig(town, "b09")
    town.rgt("mq", "pause", "b09")
    item, agent = slung(town, "b09")
    rig = town.home.rig("b09")
    agent.commit("a.txt", "a\n")
    (agent.cwd / "b.txt").write_text("b\n")
    saved = asyncio.run(saving.save_commit(trees.known(rig.hub, agent.cwd), f"rgt: saved work on {item}"))
    place = asyncio.run(finishing.look(town.home, agent.cwd))
    assert place is not None
    pinned = asyncio.run(finishing.finish_here(town.home, place, item))
    assert (pinned.head, pinned.saved) == (saved, "")
    assert town.git("rev-parse", refs.keep(item, pinned.head), cwd=rig.hub) == saved
    assert (town.item(item)["state"], entries(town, item)) == ("in_progress", [])

    agent.git("switch", "--quiet", "--create", "another-way")
    head = agent.commit("c.txt", "c\n")
    asking = subprocess.Popen([str(RGT), "done"], env=agent.env, cwd=agent.cwd, stdin=subprocess.DEVNULL)
    asking.kill()
    asking.wait()
    town.kill("worker")
    assert agent.run("done").code == 0
    eventually(lambda: town.run("work", "show", item).code == 0, 30, 0.1, "the worker is back")
    town.becomes(item, "submitted")
    assert agent.run("done").code == 0
    assert eventually(lambda: entries(town, item)) == [head[:8]]
    assert agent.git("log", "--format=%s", "origin/main..HEAD", "--").splitlines() == [
        "add c.txt",
        f"rgt: saved work on {item}",
        "add a.txt",
    ]
    town.rgt("mq", "resume", "b09")
    assert town.becomes(item, "merged")["branch"] == "another-way"


@pytest.fixture
def lonely(shared: LiveTown) -> LiveTown:
    """A rig in which `rgt done` finds no worker."""
    add_rig(shared, "lonely")
    return shared


def test_B09_done_with_no_worker_is_left_for_the_next_one(lonely: LiveTown) -> None:
    """The agent is told, may end, and is not missed; a person is told that no worker answers."""
    town = lonely
    item, agent = slung(town, "lonely")
    head = agent.commit("a.txt", "a\n")
    (agent.cwd / "b.txt").write_text("b\n")
    other, stranger = slung(town, "lonely")
    asyncio.run(daemon.stop_daemon(town.home, "worker"))
    try:
        assert town.run("work", "show", item).code == 3
        done = agent.run("done", "--summary", "alone", "--json")
        assert (done.code, done.json()["state"]) == (0, "left"), done.err
        assert "no worker" in done.json()["message"]
        agent.kill()
        stolen = {**stranger.env, "GTR_WORK_ITEM": item}
        forged = Inside(town, stranger.pid, stolen, stranger.cwd).run("done", item)
        assert forged.code == 4, "its worktree is that of another item"
        asyncio.run(leave_done(town, item, head, stranger, agent.env["GTR_AGENT"]))
    finally:
        town.rgt("start")
    merged = town.becomes(item, "merged")
    assert (merged["attempt"], merged["summary"]) == (1, "alone")
    assert merged["head"] != head, "what was not committed was saved"
    not_yours, not_proven = merged["notes"]
    assert "not yours" in not_yours
    assert f"not that of {agent.env['GTR_AGENT']}" in not_proven
    assert town.item(other)["state"] == "in_progress"
    assert Path(f"/proc/{stranger.pid}").exists()


async def leave_done(town: LiveTown, item: str, head: str, liar: Inside, robbed: str) -> None:
    """What an agent could leave that wants to finish somebody else's item: in its own name, and in the other's."""
    env = read_env(town.home)
    work = (await connect(env.temporal_address, env.namespace)).get_workflow_handle(f"work/{item}")
    given = proof(liar.env["GTR_TOKEN"], item, "b", head)
    for agent in (liar.env["GTR_AGENT"], robbed):
        done = Done(branch="b", head=head, agent=agent, generation=1, proof=given)
        await work.signal("done_requested", done)
