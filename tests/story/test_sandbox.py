"""Contract 10 with a real town: in the sandbox an agent commits and speaks to the worker, and reaches nothing else."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from rgt.host.sandbox import Fence, unusable, words
from rgt.model.runtime import Preset
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import RGT, LiveTown, steps

pytestmark = pytest.mark.skipif(bool(unusable()) and "CI" not in os.environ, reason=unusable())
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


HOSTILE = r"""
w=$PWD; admin=$(git rev-parse --absolute-git-dir); hub=$(git rev-parse --path-format=absolute --git-common-dir)
mkdir hooks; printf '#!/bin/sh\necho "$0 $*" >> MARKER\ncat\n' > hooks/evil; chmod +x hooks/evil
for name in post-checkout post-index-change reference-transaction; do cp hooks/evil hooks/$name; done
printf '[core]\n\tfsmonitor = %s\n\thooksPath = %s\n[filter "x"]\n\tclean = %s\n\tsmudge = %s\n' \
  $w/hooks/evil $w/hooks $w/hooks/evil $w/hooks/evil > settings
settings() { for f; do cat settings >> "$f" || cp settings "$f" || { rm -rf "$f"; cp settings "$f"; }; done; }
echo mine > work.txt; mkdir sub; git init -q sub
(cd sub; echo 1 > a; git add a; git -c user.name=x -c user.email=x@y commit -qm x; echo '* filter=x' > .gitattributes)
git -c advice.addEmbeddedRepo=false add sub; settings sub/.git/config; touch sub/a
printf '[submodule "sub"]\n\tpath = sub\n\turl = x\n\tignore = none\n' > .gitmodules; echo '* filter=x' > .gitattributes
settings "$admin/config.worktree" "$hub/config" "$hub/config.worktree" "$hub/info/attributes" "$hub/hooks/post-checkout"
git config --worktree core.fsmonitor $w/hooks/evil; git config core.fsmonitor $w/hooks/evil
cp -r sub/.git other.git; echo "$w/other.git" > "$admin/commondir"; echo "$w/other.git" > "$hub/objects/info/alternates"
rm -f "$admin/locked"; mkfifo "$admin/locked"; rm -f "$admin/logs/HEAD"; ln -s MARKER "$admin/logs/HEAD"
rm -f .git; cp -r other.git .git; mkfifo .git; mkfifo "$admin/MERGE_HEAD"
rm -f "$admin/HEAD.lock"; exec true
"""


def hangs(agent: Inside) -> None:
    """Wait until the attack is over: while it goes on, a link may come to where git is about to write."""
    progress = agent.directory / "progress.json"
    eventually(lambda: progress.is_file() and '"step": 3' in progress.read_text(), 30)


def test_an_agent_that_turns_its_worktree_against_the_town_stays_in_its_sandbox(shared: LiveTown) -> None:
    """It dies, is started again, is asked about, examined, finished by a person and ended, with its work kept."""
    town = shared
    town.home.town_toml.write_text("[runtime.scripted]\nsandbox = true\n")
    make_repo(town.root / "hostile")
    town.add_rig("hostile", town.root / "hostile")
    marker = town.root / "marker"
    marker.write_text("")
    attack = HOSTILE.replace("MARKER", str(marker))
    turning = f"do = \"write\"\npath = \"attack\"\ntext = '''{attack}'''"
    item = town.create("hostile", steps(turning, 'do = "run"\nok = "any"\ncmd = "sh attack"', 'do = "hang"'))
    town.sling(item, target="hostile")
    agent = agent_of(town, item)
    hangs(agent)
    assert (agent.cwd / "other.git").is_dir() and (agent.cwd / "settings").is_file(), "it did what it could"
    began = time.monotonic()
    agent.kill()
    second = agent_of(town, item, after=agent)
    assert second.cwd == agent.cwd and (agent.cwd / "work.txt").exists()
    for argv in (["status"], ["doctor"], ["session", "list"], ["work", "show", item], ["mq", "list"]):
        town.run(*argv, cwd=agent.cwd)
    town.rgt("polecat", "kill", second.env["GTR_ADDRESS"])
    hangs(agent_of(town, item, after=second))
    assert marker.read_text() == ""
    hub = town.home.rig("hostile").hub
    for kept in town.ask("work", "recover", item, "--list"):
        if "/snap/" in kept:
            assert "work.txt" in town.git("ls-tree", "--name-only", kept.split()[0], cwd=hub).splitlines()
            break
    else:
        raise AssertionError("nothing was kept")
    town.rgt("done", item, cwd=agent.cwd / "sub")
    town.becomes(item, "merged")
    nobody_has(town, item)
    assert (town.root / "hostile/work.txt").exists()
    assert marker.read_text() == "" and time.monotonic() - began < 60
