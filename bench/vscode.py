"""What the extension takes when VS Code opens a folder, and what a window costs in which nothing happens."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, expect, sync_playwright

from bench.figures import Figure
from bench.harness import QUICK, count, live, repository
from tests.town import RGT, LiveTown
from tests.vscode.page import CHROMIUM, FLAGS, VSCode, Window, lacking, settings_of

TOOK = re.compile(r"(\d+)ms")
OURS = re.compile(r"^rgt\b")


def run() -> list[Figure]:
    """Measure, where VS Code is there (`make vscode`)."""
    if why := lacking():
        print(f"  left out: {why}", flush=True)
        return []
    seconds = 5.0 if QUICK else 30.0
    with live() as town, _browser(town) as browser:
        folder = repository(town, "api")
        settings_of(folder, **{"rgt.server.path": str(RGT), "rgt.home": str(town.home.root)})
        with _code(town, Bare, "bare") as code:
            page = browser.new_page()
            page.goto(code.url(folder))
            expect(page.locator(".monaco-workbench .part.statusbar")).to_be_visible(timeout=60_000)
            bare, _ = _idle(code, seconds)
            page.close()
        with _code(town, VSCode, "code") as code:
            activated = []
            for _ in range(count(10)):
                window = Window.open(browser, code, folder)
                activated.append(_activation(window))
                window.close()
        with _code(town, VSCode, "idle") as code:
            window = Window.open(browser, code, folder)
            window.town()
            host, server = _idle(code, seconds)
    name = f"idle for {seconds:g} s"
    return [
        Figure("VS Code: activating the extension", activated, limits={"median": 50}),
        Figure(f"VS Code's extension host, {name}", [host], "without the extension", [bare], unit="% CPU"),
        Figure(f"VS Code's `rgt lsp`, {name}", [server], unit="% CPU", limits={"max": 0.5}),
    ]


class Bare(VSCode):
    """VS Code without the extension."""

    def install(self, vsix: Path) -> None:
        """Nothing."""


@contextmanager
def _code(town: LiveTown, kind: type[VSCode], name: str) -> Iterator[VSCode]:
    place = town.root / name
    place.mkdir()
    with kind(place, "--disable-workspace-trust", env={"TMUX_TMPDIR": str(town.root)}) as code:
        yield code


@contextmanager
def _browser(town: LiveTown) -> Iterator[BrowserContext]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        profile = str(town.root / "profile")
        context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        yield context
        context.close()


def _activation(window: Window) -> float:
    """Milliseconds that VS Code says the extension took: its code loaded, and `activate`."""
    window.palette("Developer: Show Running Extensions")
    row = window.page.locator(".runtime-extensions-editor .monaco-list-row").filter(
        has=window.page.locator(".name", has_text=OURS)
    )
    told = row.locator(".activation-time")
    expect(told).to_have_text(TOOK)
    found = TOOK.search(told.inner_text())
    assert found
    return float(found[1])


def _idle(code: VSCode, seconds: float) -> tuple[float, float]:
    """Shares of one core that the extension host of the one window takes, and `rgt lsp`, once all is at rest."""
    time.sleep(seconds / 2)
    children = psutil.Process(code.pid).children(recursive=True)
    kinds = [
        [p for p in children if "--type=extensionHost" in p.cmdline()],
        [p for p in children if "rgt.lsp" in p.cmdline()],
    ]
    before = [_cpu(kind) for kind in kinds]
    time.sleep(seconds)
    host, server = (100 * (_cpu(kind) - b) / seconds for kind, b in zip(kinds, before, strict=True))
    return host, server


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(p.cpu_times()[:2]) for p in processes)
