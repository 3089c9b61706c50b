"""Fifty agents at once: how soon each runs, and what the worker costs while they work."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from bench.figures import Figure
from bench.harness import QUICK, commandline, live, repository, timed, wait_for
from bench.sling import Script
from tests.town import LiveTown, steps

AGENTS = 50
MORE = 20
"""Agents that are added while the fifty work."""
PACE = 5.0
"""Seconds between two tools of an agent, as a quick model takes them."""
SETTLE = 10.0


def run() -> list[Figure]:
    """Measure: slings one after the other, a minute of work of the whole crowd, more slings while it works; then, in
    another town, all at the same moment."""
    seconds = 20.0 if QUICK else 60.0
    with live() as town:
        town.add_rig("api", repository(town, "api"), max_polecats=str(AGENTS + MORE))
        in_turn = one_by_one(town, create(town, AGENTS))
        time.sleep(SETTLE)
        worker, temporal, spent = work(town, seconds)
        beside = one_by_one(town, create(town, MORE), AGENTS)
        town.rgt("stop")
    with live() as town:
        floor = Script(town, repository(town, "floor"))
        by_script = floor.crowd([f"s{n}" for n in range(AGENTS)])
        floor.stop()
        town.add_rig("api", repository(town, "api"), max_polecats=str(AGENTS))
        items = create(town, AGENTS)
        now = time.time()
        with ThreadPoolExecutor(AGENTS) as crowd:
            answered = [took for took, _ in crowd.map(lambda i: timed(sling(i), town.env, town.root), items)]
        at_once = dispatched(town, dict.fromkeys(items, now))
    crowd_of_scripts = f"{AGENTS} such scripts, each with an agent of four lines of shell"
    return [
        Figure(f"{AGENTS} slings one after the other → agent runs", in_turn, limits={"p95": 2000}),
        Figure(f"{MORE} more while {AGENTS} agents work → agent runs", beside, limits={"p95": 2000}),
        Figure(f"{AGENTS} slings at the same moment → answer", answered),
        Figure(f"{AGENTS} slings at the same moment → agent runs", at_once, crowd_of_scripts, by_script, {"p95": 2000}),
        Figure(f"{AGENTS} agents at work: CPU of the worker", [worker], limits={"max": 10}, unit="%", note=spent),
        Figure(f"{AGENTS} agents at work: CPU of Temporal", [temporal], unit="%"),
    ]


def create(town: LiveTown, count: int) -> list[str]:
    """So many items; the agent of each uses a tool again and again until it is ended, each at another moment."""
    tools = [f'do = "wait"\nseconds = {PACE}', 'do = "run"\ncmd = "git status --short"'] * 60
    return [town.create(f"item {n}", steps(f'do = "wait"\nseconds = {n / count * PACE}', *tools)) for n in range(count)]


def sling(item: str) -> list[str]:
    """The command that starts its agent."""
    return commandline("sling", item, "--target", "api", "--runtime", "scripted")


def one_by_one(town: LiveTown, items: list[str], there: int = 0) -> list[float]:
    """Sling one item after the other; gives what `dispatched` says of them."""
    begun = {}
    for item in items:
        begun[item] = time.time()
        timed(sling(item), town.env, town.root)
    return dispatched(town, begun, there)


def dispatched(town: LiveTown, begun: dict[str, float], there: int = 0) -> list[float]:
    """Milliseconds from each sling to the first sign of life of its agent; so many others are there already."""
    rows = [row for row in town.working(there + len(begun), 120) if row["item"] in begun]
    signs = {row["item"]: town.home.agent_dir(f"polecat/{row['address']}") / "ready" for row in rows}
    wait_for(lambda: all(sign.exists() for sign in signs.values()))
    return [(signs[item].stat().st_mtime - since) * 1e3 for item, since in begun.items()]


def work(town: LiveTown, seconds: float) -> tuple[float, float, str]:
    """Per cent of one core that the worker and Temporal take while all agents work, and how many hooks there were."""
    two = [psutil.Process(town.pid(name)) for name in ("worker", "temporal")]
    before, used = [cpu(p) for p in two], tools(town)
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    worker, temporal = ((cpu(p) - b) / took * 100 for p, b in zip(two, before, strict=True))
    pace = (tools(town) - used) / took
    assert pace > 0.5 * AGENTS / PACE, f"only {pace:.1f} tools a second: the machine is too busy"
    return worker, temporal, f"they use {pace:.1f} tools a second"


def tools(town: LiveTown) -> int:
    """How many steps all agents have done, of which every second uses a tool."""
    places = [town.home.agent_dir(f"polecat/{row['address']}") / "progress.json" for row in town.working(AGENTS)]
    return sum(int(json.loads(place.read_text())["step"]) for place in places) // 2


def cpu(process: psutil.Process) -> float:
    """Seconds that it has run."""
    times = process.cpu_times()
    return float(times.user + times.system)
