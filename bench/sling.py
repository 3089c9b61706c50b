"""`rgt sling` → the agent's process runs: one at a time, in a large repository, and twenty at once."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench.figures import Figure
from bench.harness import HERE, QUICK, commandline, count, fifo, let_go, live, repository, running_since, timed
from tests.eventually import eventually
from tests.town import LiveTown

SCRIPT = "a shell script with `git worktree add` and `tmux new-session`"


def run() -> list[Figure]:
    """Measure."""
    with live() as town:
        floor = Script(town, repository(town, "floor"))
        town.add_rig("api", repository(town, "api"), max_polecats="64")
        singles = one_by_one(town, floor, count(20))
        crowd = at_once(town, floor, 20)
    with live() as town:
        files = 5_000 if QUICK else 50_000
        town.add_rig("large", repository(town, "large", files))
        large = from_the_pool(town, count(20) if QUICK else 8, files)
    return [*singles, *crowd, large]


class Script:
    """The floor: what a person's shell script does, with the same agent."""

    def __init__(self, town: LiveTown, source: Path) -> None:
        self.town = town
        self.hub = town.root / "floor.git"
        self.trees = town.root / "floor-trees"
        self.trees.mkdir()
        town.git("clone", "--quiet", "--bare", str(source), str(self.hub), cwd=town.root)
        self.env = {**town.env, "BENCH": str(town.root / "events"), "RGT_BIN": "true", "AGENT": str(HERE / "agent.sh")}
        self.env |= {"TMUX_SOCKET": str(town.root / "floor.tmux"), "TMUX_CONF": str(town.home.tmux_conf)}

    def start(self, item: str) -> subprocess.Popen[bytes]:
        """Start the script for `item`."""
        argv = ["sh", str(HERE / "floor_sling.sh"), item, str(self.hub), str(self.trees / item)]
        return subprocess.Popen(argv, env=self.env, cwd=self.town.root, stdin=subprocess.DEVNULL)

    def crowd(self, names: list[str]) -> list[float]:
        """Milliseconds until each agent of so many scripts runs that are started at the same moment."""
        for name in names:
            fifo(self.town, name)
        began = time.time()
        scripts = [self.start(name) for name in names]
        codes = [p.wait(60) for p in scripts]
        assert codes == [0] * len(names), codes
        took = [(running_since(self.town, name) - began) * 1e3 for name in names]
        for name in names:
            let_go(self.town, name)
        return took

    def stop(self) -> None:
        """End its tmux server."""
        argv = ["tmux", "-S", self.env["TMUX_SOCKET"], "kill-server"]
        subprocess.run(argv, env=self.env, capture_output=True, timeout=20)


def one_by_one(town: LiveTown, floor: Script, n: int) -> list[Figure]:
    """Slings and scripts in turns."""
    slung, answered, scripted = [], [], []
    try:
        for index in range(n + 1):
            item = town.create(f"sling {index}")
            fifo(town, item)
            began = time.time()
            took, _ = timed(commandline("sling", item, "--target", "api", "--runtime", "bench"), town.env, town.root)
            since = running_since(town, item)
            fifo(town, f"s{index}")
            began_script = time.time()
            process = floor.start(f"s{index}")
            since_script = running_since(town, f"s{index}")
            process.wait(20)
            if index:
                slung.append((since - began) * 1e3)
                answered.append(took)
                scripted.append((since_script - began_script) * 1e3)
            town.becomes(item, "in_progress")
            let_go(town, f"s{index}")
            let_go(town, item)
            town.becomes(item, "merged")
    finally:
        floor.stop()
    return [
        Figure("sling → agent runs", slung, SCRIPT, scripted, {"over median": 120, "over p95": 200}),
        Figure("sling → answer", answered, SCRIPT, scripted),
    ]


def at_once(town: LiveTown, floor: Script, n: int) -> list[Figure]:
    """So many slings at the same moment: until all agents run."""
    whole, scripted = [], []
    try:
        for turn in range(1 if QUICK else 3):
            items = [town.create(f"crowd {turn} {index}") for index in range(n)]
            for item in items:
                fifo(town, item)
            began = time.time()
            argvs = [commandline("sling", item, "--target", "api", "--runtime", "bench") for item in items]
            processes = [subprocess.Popen(a, env=town.env, cwd=town.root, stdout=subprocess.DEVNULL) for a in argvs]
            codes = [p.wait(60) for p in processes]
            assert codes == [0] * n, codes
            whole.append((max(running_since(town, item) for item in items) - began) * 1e3)
            scripted.append(max(floor.crowd([f"c{turn}-{index}" for index in range(n)])))
            for item in items:
                let_go(town, item)
            eventually(lambda: all(town.item(i)["state"] == "merged" for i in items), 120, 0.5)  # noqa: B023
    finally:
        floor.stop()
    return [Figure("20 slings at once → all agents run", whole, "20 such scripts", scripted, {"max": 2000})]


def from_the_pool(town: LiveTown, n: int, files: int) -> Figure:
    """Slings in a repository so large that a fresh worktree would take seconds."""
    values = []
    pool = town.home.rig("large").pool
    for index in range(n):
        item = town.create(f"large {index}")
        fifo(town, item)
        eventually(lambda: any(pool.iterdir()), 120, 0.1, "a worktree in the pool")
        began = time.time()
        timed(commandline("sling", item, "--target", "large", "--runtime", "bench"), town.env, town.root)
        values.append((running_since(town, item) - began) * 1e3)
        town.becomes(item, "in_progress")
        let_go(town, item)
        town.becomes(item, "merged", timeout=120)
    return Figure(f"sling → agent runs, {files:,} files, from the pool", values, limits={"max": 1000})
