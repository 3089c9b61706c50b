"""What the plugin takes from the start of Neovim, and what an editor costs in which nothing happens."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import psutil

from bench.figures import Figure
from bench.harness import QUICK, count, live
from tests.eventually import eventually
from tests.neovim.neovim import NVIM, PLUGIN, Neovim
from tests.town import LiveTown

SOURCED = re.compile(r"^\d+\.\d+ +\d+\.\d+ +(\d+\.\d+): sourcing .*/plugin/rgt\.lua$", re.MULTILINE)
STARTED = re.compile(r"^(\d+\.\d+) .*--- NVIM STARTED ---$", re.MULTILINE)


def run() -> list[Figure]:
    """Measure."""
    with live() as town:
        sourced, started, bare = _starts(town, count(30))
        seconds = 5.0 if QUICK else 30.0
        idle = _idle(town, seconds)
    return [
        Figure("Neovim: sourcing the plugin", sourced, limits={"median": 50}),
        Figure("Neovim: start with the plugin", started, "start without it", bare, {"times": 1.5}),
        Figure(f"Neovim with its server, idle for {seconds:g} s", [idle], unit="% CPU", limits={"max": 0.5}),
    ]


def _starts(town: LiveTown, times: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of the plugin's own file, of a start with it, and of one without, in turns."""
    sourced, started, bare = [], [], []
    for _ in range(times):
        told = _start(town.root, town.env, f"set rtp^={PLUGIN}")
        found = SOURCED.search(told)
        assert found, told
        sourced.append(float(found[1]))
        started.append(_whole(told))
        bare.append(_whole(_start(town.root, town.env, "")))
    return sourced, started, bare


def _start(where: Path, env: dict[str, str], command: str) -> str:
    log = where / "startup"
    log.unlink(missing_ok=True)
    argv = [str(NVIM), "--clean", "--headless", "--startuptime", str(log), "--cmd", command, "+qall"]
    subprocess.run(argv, env=env, cwd=where, capture_output=True, timeout=60, check=True)
    return log.read_text()


def _whole(told: str) -> float:
    return float(STARTED.findall(told)[-1])


def _idle(town: LiveTown, seconds: float) -> float:
    """Share of one core that an editor takes with its server, a page of the town open."""
    with Neovim.running(town.root, town.env) as nvim:
        nvim.rgt("status")
        eventually(lambda: "# Town" in nvim.text(), 30)
        editor = psutil.Process(nvim.process.pid)
        mine = [editor, *editor.children(recursive=True)]
        before = sum(sum(p.cpu_times()[:2]) for p in mine)
        time.sleep(seconds)
        return 100 * (sum(sum(p.cpu_times()[:2]) for p in mine) - before) / seconds
