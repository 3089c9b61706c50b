"""SIGKILL to the worker, or to Temporal → there is an answer again; the agents live on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

from bench.figures import Figure
from bench.harness import PYTHON, Gateway, count, fifo, let_go, live, many_items, repository, running_since, wait_for
from rgt.host import supervisor
from tests.town import LiveTown

IMPORTS = "import rgt.worker.service, rgt.cli.app"


def run() -> list[Figure]:
    """Measure; the floor is a Python that imports what a worker imports, and ends."""
    with live() as town:
        town.add_rig("api", repository(town, "api"))
        many_items(town, 50)
        items = [town.create(f"agent {index}") for index in range(4)]
        for item in items:
            fifo(town, item)
        town.rgt("sling", *items, "--target", "api", "--runtime", "bench")
        for item in items:
            running_since(town, item)
        before = {a["id"]: a["pid"] for a in town.working(len(items))}
        ready, floor, known = [], [], []
        for _ in range(count(10)):
            floor.append(imports(town))
            ready.append(killed(town, "worker", lambda: _answers(town, "rows")))
            known.append(killed(town, "temporal", lambda: _answers(town, "work.show", id=items[0])))
        after = {a["id"]: a["pid"] for a in town.working(len(items))}
        assert before == after, (before, after)
        for item in items:
            let_go(town, item)
    note = f"{len(before)} agents unharmed"
    name = "a Python that imports what a worker does"
    return [
        Figure("worker SIGKILL → ready", ready, name, floor, {"median": 1000.0}, note=note),
        Figure("Temporal SIGKILL → an item is shown", known, limits={"max": 1500.0}, note=note),
    ]


def killed(town: LiveTown, daemon: str, answers: Callable[[], bool]) -> float:
    """Kill one of the two; milliseconds until the next one `answers`."""
    pid = town.pid(daemon)
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: town.pid(daemon) != pid and answers(), 60)
    took = (time.perf_counter() - began) * 1e3
    time.sleep(supervisor.HEALTHY + 0.5)  # before, a supervisor would wait longer and longer
    return took


def _answers(town: LiveTown, op: str, **args: str) -> bool:
    """Whether the town answers this question; the rows are the worker's own, an item is asked of Temporal."""
    try:
        gateway = Gateway(town)
    except OSError:
        return False
    try:
        return bool(gateway.call(op, **args))
    except (OSError, ValueError, AssertionError):
        return False
    finally:
        gateway.close()


def imports(town: LiveTown) -> float:
    """Milliseconds of a Python that imports the worker."""
    began = time.perf_counter()
    subprocess.run([PYTHON, "-P", "-c", IMPORTS], env=town.env, cwd=town.root, check=True, timeout=60)
    return (time.perf_counter() - began) * 1e3
