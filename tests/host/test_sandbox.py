"""The sandbox with the real bubblewrap: what an agent can still do in it, and what not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rgt.host import hub, sandbox, saving, trees, worktrees
from rgt.host.sandbox import Fence, unusable, words
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Preset
from tests.repos import commit, fails, make_rig, sh
from tests.scratch import scratch_dir

bubblewrap = pytest.mark.skipif(bool(unusable()) and "CI" not in os.environ, reason=unusable())


@dataclass
class Box:
    """An agent's worktree in a rig of a town that has keys and a sibling."""

    fence: Fence
    preset: Preset
    sibling: Path

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the sandbox."""
        argv = [*words(self.preset, self.fence), "sh", "-c", script]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def does(self, script: str) -> str:
        """What a script prints, which must succeed."""
        done = self.run(script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, script: str) -> str:
        """What a script complains of, which must fail."""
        done = self.run(script)
        assert done.returncode, done.stdout
        return done.stderr


@pytest.fixture
def place(tmp: Path) -> Iterator[Path]:
    """A directory that is not in /tmp, which an agent in a sandbox does not see."""
    with scratch_dir(place="/var/tmp") as path:
        os.environ["GIT_CONFIG_GLOBAL"] = str(path / "gitconfig")
        yield path


@pytest.fixture
async def box(place: Path) -> Box:
    home = Home(place / "gtr")
    rig, source, _ = await make_rig(home)
    base = await hub.target_head(rig, "main")
    nux, ace = [
        await worktrees.prepare(rig, name, item, refs.work_branch(name, item), base)
        for name, item in (("nux", "gt-00001"), ("ace", "gt-00002"))
    ]
    agent_dir = home.agent_dir("polecat/api/nux")
    for path in (home.key, agent_dir / "policy.json", home.agent_dir("polecat/api/ace") / "x", place / ".ssh/id"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    (place / "cache").mkdir()
    (place / ".netrc").write_text("secret")
    preset = Preset(
        name="x",
        command=["x"],
        sandbox=True,
        sandbox_write=[str(place / "cache"), "/gone"],
        sandbox_hide=[str(place / ".ssh"), str(place / ".netrc"), "/gone"],
    )
    return Box(Fence(home, rig, nux, agent_dir, str(source)), preset, ace)


def test_no_sandbox_unless_it_is_wanted(home: Home) -> None:
    fence = Fence(home, home.rig("api"), Path("/gone"), Path("/gone"))
    assert words(Preset(name="x", command=["x"]), fence) == ()


def test_a_machine_without_bubblewrap_says_so(home: Home, tmp: Path) -> None:
    """And no agent starts outside of the sandbox that it was to have."""
    path = os.environ["PATH"]
    os.environ["PATH"] = str(tmp)
    unusable.cache_clear()
    try:
        with pytest.raises(RgtError) as caught:
            words(Preset(name="x", command=["x"], sandbox=True), Fence(home, home.rig("api"), tmp, tmp))
    finally:
        os.environ["PATH"] = path
        unusable.cache_clear()
    assert (caught.value.code, caught.value.message) == ("missing", "bubblewrap is not installed")


@bubblewrap
def test_10_a_commit_in_the_worktree_works(box: Box) -> None:
    box.does("echo 1 > new && git add new && git commit -qm new && git status && git stash list")
    assert sh(box.fence.worktree, "log", "-1", "--format=%s") == "new"
    assert sh(box.fence.rig.hub, "log", "-1", "--format=%s", refs.work_branch("nux", "gt-00001")) == "new"
    box.does("echo 2 > new && git stash && git stash pop && git checkout -q -b mine && git branch -D mine 2>&1; true")


@bubblewrap
def test_10_siblings_the_rig_and_the_target_can_be_read_and_not_written(box: Box) -> None:
    sibling, source, bare = box.sibling, Path(box.fence.rig_path), box.fence.rig.hub
    for path in (sibling / "x", source / "x", bare / "config", bare / "hooks/pre-push", bare / "packed-refs"):
        assert "Read-only file system" in box.fails(f"echo x >> '{path}'"), path
    assert box.does(f"cat '{sibling}/README.md' '{source}/README.md'") == "# sample\n" * 2
    target = refs.target("main")
    before = sh(bare, "rev-parse", target)
    round_the_hooks = f"git -c core.hooksPath=/dev/null update-ref {target} HEAD"
    assert "unable to create" in box.fails(f"git commit -q --allow-empty -m x && {round_the_hooks}").lower()
    assert "Read-only file system" in box.fails(f"git rev-parse HEAD > '{bare}/{target}'")
    assert sh(bare, "rev-parse", target) == before


@bubblewrap
def test_10_keys_and_other_agents_are_not_there(box: Box, place: Path) -> None:
    home, rig = box.fence.home, box.fence.rig
    for path in (home.key, home.config, home.agent_dir("polecat/api/ace"), place / ".ssh/id", home.temporal):
        assert "No such file" in box.fails(f"ls '{path}'"), path
    for path in (hub.landing_key(rig), place / ".netrc"):
        assert "Permission denied" in box.fails(f"cat '{path}'"), path
    assert "Read-only" in box.fails(f"echo {{}} > '{box.fence.agent_dir}/policy.json'")
    box.does(f"echo x > '{box.fence.agent_dir}/mine' && echo x > '{place}/cache/x' && echo x > /tmp/x")
    assert (place / "cache/x").exists() and (box.fence.agent_dir / "tmp/x").exists()


@bubblewrap
def test_10_an_installation_below_tmp_is_there(box: Box, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own environment, and where the package is that an editable one points to."""
    for name in ("venv", "rgt"):
        (tmp / name).mkdir()
        (tmp / name / "x").write_text(name)
    monkeypatch.setattr(sys, "prefix", str(tmp / "venv"))
    monkeypatch.setattr(sandbox, "PACKAGE", tmp / "rgt")
    assert box.does(f"cat '{tmp}/venv/x' '{tmp}/rgt/x'; ls '{tmp}'").split() == ["venvrgtrgt", "venv"]


@bubblewrap
def test_10_nobody_outside_is_seen_or_signalled(box: Box) -> None:
    sleeper = subprocess.Popen(["sleep", "60"], env={**os.environ, "GTR_TOKEN": "secret"})
    try:
        box.fails(f"kill -9 {sleeper.pid}")
        assert "secret" not in box.does("cat /proc/[0-9]*/environ")
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


@bubblewrap
def test_it_ends_with_its_parent(box: Box) -> None:
    argv = [*words(box.preset, box.fence), "sh", "-c", "echo up; exec sleep 60"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    process.kill()
    process.wait()
    assert process.stdout.read() == "", "nobody holds the other end any more"


@bubblewrap
def test_what_is_no_worktree_of_the_hub_is_refused(box: Box, tmp: Path) -> None:
    (tmp / "wt").mkdir()
    fence = Fence(box.fence.home, box.fence.rig, tmp / "wt", box.fence.agent_dir)
    with pytest.raises(RgtError, match="is no worktree"):
        sandbox.words(box.preset, fence)


SETTINGS = '[core]\n\tfsmonitor = {evil}\n\thooksPath = {hooks}\n[filter "x"]\n\tclean = {evil}\n'


@pytest.fixture
def evil(box: Box, place: Path) -> Path:
    """A program that can leave its mark only outside of the sandbox."""
    hooks = box.fence.worktree / "hooks"
    hooks.mkdir()
    program = hooks / "post-index-change"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {place / "marker"}\ncat\n')
    program.chmod(0o755)
    shutil.copy(program, hooks / "reference-transaction")
    (box.fence.worktree / "settings").write_text(SETTINGS.format(evil=program, hooks=hooks))
    (box.fence.worktree / ".gitattributes").write_text("* filter=x\n")
    return program


@bubblewrap
async def test_what_tells_git_its_repository_and_settings_cannot_be_changed(box: Box, place: Path, evil: Path) -> None:
    """Nor be removed, renamed or covered; and what git of the town is then run there does nothing of the agent's."""
    bare, worktree = box.fence.rig.hub, box.fence.worktree
    tree = trees.known(bare, worktree)
    files = [worktree / ".git", *(tree.admin / name for name in sandbox.READ_ONLY_ADMIN)]
    files += [bare / "config", bare / "config.worktree", bare / "hooks/pre-push", bare / "info/exclude"]
    box.run("true")
    files.append(bare / "objects/info/alternates")
    before = {file: file.read_bytes() for file in files}
    fresh = [
        bare / "info/attributes",
        bare / "commondir",
        bare / "hooks/post-checkout",
    ]
    ways = (
        "cat settings >>",
        "cp settings",
        "mv settings",
        "ln -sf $PWD/settings",
        "rm",
        "mkfifo",
        "mount --bind settings",
    )
    for file in (*files, *fresh):
        for way in ways:
            box.run(f"cp settings kept; {way} '{file}'; cp kept settings; mv '{file}' away; cat settings > '{file}'")
            box.run(f"git config --file '{file}' core.fsmonitor {evil}")
    box.run(f"mv '{tree.admin}' away; mv '{worktree}' away; mv '{bare}/objects' away; rm -rf '{worktree}/.git'")
    box.run(f"git config core.fsmonitor {evil}; git config --worktree core.fsmonitor {evil}")
    box.run(
        f'unshare -Urm sh -c \'umount "{tree.admin}/config.worktree"; cat settings > "{tree.admin}/config.worktree"\''
    )
    assert {file: file.read_bytes() for file in files} == before
    assert not any(os.path.lexists(file) for file in fresh)
    (worktree / "README.md").write_text("changed\n")
    assert await saving.snapshot(box.fence.rig, tree, "gt-00001") and await saving.save_commit(tree, "x")
    await saving.describe(tree)
    sh(worktree, "status")
    assert not (place / "marker").exists(), (place / "marker").read_text()


@bubblewrap
async def test_an_agent_whose_hub_said_no_settings_of_its_worktree_cannot_add_some(box: Box) -> None:
    """Also when another `.git` was there at its start."""
    admin = trees.known(box.fence.rig.hub, box.fence.worktree).admin
    (admin / "config.worktree").unlink()
    (box.fence.worktree / ".git").write_text(f"gitdir: {box.fence.rig.hub}/worktrees/../hooks\n")
    assert "Read-only" in box.fails(f"echo x > '{admin}/config.worktree'")
    assert "Read-only" in box.fails(f"echo x > '{box.fence.rig.hub}/hooks/x'")


@bubblewrap
def test_10_ordinary_work_with_git_is_possible(box: Box) -> None:
    box.does(
        "set -e; echo 1 > a; git add a; git commit -qm a; git switch -qc side; echo 2 > b; git add b; git commit -qm b;"
        "git switch -q -; echo 3 > c; git add c; git commit -qm c; git merge -q --no-edit side; git tag mine;"
        "echo 4 > c; git stash -q; git stash apply -q; git commit -qam c --amend; git checkout -q --detach;"
        "git commit -q --allow-empty -m d; git switch -q -; git reset -q --hard HEAD~1; git clean -fdq;"
        "git log --oneline; git reflog; git worktree list; git fsck"
    )


@bubblewrap
async def test_10_what_others_have_in_the_hub_cannot_be_spoilt(box: Box) -> None:
    """Neither their objects, packed or not, nor their branches, nor what says when those moved."""
    bare, theirs = box.fence.rig.hub, refs.work_branch("ace", "gt-00002")
    commit(box.sibling, {"big": "1\n"})
    sh(bare, "repack", "-adq")
    loose = commit(box.sibling, {"big": "2\n"})
    others = [file for file in bare.rglob("*") if file.is_file() and not {"worktrees", "nux"} & {*file.parts}]
    before = {file: file.read_bytes() for file in others}
    names = (f"refs/heads/{theirs}", f"logs/refs/heads/{theirs}", f"objects/{loose[:2]}/{loose[2:]}", "packed-refs")
    for file in (*(bare / name for name in names), *(bare / "objects/pack").iterdir()):
        box.run(f"chmod u+w '{file}'; echo x > '{file}'; rm -f '{file}'; mv '{file}' /tmp; mkfifo '{file}'")
    for folder in ("refs", "refs/heads", "refs/heads/polecat", "logs", "logs/refs", "logs/refs/heads", "objects"):
        box.run(f"mv '{bare}/{folder}' '{bare}/{folder}.away'; mv '{bare}/{folder}/polecat' '{bare}/{folder}/away'")
    box.run(f"git update-ref -d refs/heads/{theirs}; git branch -D {theirs}; git update-ref refs/heads/{theirs} HEAD~1")
    box.run(f"rm -rf '{bare}/objects' '{bare}/refs' '{bare}/logs' '{box.fence.home.root}/seen'")
    assert {file: file.read_bytes() if file.is_file() else None for file in before} == before
    assert sh(bare, "rev-parse", theirs) == loose
    sh(bare, "fsck", "--strict")


@bubblewrap
def test_10_rebase_and_fetch_work_and_all_is_seen_outside_at_once(box: Box, place: Path) -> None:
    """Also a fetch of so many objects that git would write a pack."""
    source, bare = Path(box.fence.rig_path), box.fence.rig.hub
    new = commit(source, {f"many/{n}": f"{n}\n" for n in range(300)})
    box.does("set -e; echo 1 > a; git add a; git commit -qm a; git fetch -q origin main; git rebase -q FETCH_HEAD")
    assert sh(box.fence.worktree, "log", "-2", "--format=%s %H").splitlines()[1] == f"change {new}"
    assert sh(bare, "show", f"{refs.work_branch('nux', 'gt-00001')}:many/299") == "299"
    assert sh(box.sibling, "cat-file", "-t", new) == "commit"
    sh(bare, "fsck", "--strict")


@bubblewrap
async def test_10_what_is_finished_outlives_whatever_its_agent_does_to_its_objects(box: Box) -> None:
    """And what is not what it says is not taken for it."""
    rig, bare, worktree = box.fence.rig, box.fence.rig.hub, box.fence.worktree
    box.does("set -e; echo 1 > a; git add a; git commit -qm a; git switch -qc side; git commit -qm b --allow-empty")
    side, head = sh(worktree, "rev-parse", "side"), sh(worktree, "rev-parse", "side~1")
    blob = sh(worktree, "rev-parse", "side:a")
    planted = ("11" + "1" * 38, "22" + "2" * 38, "33" + "3" * 38, "44" + "4" * 38)
    store = f"'{bare}/objects'"
    false, pipe, link, folder = (f"{name[:2]}/{name[2:]}" for name in planted)
    box.does(f"cd {store}; mkdir -p 11 22 33 {folder}; cp {blob[:2]}/{blob[2:]} {false}; mkfifo {pipe}")
    box.does(f"ln -s '{box.fence.rig_path}/README.md' {store}/{link}")
    await hub.pin(rig, refs.keep("gt-00001", head), head)
    box.run(f"rm -rf {store}/*; rm -rf {store}")
    assert sh(bare, "show", f"{head}:a") == "1" and sh(bare, "cat-file", "-t", side) == "commit"
    for name in planted:
        assert fails(bare, "cat-file", "-e", name) is not None and not (bare / "objects" / name[:2]).exists()
    box.does("set -e; git switch -q -; echo 2 > b; git add b; git commit -qm c")
    last = sh(worktree, "rev-parse", "HEAD")
    assert await worktrees.recycle(rig, "nux", "gt-00001")
    assert not list((rig.root / "stores").iterdir()) and (bare / "objects/info/alternates").read_text() == ""
    assert sh(bare, "rev-list", "--count", f"{last}..side") == "1" and sh(bare, "show", f"{last}:b") == "2"
    sh(bare, "fsck", "--strict")


@bubblewrap
async def test_10_a_crew_member_commits_on_its_own_branch_and_moves_no_polecats(box: Box) -> None:
    rig, theirs = box.fence.rig, refs.work_branch("nux", "gt-00001")
    where = await worktrees.prepare(rig.for_crew(), "bob", "crew-bob", "crew/bob", await hub.target_head(rig, "main"))
    crew = Box(replace(box.fence, worktree=where), box.preset, box.sibling)
    crew.does("echo 1 > a && git add a && git commit -qm a")
    assert sh(rig.hub, "log", "-1", "--format=%s", "crew/bob") == "a"
    assert "Read-only file system" in crew.fails(f"git update-ref refs/heads/{theirs} HEAD")


@bubblewrap
def test_10_a_rig_that_is_moved_has_also_what_no_agent_has_finished(box: Box) -> None:
    rig = box.fence.rig
    box.does("echo 1 > a && git add a && git commit -qm a")
    head = sh(rig.hub, "rev-parse", refs.work_branch("nux", "gt-00001"))
    moved = rig.root.rename(rig.root.with_name("away"))
    assert sh(moved / "hub.git", "show", f"{head}:a") == "1"


@bubblewrap
async def test_10_an_agent_reads_what_another_one_has_not_finished(box: Box) -> None:
    other = Box(replace(box.fence, worktree=box.sibling), box.preset, box.sibling)
    other.does("echo 1 > a && git add a && git commit -qm a")
    theirs = refs.work_branch("ace", "gt-00002")
    assert box.does(f"git show {theirs}:a; git log --all --oneline >/dev/null") == "1\n"
    assert box.run("git status; git log --all").stderr == ""
