"""One VS Code, one browser and one town for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import RGT, LiveTown
from tests.vscode.page import CHROMIUM, FLAGS, VSCode, Window, lacking, settings_of

FILES = {"README.md": "# sample\n", "src/app.py": "print('hello')\n", ".gitignore": ".vscode/\n"}
CI = bool(os.environ.get("CI"))
"""Whether this is a run that lets changes in; the environment of a test itself does not say so any more."""


@pytest.fixture(scope="package")
def present() -> None:
    """What these tests drive is there. In CI what cannot run is no success."""
    if why := lacking():
        (pytest.fail if CI else pytest.skip)(why)


@pytest.fixture(scope="package")
def place(present: None) -> Iterator[Path]:
    """A private directory with a short path."""
    with scratch_dir() as root:
        yield root


@pytest.fixture(scope="package")
def browser(place: Path) -> Iterator[BrowserContext]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(place / "profile"), executable_path=CHROMIUM, headless=True,
            viewport={"width": 1280, "height": 800}, args=FLAGS,
        )  # fmt: skip
        yield context
        context.close()


@pytest.fixture(scope="package")
def code(place: Path) -> Iterator[VSCode]:
    """VS Code's server, in which every folder is trusted."""
    (place / "code").mkdir()
    env = {"TMUX_TMPDIR": str(place), "GIT_CONFIG_GLOBAL": str(place / "gitconfig")}
    with VSCode(place / "code", "--disable-workspace-trust", env=env) as server:
        yield server


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test has failed."""
    report = yield
    item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def window(browser: BrowserContext, code: VSCode, request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Window]]:
    """Opens windows, which are closed afterwards; of a test that fails they are pictured."""
    opened: list[Window] = []

    def open(folder: Path) -> Window:
        opened.append(Window.open(browser, code, folder))
        return opened[-1]

    yield open
    for number, one in enumerate(opened):
        if request.node.stash.get(FAILED, False):
            one.shot(f"failed-{request.node.name}-{number}")
        one.close()


@pytest.fixture(scope="package")
def town(place: Path) -> Iterator[LiveTown]:
    """A town with the rigs `api` and `web`, whose agents are scripted."""
    live = LiveTown(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(place / "gitconfig"))
        make_repo(place / "repo", FILES)
        make_repo(place / "web", FILES)
    live.home.config.mkdir(parents=True)
    live.home.town_toml.write_text('[runtime]\ndefault = "scripted"\n')
    live.rgt("start")
    live.add_rig("api", place / "repo")
    live.add_rig("web", place / "web")
    yield live
    live.stop()


@pytest.fixture
def checkout(town: LiveTown) -> Path:
    """The checkout of the rig `api`, as a folder that finds this rgt and its town."""
    path = town.root / "repo"
    settings_of(path, **{"rgt.server.path": str(RGT), "rgt.home": str(town.home.root)})
    return path


@pytest.fixture
def agent(town: LiveTown) -> Iterator[dict[str, Any]]:
    """An agent that has a shell in its terminal; it is taken back afterwards."""
    item = town.create("Say hello", "", "--rig", "api")
    town.sling(item, target="api")
    yield next(a for a in town.working() if a["item"] == item)
    town.rgt("unsling", item)
    town.rgt("work", "close", item)


@pytest.fixture
def folder(tmp: Path) -> Path:
    """A folder that is opened: it finds this rgt and the town of `tmp`."""
    path = tmp / "folder"
    path.mkdir()
    settings_of(path, **{"rgt.server.path": str(RGT), "rgt.home": str(tmp / "gtr")})
    return path
