"""`rgt done` → the target has moved, with an empty queue; and what `rgt done` itself takes apart from git."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench.figures import Figure
from bench.harness import (
    HERE,
    QUICK,
    commandline,
    count,
    fifo,
    finished,
    let_go,
    live,
    repository,
    running_since,
    timed,
    wait_for,
)
from bench.sling import Script
from tests.town import LiveTown

GATES = {"true": 0.0, "sleep 1": 1000.0}
"""Gate commands with the milliseconds that they take."""


def run() -> list[Figure]:
    """Measure with a gate that takes no time and with one that takes a second."""
    figures = []
    with live() as town:
        floor = Script(town, repository(town, "floor"))
        slot = town.root / "slot"
        town.git("worktree", "add", "--quiet", "--detach", str(slot), "main", cwd=floor.hub)
        try:
            for index, (gate, took) in enumerate(GATES.items()):
                rig = f"api{index}"
                town.add_rig(rig, repository(town, rig), f"test={gate}")
                n = count(20 if gate == "true" or QUICK else 10)
                figures += landings(town, floor, slot, rig, gate, took, n)
        finally:
            floor.stop()
    return figures


def landings(town: LiveTown, floor: Script, slot: Path, rig: str, gate: str, took: float, n: int) -> list[Figure]:
    """One `done` after the other, each beside a landing by shell script."""
    moved, answered, gits, scripts = [], [], [], []
    target = town.home.rig(rig).hub / "refs" / "rgt" / "target" / "main"
    for index in range(n + 1):
        item = town.create(f"land {index}")
        fifo(town, item)
        timed(commandline("sling", item, "--target", rig, "--runtime", "bench"), town.env, town.root)
        running_since(town, item)
        town.becomes(item, "in_progress")
        before = target.read_text()
        let_go(town, item)
        wait_for(lambda: target.exists() and target.read_text() not in ("", before))  # noqa: B023
        landed = time.time()
        asked, answer = finished(town, item)
        git = git_of_done(town, town.home.rig(rig).hub, target.read_text().strip())
        script = by_hand(town, floor, slot, f"{rig}-{index}", gate)
        if index:
            moved.append((landed - asked) * 1e3)
            answered.append((answer - asked) * 1e3)
            gits.append(git)
            scripts.append(script)
        town.becomes(item, "merged")
    above = {"median": took + 200, "p95": took + 300}
    figures = [
        Figure(f"done → target moved, gate `{gate}`", moved, "the same git work by a shell script", scripts, above)
    ]
    if gate == "true":
        figures.append(Figure("done → answer", answered, "git's own part of it", gits, {"over median": 30}))
    return figures


def git_of_done(town: LiveTown, hub: Path, head: str) -> float:
    """Milliseconds of the git commands that `rgt done` needs, one after the other."""
    began = time.perf_counter()
    for argv in (
        ("rev-parse", "--show-toplevel", "--git-common-dir"),
        ("status", "--porcelain=v2", "--branch"),
        ("rev-parse", "HEAD", "--abbrev-ref", "HEAD"),
    ):
        subprocess.run(
            ["git", *argv], cwd=town.root / "slot", env=town.env, capture_output=True, check=True, timeout=20
        )
    for argv in (
        ("rev-list", "--max-count=1", f"refs/rgt/target/main..{head}"),
        ("update-ref", "refs/rgt/keep/bench", head),
    ):
        subprocess.run(["git", *argv], cwd=hub, env=town.env, capture_output=True, check=True, timeout=20)
    return (time.perf_counter() - began) * 1e3


def by_hand(town: LiveTown, floor: Script, slot: Path, name: str, gate: str) -> float:
    """The floor: another change, landed by a shell script."""
    fifo(town, name)
    floor.start(name).wait(20)
    running_since(town, name)
    let_go(town, name)
    finished(town, name)
    head = town.git("rev-parse", "HEAD", cwd=floor.trees / name)
    argv = ["sh", str(HERE / "floor_land.sh"), str(floor.hub), head, gate, str(slot)]
    return timed(argv, town.env, town.root)[0]
