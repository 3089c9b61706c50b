"""`rgt start`, cold in an empty home and warm in one that was used; `rgt stop`; `rgt start` of a town that runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time

from bench.figures import Figure
from bench.harness import QUICK, commandline, scratch, timed
from rgt.client.temporal import connect_patiently
from rgt.host import server
from tests.town import LiveTown


def run() -> list[Figure]:
    """Measure; the floor is the bare Temporal server, from exec until it answers a call."""
    cold, warm, again, stop, floor = [], [], [], [], []
    for _ in range(2 if QUICK else 8):
        floor.append(bare_server())
        with scratch() as town:
            cold.append(_rgt(town, "start"))
            again.append(_rgt(town, "start"))
            stop.append(_rgt(town, "stop"))
            warm.append(_rgt(town, "start"))
            stop.append(_rgt(town, "stop"))
    name = "the bare Temporal server until it answers"
    return [
        Figure("`rgt start`, cold: a new home", cold, name, floor, {"max": 4000}),
        Figure("`rgt start`, warm", warm, name, floor, {"max": 2000}),
        Figure("`rgt start` of a town that runs", again),
        Figure("`rgt stop`", stop),
    ]


def _rgt(town: LiveTown, verb: str) -> float:
    return timed(commandline(verb), town.env, town.root)[0]


def bare_server() -> float:
    """Milliseconds until a server with our options, on an empty database, answers."""
    with scratch() as town:
        town.home.temporal.mkdir(parents=True)
        port = server.free_port()
        argv = server.server_argv(town.home, port, "bench")
        began = time.perf_counter()
        process = subprocess.Popen(argv, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            asyncio.run(connect_patiently(f"{server.HOST}:{port}", "bench"))
            return (time.perf_counter() - began) * 1e3
        finally:
            process.terminate()
            process.wait(20)
