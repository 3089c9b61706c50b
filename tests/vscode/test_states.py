"""What a window says when something is missing, stopped or away, and that one press mends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.eventually import eventually
from tests.town import RGT, LiveTown
from tests.vscode.page import VSCode, Window, settings_of


@pytest.fixture
def own(tmp: Path, place: Path) -> Iterator[LiveTown]:
    """A town that is started from the window, if at all."""
    (tmp / "home").mkdir()
    live = LiveTown(tmp, env={"TMUX_TMPDIR": str(place)})
    yield live
    live.stop()


def other(tmp: Path, text: str) -> Path:
    """A program of that name."""
    path = tmp / "rgt"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("what", ["missing", "broken", "wrong version"])
def test_a_program_that_is_not_there_or_does_not_fit_is_chosen(
    what: str, tmp: Path, folder: Path, window: Callable[[Path], Window]
) -> None:
    text = {"broken": "echo no python here >&2; exit 3", "wrong version": "echo rgt 9.0.0"}.get(what)
    program = other(tmp, text) if text else tmp / "nowhere/rgt"
    settings_of(folder, **{"rgt.server.path": str(program), "rgt.home": str(tmp / "gtr")})
    w = window(folder)
    w.town()
    does = {
        "missing": "the program was not found",
        "broken": "the program does not run",
        "wrong version": "another version is needed",
    }
    says = {"missing": "not installed", "broken": "does not run", "wrong version": "of another version"}
    expect(w.welcome).to_contain_text(says[what])
    expect(w.welcome.locator(".monaco-button")).to_have_count(1)
    expect(w.toasts).to_have_count(0)
    w.shot(f"state-{what.replace(' ', '-')}")
    w.palette("rgt: Start Town")
    expect(w.toast(f"rgt: {does[what]}")).to_be_visible()
    w.dismiss()
    w.welcome.locator(".monaco-button").click()
    w.type(str(tmp / "other"))
    expect(w.page.locator(".quick-input-message")).to_contain_text("no program of this name")
    if what == "missing":
        w.page.locator(".quick-input-titlebar [aria-label='Browse…']").click()
        expect(w.input).to_have_value(f"{folder}/")
        w.type(str(RGT), enter=False)
        expect(w.offered("activate.csh")).to_be_visible()
        w.press(w.page.locator(".quick-input-widget"), "Use this rgt")
    else:
        w.type(str(RGT))
    expect(w.welcome).to_contain_text("no town")
    expect(w.toasts).to_have_count(0)


def test_a_town_is_founded_and_stopped_and_started(
    own: LiveTown, folder: Path, window: Callable[[Path], Window]
) -> None:
    w = window(folder)
    w.town()
    expect(w.welcome).to_contain_text("There is no town")
    w.press(w.welcome, "Found a Town")
    expect(w.welcome).to_contain_text("Nothing waits for you", timeout=60_000)
    expect(w.pane("Agents").locator(".welcome-view")).to_contain_text("No repository belongs to the town yet")
    own.rgt("down")
    expect(w.welcome).to_contain_text("The town sleeps")
    w.press(w.welcome, "Wake the Town")
    expect(w.welcome).to_contain_text("Nothing waits for you")
    own.rgt("stop")
    expect(w.welcome).to_contain_text("The town is stopped")
    w.shot("state-stopped")
    w.press(w.welcome, "Start Town")
    expect(w.welcome).to_contain_text("Nothing waits for you", timeout=60_000)


def test_a_worker_that_is_away_is_waited_for(town: LiveTown, checkout: Path, window: Callable[[Path], Window]) -> None:
    item = town.create("Stay in sight", "", "--rig", "api")
    w = window(checkout)
    w.town()
    expect(w.row("Stay in sight")).to_be_visible()
    worker = psutil.Process(town.pid("worker"))
    keeper = worker.parent()
    assert keeper is not None
    keeper.suspend()
    try:
        worker.kill()
        expect(w.status.locator(".codicon-sync")).to_be_visible()
        expect(w.row("Stay in sight")).to_be_visible()
        expect(w.toasts).to_have_count(0)
        w.shot("state-away")
    finally:
        keeper.resume()
    expect(w.status.locator(".codicon-organization")).to_be_visible()
    town.rgt("work", "close", item)
    expect(w.row("Stay in sight")).to_have_count(0)


def test_a_language_server_that_dies_comes_back_and_at_last_asks_for_it(
    town: LiveTown, checkout: Path, window: Callable[[Path], Window]
) -> None:
    w = window(checkout)
    w.town()
    up = w.status.locator(".codicon-organization")
    dead: set[int] = set()
    for _ in range(4):
        expect(up).to_be_visible()

        def other_one() -> psutil.Process | None:
            return next((p for p in servers(checkout) if p.pid not in dead), None)

        process = eventually(other_one, 20, 0.05, "a server")
        assert process is not None
        dead.add(process.pid)
        process.send_signal(signal.SIGKILL)
    expect(w.welcome).to_contain_text("The language server of rgt has ended")
    w.press(w.welcome, "Restart Server")
    expect(up).to_be_visible()


def servers(checkout: Path) -> list[psutil.Process]:
    """The language servers of windows on a town that stands beside this checkout."""
    found = []
    for process in psutil.process_iter():
        try:
            if "rgt.lsp" in process.cmdline() and process.environ().get("GTR_ROOT") == str(checkout.parent / "gtr"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_two_windows_and_a_reload_show_one_town(
    town: LiveTown, checkout: Path, window: Callable[[Path], Window]
) -> None:
    one, two = window(checkout), window(checkout)
    one.town()
    two.town()
    item = town.create("Seen by both", "", "--rig", "api")
    for w in (one, two):
        expect(w.row("Seen by both")).to_be_visible()
    one.inline(one.row("Seen by both"), "Sling")
    one.choose("api")
    for w in (one, two):
        expect(w.row("Seen by both", "Agents")).to_be_visible()
    two.page.reload()
    two.ready()
    expect(two.row("Seen by both", "Agents")).to_be_visible()
    expect(two.toasts).to_have_count(0)
    town.rgt("unsling", item)
    town.rgt("work", "close", item)


def test_nothing_is_started_in_a_folder_that_is_not_trusted(
    place: Path, tmp: Path, folder: Path, browser: BrowserContext
) -> None:
    called = tmp / "called"
    program = other(tmp, f'touch {called}; exec {RGT} "$@"')
    settings_of(folder, **{"rgt.server.path": str(program), "rgt.home": str(tmp / "gtr")})
    root = tmp / "code"
    root.mkdir()
    with VSCode(root, env={"TMUX_TMPDIR": str(place), "PATH": f"{RGT.parent}{os.pathsep}/usr/bin:/bin"}) as code:
        w = Window.open(browser, code, folder)
        w.town()
        expect(w.welcome).to_contain_text("not trusted")
        w.shot("state-untrusted")
        assert not called.exists()
        w.press(w.welcome, "Trust This Folder")
        trust = w.page.locator(".workspace-trust-editor .monaco-button", has_text="Trust").first
        trust.click()
        expect(w.welcome).to_contain_text("no town")
        assert called.exists()
        w.close()
