"""A town with a rig in which nothing happens: CPU and memory of its processes, and new events in its history."""

from __future__ import annotations

import asyncio
import time

import psutil

from bench.figures import Figure
from bench.harness import QUICK, live, many_items, repository
from rgt.client.temporal import connect
from rgt.host.config import read_env
from tests.town import LiveTown

SETTLE = 12.0
"""Seconds after which what was begun is over."""


def run() -> list[Figure]:
    """Measure for a minute (B68)."""
    seconds = 20.0 if QUICK else 60.0
    with live() as town:
        town.add_rig("api", repository(town, "api"))
        many_items(town, 20)
        time.sleep(SETTLE)
        worker, temporal = (psutil.Process(town.pid(name)) for name in ("worker", "temporal"))
        events = asyncio.run(history(town))
        spent = [_cpu(p) for p in (worker, temporal)]
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        shares = [(_cpu(p) - s) / took * 100 for p, s in zip((worker, temporal), spent, strict=True)]
        new = asyncio.run(history(town)) - events
        return [
            Figure("idle town: CPU of the worker", [shares[0]], limits={"max": 1.0}, unit="%"),
            Figure("idle town: CPU of Temporal", [shares[1]], unit="%"),
            Figure("idle town: memory of the worker", [_mb(worker)], limits={"max": 150.0}, unit="MB"),
            Figure("idle town: memory of Temporal", [_mb(temporal)], unit="MB"),
            Figure("idle town: new history events in a minute", [new * 60 / seconds], limits={"max": 0}, unit="events"),
        ]


async def history(town: LiveTown) -> int:
    """Events in the histories of everything that is open."""
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)
    found = [w async for w in client.list_workflows("ExecutionStatus='Running'")]
    handles = [client.get_workflow_handle(w.id) for w in found]
    return sum([(await h.describe()).history_length for h in handles])


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1e6)
