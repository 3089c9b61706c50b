"""Contract 10 with a real town: in the sandbox an agent commits and speaks to the worker, and reaches nothing else."""

from __future__ import annotations

import subprocess

import pytest

from rgt.host.sandbox import Fence, unusable, words
from rgt.model.runtime import Preset
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of
from tests.town import RGT, LiveTown, steps

pytestmark = pytest.mark.skipif(bool(unusable()), reason=unusable())
IDENTITY = "git -c user.name=nux -c user.email=nux@example.org"


def boxed(town: LiveTown, agent: Inside, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script as this agent, in its sandbox."""
    preset = Preset(name="x", command=["x"], sandbox=True)
    source = str(town.root / "api")
    argv = words(preset, Fence(town.home, town.home.rig("api"), agent.cwd, agent.directory, source))
    return subprocess.run(
        [*argv, "sh", "-c", script],
        env=agent.env,
        cwd=agent.cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_10_in_the_sandbox_the_agent_reaches_the_worker_and_no_key(shared: LiveTown) -> None:
    """Also a worker that was killed and has come back, with another socket in the same place."""
    town = shared
    make_repo(town.root / "api")
    town.add_rig("api", town.root / "api")
    item = town.create("fenced", steps('do = "hang"'))
    town.sling(item, target="api")
    agent = agent_of(town, item)
    hooked = boxed(town, agent, f"{RGT} hook")
    assert item in hooked.stdout, hooked.stderr
    before = town.pid("worker")
    town.kill("worker")
    eventually(lambda: town.pid("worker") != before, 30)
    eventually(lambda: item in boxed(town, agent, f"{RGT} hook").stdout, 30)
    assert boxed(town, agent, f"cat {town.home.key}").returncode
    assert not boxed(town, agent, f"ls {town.home.temporal}; ls {town.home.logs}").stdout
    assert boxed(town, agent, f"tmux -S {town.home.agents_tmux} ls").returncode
    done = boxed(town, agent, f"echo x > x && git add x && {IDENTITY} commit -qm x && {RGT} done")
    assert done.returncode == 0, done.stderr + done.stdout
    town.becomes(item, "merged")
