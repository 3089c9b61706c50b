"""A town whose agents are the real Claude Code, with a stub of the model on loopback and a key that is none."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rgt.host import processes, sessions
from rgt.host.tmux import Tmux
from tests.claude.alone import Alone
from tests.claude.stub import Stub, script, stub
from tests.repos import make_repo
from tests.runtimes.stage import Stage
from tests.scratch import scratch_dir
from tests.town import LiveTown

PROGRAM = Path(sys.prefix) / "claude-code" / "claude"
RIG = "claudes"
KEY = "sk-ant-dummy-key-of-the-tests-0123456789"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the program there is nothing to test here; `scripts/install-claude.sh` says why it is not there."""
    if not PROGRAM.exists():
        for item in items:
            if "tests/claude" in str(item.path):
                item.add_marker(pytest.mark.skip("Claude Code could not be installed: run scripts/install-claude.sh"))


def sling(town: LiveTown, title: str, *steps: object, target: str = RIG) -> str:
    """An item whose description is a script, on a polecat that runs Claude Code."""
    item = town.create(title, description=script(*steps))
    town.rgt("sling", item, "--target", target)
    return item


@pytest.fixture(scope="module")
def api() -> Iterator[Stub]:
    """The model's API."""
    with stub() as server:
        yield server


@pytest.fixture(scope="module")
def claude(api: Stub) -> Iterator[LiveTown]:
    """A running town with a rig, whose default runtime is Claude Code."""
    with scratch_dir() as root:
        env = {"ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_MAX_RETRIES": "1"}
        live = LiveTown(root, env)
        live.env["PATH"] = f"{PROGRAM.parent}{os.pathsep}{live.env['PATH']}"
        live.home.config.mkdir(parents=True)
        live.home.town_toml.write_text(f'[runtime]\ndefault = "claude"\n[runtime.claude]\nbase_url = "{api.url}"\n')
        try:
            live.rgt("start")
            make_repo(root / "repo")
            live.add_rig(RIG, root / "repo", "test=test ! -e bad.txt")
            yield live
            live.stop()
        finally:
            live.run("stop")


@pytest.fixture
async def alone(tmp: Path, api: Stub) -> AsyncIterator[Alone]:
    """Claude Code without a town."""
    os.environ.update(ANTHROPIC_API_KEY=KEY, PATH=f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}")
    stage = Stage(tmp)
    make_repo(stage.worktree)
    running = Alone(stage, Tmux(stage.home.agents_tmux, stage.home.tmux_conf), api)
    yield running
    if running.session:
        await sessions.end(running.tmux, running.session, 1.0)
    # Never by a mark that is not of this test alone: others on this machine run agents too.
    for proc in processes.find_by_env("GTR_ROOT", str(stage.home.root)):
        await processes.end(proc, 0.0)
    await running.tmux.kill_server()
