"""SIGKILL to the worker → a new one answers; its agents live on."""

from __future__ import annotations

import os
import signal
import subprocess
import time

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
        ready, floor = [], []
        for _ in range(count(10)):
            floor.append(imports(town))
            ready.append(killed(town))
        after = {a["id"]: a["pid"] for a in town.working(len(items))}
        assert before == after, (before, after)
        for item in items:
            let_go(town, item)
    limits = {"median": 1000.0}
    note = f"{len(before)} agents unharmed"
    return [
        Figure("worker SIGKILL → ready", ready, "a Python that imports what a worker does", floor, limits, note=note)
    ]


def killed(town: LiveTown) -> float:
    """Kill the worker; milliseconds until the next one answers a question about the town."""
    pid = town.pid("worker")
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: _answers(town), 60)
    took = (time.perf_counter() - began) * 1e3
    assert town.pid("worker") != pid
    time.sleep(supervisor.HEALTHY + 0.5)  # before, a supervisor would wait longer and longer
    return took


def _answers(town: LiveTown) -> bool:
    try:
        gateway = Gateway(town)
    except OSError:
        return False
    try:
        return bool(gateway.call("rows")["rows"])
    except (OSError, ValueError):
        return False
    finally:
        gateway.close()


def imports(town: LiveTown) -> float:
    """Milliseconds of a Python that imports the worker."""
    began = time.perf_counter()
    subprocess.run([PYTHON, "-P", "-c", IMPORTS], env=town.env, cwd=town.root, check=True, timeout=60)
    return (time.perf_counter() - began) * 1e3
