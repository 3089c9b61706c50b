"""A real VS Code in headless Chromium: its server, and windows in which a test does what a person does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Locator, Page, TimeoutError, expect

from tests.eventually import eventually
from tests.scratch import scratch_env
from tests.town import LiveTown

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / ".editors"
EXTENSION = ROOT / "editors/vscode"
NODE = EDITORS / "node/bin/node"
VSIX = EXTENSION / "rgt.vsix"
SPDLOG = Path(__file__).with_name("spdlog.cjs")
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
SHOTS = os.environ.get("RGT_SHOTS", "")
"""Where pictures of windows are put; empty for nowhere."""
PATIENCE = 30_000
"""Milliseconds that a test waits for what must come."""
SOON = 3_000
"""Milliseconds after which a person would press the key again."""
SETTINGS = {
    "workbench.colorTheme": os.environ.get("RGT_THEME", "Default Light Modern"),
    # The terminal's text is then in the page, not in a canvas.
    "terminal.integrated.gpuAcceleration": "off",
    # A window whose last one had terminals would open a shell, at times in front of the one that a test asks for.
    "terminal.integrated.hideOnStartup": "whenEmpty",
    "workbench.startupEditor": "none",
    "workbench.reduceMotion": "on",
    "workbench.enableExperiments": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.welcomePage.walkthroughs.openOnInstall": False,
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "git.enabled": False,
    "window.newWindowDimensions": "inherit",
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.banner": "never",
}
expect.set_options(timeout=PATIENCE)


def server_script() -> Path | None:
    """VS Code's server, as scripts/install-vscode.sh has put it."""
    return next(EDITORS.glob("code-server-*/package/lib/vscode/out/server-main.js"), None)


def lacking() -> str:
    """What is missing for these tests; empty for nothing."""
    if not NODE.exists() or server_script() is None or CHROMIUM is None:
        return "VS Code, Node or Chromium are missing — scripts/install-vscode.sh .editors"
    return "" if VSIX.exists() else "the extension is not built — make vsix"


class VSCode:
    """The server of VS Code with our extension, and a place for its files."""

    def __init__(self, root: Path, *flags: str, env: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.port = _free_port()
        self._flags = flags
        self._script = str(server_script())
        # Nothing of the person who runs the suite; `rgt` is found only where a test says so.
        self._env = {**scratch_env(root), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", **(env or {})}
        self._places = [f"--{name}={root / name}" for name in ("server-data-dir", "user-data-dir", "extensions-dir")]

    def __enter__(self) -> VSCode:
        self.install(VSIX)
        settings = self.root / "user-data-dir/User/settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(SETTINGS))
        self._log = (self.root / "server.log").open("wb")
        where = ["--host=127.0.0.1", f"--port={self.port}", "--without-connection-token", "--telemetry-level=off"]
        self._process = subprocess.Popen(
            [*self._command(), *where, *self._flags],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._answers, 60, 0.05, f"VS Code's server answers, see {self._log.name}")
        return self

    def __exit__(self, *_: object) -> None:
        # The group: each window has an extension host and terminals of its own.
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._log.close()

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def install(self, vsix: Path) -> None:
        """Install an extension."""
        command = [*self._command(), "--install-extension", str(vsix)]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=120)
        assert "was successfully installed" in done.stdout, done.stdout + done.stderr

    def url(self, folder: Path, **query: str) -> str:
        """The address of a window on a folder."""
        more = "".join(f"&{key}={quote(value)}" for key, value in query.items())
        return f"http://127.0.0.1:{self.port}/?folder={quote(str(folder))}{more}"

    def _command(self) -> list[str]:
        return [str(NODE), f"--require={SPDLOG}", self._script, "--accept-server-license-terms", *self._places]

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.root / "server.log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/version", timeout=5) as answer:
                return bool(answer.read())
        except OSError:
            return False


class Window:
    """One window of VS Code, and what a person sees and does in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keys = page.keyboard

    @classmethod
    def open(cls, browser: BrowserContext, code: VSCode, folder: Path) -> Window:
        """A new window on a folder, with our extension active."""
        page = browser.new_page()
        page.goto(code.url(folder))
        window = cls(page)
        window.ready()
        return window

    def ready(self) -> None:
        """Wait until the extension has drawn itself into the status bar."""
        expect(self.page.locator(".monaco-workbench .part.statusbar")).to_be_visible(timeout=60_000)
        expect(self.status).to_be_visible(timeout=60_000)

    def close(self) -> None:
        """Close the window; what it has changed is given up."""
        self.page.close()

    # --- what is seen

    @property
    def status(self) -> Locator:
        """Our item of the status bar."""
        return self.page.locator("#rgt\\.rgt\\.town")

    @property
    def badge(self) -> Locator:
        """The number on our icon of the activity bar."""
        return self.page.locator(".activitybar .action-item:has([aria-label^='rgt']) .badge-content")

    def row(self, text: str | re.Pattern[str], under: str = "") -> Locator:
        """A line of our trees."""
        where = self.pane(under) if under else self.page.locator(".sidebar")
        return where.locator(".monaco-list-row", has_text=text)

    def pane(self, name: str) -> Locator:
        """One of our trees, with its head."""
        head = self.page.locator(f".pane-header[aria-label^='{name}']")
        return self.page.locator(".sidebar .pane", has=head)

    def lens(self, text: str | re.Pattern[str]) -> Locator:
        """A code lens. The first: while its item changes, one of its actions may say the state, too."""
        return self.page.locator(".codelens-decoration a", has_text=text).first

    @property
    def toasts(self) -> Locator:
        """Notifications that are shown."""
        return self.page.locator(".notifications-toasts .notification-list-item")

    def toast(self, text: str | re.Pattern[str]) -> Locator:
        """A notification."""
        return self.toasts.filter(has_text=text)

    @property
    def input(self) -> Locator:
        """Where one types in the quick input that is open."""
        return self.page.locator(
            ".quick-input-widget:visible input[type=text], .quick-input-widget:visible input.input"
        ).first

    def offered(self, text: str) -> Locator:
        """A line of the quick input that is open."""
        return self.page.locator(".quick-input-list .monaco-list-row", has_text=text)

    @property
    def terminal(self) -> Locator:
        """The text of the terminal in front."""
        return self.page.locator(".terminal-wrapper.active .xterm-rows")

    @property
    def output(self) -> Locator:
        """The text of the output channel in front."""
        return self.page.locator(".output-view .view-lines")

    @property
    def editor(self) -> Locator:
        """The text of the editor in front."""
        return self.page.locator(".editor-group-container.active .view-lines")

    @property
    def welcome(self) -> Locator:
        """What is said in the place of the tree of needs."""
        return self.pane("Needs you").locator(".welcome-view")

    # --- what is done

    def press(self, within: Locator, button: str) -> None:
        """Press a button of a notification, dialog or welcome text."""
        within.locator(".monaco-button", has_text=re.compile(f"^{re.escape(button)}$")).first.click()

    def palette(self, title: str) -> None:
        """Run a command as a person does: F1, its title, Enter on the line that says exactly that."""
        self._ask("F1", f">{title}", title)

    def _ask(self, key: str, text: str, offered: str) -> None:
        """Open the quick input by its key, type, and take the line once it is in front.

        And once more the key when what was begun before has taken the keys, such as a terminal in front: the quick
        input closes then, and Enter must not go to what has them."""

        def taken() -> bool:
            self.keys.press(key)
            try:
                self.input.fill(text, timeout=SOON)
                expect(self._in_front).to_contain_text(offered, timeout=SOON)
                self.input.press("Enter", timeout=SOON)
            except (AssertionError, TimeoutError):
                return False
            return True

        eventually(taken, PATIENCE / 1000, what=f"{key} offers {offered}")

    def choose(self, text: str) -> None:
        """Type into the quick input that is open, and take the line that then is in front."""
        self.type(text, enter=False)
        expect(self._in_front).to_contain_text(text)
        self.input.press("Enter")

    @property
    def _in_front(self) -> Locator:
        return self.page.locator(".quick-input-list .monaco-list-row.focused")

    def type(self, text: str, enter: bool = True) -> None:
        """Answer the quick input that is open."""
        expect(self.input).to_be_visible()
        self.input.fill(text)
        if enter:
            self.input.press("Enter")

    def file(self, name: str) -> None:
        """Open a file of the folder."""
        self._ask("Control+P", name, name)
        expect(self.page.locator(".tab.active", has_text=re.compile(f"^{re.escape(name)}"))).to_be_visible()
        self.in_editor()

    def go_to_line(self, number: int) -> None:
        """Put the cursor at the start of a line."""
        self.keys.press("Control+G")
        self.type(f":{number}")
        expect(self.input).to_have_count(0)
        expect(self.page.locator(".statusbar")).to_contain_text(f"Ln {number}, Col 1")
        self.in_editor()

    def select_first_line(self) -> None:
        """Select the first line of the file in front, again while what was begun before has moved the cursor."""

        def selected() -> bool:
            self.keys.press("Control+Home")
            self.keys.press("Shift+End")
            try:
                expect(self.page.locator(".statusbar")).to_contain_text(re.compile(r"Ln 1, .*selected"), timeout=SOON)
            except AssertionError:
                return False
            return True

        eventually(selected, PATIENCE / 1000, what="the first line is selected")

    def fix(self, title: str) -> Locator:
        """Ask what can be done about the cursor's line, again while VS Code finds nothing; gives the line that begins
        with `title`."""
        action = self.page.locator(".action-widget .monaco-list-row", has_text=title)

        def found() -> bool:
            self.keys.press("Control+.")
            try:
                expect(action).to_be_visible(timeout=SOON)
            except AssertionError:
                return False
            return True

        eventually(found, PATIENCE / 1000, what=f"it offers {title}")
        return action

    def in_editor(self) -> None:
        """Wait until keys go into the text of the editor."""
        expect(self.page.locator(".editor-group-container.active .monaco-editor.focused")).to_be_visible()

    def town(self) -> None:
        """Open our view in the side bar; again when a window that is new has put another one there meanwhile."""

        def shown() -> bool:
            self.palette("rgt: Focus on Needs you View")
            try:
                expect(self.pane("Needs you")).to_be_visible(timeout=SOON)
            except AssertionError:
                return False
            return True

        eventually(shown, PATIENCE / 1000, what="our view is in the side bar")

    def inline(self, row: Locator, action: str) -> None:
        """Press a button at the end of a tree's line."""
        row.hover()
        row.locator(f".actions [aria-label^='{action}']").click()

    def menu(self, row: Locator, action: str) -> None:
        """Choose from the menu of a tree's line. By keys: a click that comes as soon as the menu is let pass."""
        row.click(button="right")
        item = self.page.locator(".context-view .action-item", has_text=action)
        item.hover()
        expect(item).to_have_class(re.compile(r"\bfocused\b"))
        self.keys.press("Enter")
        expect(item).to_have_count(0)

    def dismiss(self) -> None:
        """Put all notifications away."""
        self.palette("Notifications: Clear All Notifications")
        expect(self.toasts).to_have_count(0)

    def in_terminal(self, text: str) -> None:
        """Wait for the terminal that comes to the front, with this in it."""
        expect(self.terminal).to_contain_text(text)
        expect(self.page.locator(".terminal-wrapper.active .xterm-helper-textarea")).to_be_focused()

    def shot(self, name: str) -> None:
        """Keep a picture of the window, where somebody wants such."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


def settings_of(folder: Path, **settings: Any) -> Path:
    """Write a folder's own settings."""
    path = folder / ".vscode/settings.json"
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(settings)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def found_rig(town: LiveTown, name: str, **config: Any) -> None:
    """Add a rig with any setting; in a thread of its own, since Playwright has this one's event loop."""
    with ThreadPoolExecutor(1) as other:
        other.submit(town.found_rig, name, **config).result(60)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
