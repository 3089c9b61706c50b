"""A worktree whose agent turns it against the town, with all settings of git that name a program."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rgt.host import config, worktrees
from rgt.model import refs
from rgt.model.config import RigConfig
from rgt.model.home import Home, RigHome
from tests.repos import make_repo, make_rig, write

ITEM = "gt-00001"
BRANCH = refs.work_branch("nux", ITEM)
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfsmonitor = {evil}
\thooksPath = {hooks}
\tsshCommand = {evil}
\tpager = {evil}
\teditor = {evil}
\tgitProxy = {evil}
\taskPass = {evil}
[filter "x"]
\tclean = {evil}
\tsmudge = {evil}
\tprocess = {evil}
[diff]
\texternal = {evil}
\tignoreSubmodules = none
[diff "x"]
\tcommand = {evil}
\ttextconv = {evil}
[merge "x"]
\tdriver = {evil}
[extensions]
\tpartialClone = away
[remote "away"]
\turl = ext::{evil}
\tuploadpack = {evil}
\tpromisor = true
[protocol "ext"]
\tallow = always
[uploadpack]
\tpackObjectsHook = {evil}
[gpg]
\tprogram = {evil}
[log]
\tshowSignature = true
[credential]
\thelper = {evil}
[alias]
\tstatus = !{evil}
"""
"""Every setting of git that names a program."""


@dataclass
class Scene:
    """A worktree that an agent has had, and a program that must not run."""

    home: Home
    rig: RigHome
    where: Path
    evil: Path
    marker: Path

    @property
    def admin(self) -> Path:
        """What the hub keeps of the worktree."""
        return self.rig.hub / "worktrees/nux"

    def arm(self, git_dir: Path) -> None:
        """Give a repository settings and hooks that run the program."""
        hooks = git_dir / "evil-hooks"
        hooks.mkdir(exist_ok=True)
        for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit", "post-merge"):
            shutil.copy(self.evil, hooks / name)
        self.arm_with(git_dir / "config", hooks)

    def arm_with(self, settings: Path, hooks: Path = Path("/gone")) -> None:
        """Add every setting that names a program to a file of git's."""
        with settings.open("a") as file:
            file.write(CONFIG.format(evil=self.evil, hooks=hooks))

    def repository(self, path: Path) -> Path:
        """An armed repository with a commit; gives its git directory."""
        make_repo(path, {"README.md": "evil\n"})
        self.arm(path / ".git")
        return path / ".git"

    def use_filter(self) -> None:
        """Have git run the filter on files of the worktree, if settings of the agent count."""
        write(self.where, {".gitattributes": "* filter=x diff=x merge=x\n", "work": "1\n", "README.md": "changed\n"})


async def make_scene(home: Home, tmp: Path) -> Scene:
    """A rig with such a worktree, not turned yet."""
    rig, source, base = await make_rig(home)
    config.write_rig(home, "api", RigConfig.model_validate({"source": {"path": str(source)}}))
    where = await worktrees.prepare(rig, "nux", ITEM, BRANCH, base)
    evil, marker = tmp / "evil", tmp / "marker"
    evil.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\nexit 1\n')
    evil.chmod(0o755)
    made = Scene(home, rig, where, evil, marker)
    made.use_filter()
    return made
