"""The suite that runs inside the extension host, where the whole API of the editor is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from tests.eventually import eventually
from tests.town import LiveTown
from tests.vscode.page import EXTENSION, VSCode


def test_the_suite_inside_the_editor(
    town: LiveTown, checkout: Path, agent: Any, browser: BrowserContext, place: Path
) -> None:
    root = place / "inhost"
    root.mkdir()
    suite = root / "suite.js"
    shutil.copy(EXTENSION / "dist/test/suite.js", suite)
    env = {"TMUX_TMPDIR": str(place), "GIT_CONFIG_GLOBAL": str(place / "gitconfig")}
    said: list[str] = []
    ended: list[int] = []
    # A built product takes `extensionTestsPath` only together with the driver of its own smoke tests.
    with VSCode(root, "--disable-workspace-trust", "--enable-smoke-test-driver", env=env) as code:
        page = browser.new_page()
        page.expose_function("codeAutomationLog", lambda kind, told: said.extend(map(str, told)))
        page.expose_function("codeAutomationExit", lambda status, logs=None: ended.append(status))
        remote = f"vscode-remote://127.0.0.1:{code.port}"
        installed = next((root / "extensions-dir").glob("rgt.rgt-*"))
        payload = [["extensionDevelopmentPath", f"{remote}{installed}"], ["extensionTestsPath", f"{remote}{suite}"]]
        page.goto(code.url(checkout, payload=json.dumps(payload)))

        def over() -> bool:
            page.wait_for_timeout(20)  # Playwright tells of calls while it waits.
            return bool(ended)

        try:
            eventually(over, 120, 0, "the suite ends")
        finally:
            page.close()
    lines = [line for line in said if "INHOST" in line]
    assert ended == [0] and "INHOST all 7" in lines[-1], "\n".join(lines)
