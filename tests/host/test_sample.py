"""The demo's items, played by real scripted agents against plain git in the place of the merge queue."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from rgt.host.git import git, try_git
from rgt.host.run import Done, run
from rgt.host.runtimes.presets import Launch, command, environment, load_preset
from rgt.host.sample import DEMO_ITEMS, GATE, make_sample
from rgt.model.errors import RgtError
from rgt.model.guard import policy_for
from rgt.model.home import Home
from rgt.model.runtime import Mode
from rgt.model.script import find_block, parse_script

TARGET = "refs/rgt/target/main"


async def test_the_sample_is_the_same_every_time(tmp: Path) -> None:
    for name in ("one", "two"):
        await make_sample(tmp / name)
    heads = [await git(tmp / name, "rev-parse", "main") for name in ("one", "two")]
    assert heads[0] == heads[1]
    assert await git(tmp / "one", "status", "--porcelain") == ""
    assert await git(tmp / "one", "rev-list", "--count", "main") == "3"


async def test_the_sample_has_tests_that_pass(tmp: Path) -> None:
    await make_sample(tmp / "till")
    done = await run(["sh", "-c", GATE], cwd=tmp / "till")
    assert done.code == 0, done.err
    assert "Ran 13 tests" in done.err


async def test_nothing_is_overwritten(tmp: Path) -> None:
    (tmp / "mine").mkdir()
    (tmp / "mine" / "file").touch()
    with pytest.raises(RgtError) as caught:
        await make_sample(tmp / "mine")
    assert caught.value.code == "exists"


class Town:
    """A hub as rigs have it, a worktree per item, and a queue of one entry at a time."""

    def __init__(self, root: Path) -> None:
        self.root, self.hub = root, root / "hub.git"

    async def open(self) -> None:
        await make_sample(self.root / "till")
        await git(self.root, "init", "--bare", "--quiet", str(self.hub))
        await git(self.hub, "fetch", "--quiet", str(self.root / "till"), f"main:{TARGET}")
        await git(self.hub, "symbolic-ref", "refs/remotes/origin/main", TARGET)
        for number, item in enumerate(DEMO_ITEMS):
            await git(self.hub, "worktree", "add", "--quiet", "-b", f"b{number}", str(self.root / f"w{number}"), TARGET)
            (self.root / f"a{number}").mkdir()
            script = find_block(item.description)
            assert script is not None
            parse_script(script)
            (self.root / f"a{number}" / "script.toml").write_text(script)

    async def play(self, number: int, mode: Mode) -> None:
        """The agent of an item works until it is done."""
        launch = Launch(sys.executable, self.root / f"a{number}", mode)
        preset = load_preset(Home(self.root / "home"), "scripted")
        env = {
            **os.environ,
            **environment(preset, launch),
            "RGT_BIN": "/bin/true",
            "GTR_AGENT": f"polecat/till/p{number}",
            "RGT_AGENT_DIR": str(self.root / f"a{number}"),
        }
        (self.root / f"a{number}" / "policy.json").write_text(json.dumps(self.policy(number)))
        done = await run(command(preset, launch), cwd=self.root / f"w{number}", env=env)
        assert done.code == 0, done.out + done.err
        assert "▸ done" in done.out
        assert await git(self.root / f"w{number}", "status", "--porcelain") == ""

    def policy(self, number: int) -> dict[str, object]:
        """What the guard holds the agent of an item to."""
        where, hub = str(self.root / f"w{number}"), str(self.hub)
        return policy_for("polecat", worktree=where, branch=f"b{number}", hub=hub, target="main", home="/none")

    async def gate(self, commit: str) -> Done:
        slot = self.root / "slot"
        if not slot.exists():
            await git(self.hub, "worktree", "add", "--quiet", "--detach", str(slot), TARGET)
        await git(slot, "reset", "--quiet", "--hard", commit)
        return await run(shlex.split(GATE), cwd=slot)

    async def submit(self, number: int) -> str:
        """What the merge queue would say: merged, conflict, or the output of the failed gate."""
        merged = await try_git(self.hub, "merge-tree", "--write-tree", TARGET, f"b{number}")
        if merged.code:
            return "conflict"
        commit = await git(self.hub, "commit-tree", merged.out.strip(), "-p", TARGET, "-m", DEMO_ITEMS[number].title)
        gate = await self.gate(commit)
        if gate.code:
            return gate.err
        await git(self.hub, "update-ref", TARGET, commit)
        return "merged"


async def test_the_three_items_go_as_the_demo_tells(tmp: Path) -> None:
    town = Town(tmp)
    await town.open()
    began = asyncio.get_running_loop().time()
    third = asyncio.create_task(town.play(2, "start"))
    await asyncio.gather(town.play(0, "start"), town.play(1, "start"))

    assert "AssertionError" in await town.submit(1)
    assert not third.done()
    assert await town.submit(0) == "merged"
    await third
    assert await town.submit(2) == "conflict"

    await asyncio.gather(town.play(1, "rejected"), town.play(2, "rejected"))
    assert await town.submit(1) == "merged"
    assert await town.submit(2) == "merged"

    assert asyncio.get_running_loop().time() - began < 30, "about 6 s on a quiet machine"
    subjects = await git(town.hub, "log", "-3", "--format=%s", TARGET)
    assert set(subjects.splitlines()) == {item.title for item in DEMO_ITEMS}
    assert "Ran 18 tests" in (await town.gate(TARGET)).err
    author = await git(town.hub, "log", "-1", "--format=%an %ae", "b2")
    assert author == "till/p2 till.p2@rgt.localhost"


def test_everybody_can_read_the_items() -> None:
    assert [item.priority for item in DEMO_ITEMS] == ["p1", "p2", "p2"]
    for item in DEMO_ITEMS:
        assert len(item.title) <= 40
        assert len(item.description) < 8_000
