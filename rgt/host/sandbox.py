"""Words that put an agent into a bubblewrap sandbox: its worktree can be written, little else, and keys are not there.

Writable are the worktree, the agent's own directory, a store for its objects and its branches in the hub, `/tmp` (the
agent's own) and what `sandbox_write` names; of these not what tells git which repository this is and what its settings
are. The rest of the machine is read-only, the rest of the home is not there at all, processes outside are neither seen
nor reached. The network stays: models live there. So Temporal can be reached on its port; who must not be able to do
that needs another user or machine.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rgt.host import nolinks, stores, trees
from rgt.host.hub import landing_key
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from rgt.model.refs import work_branch
from rgt.model.runtime import Preset

PACKAGE = Path(__file__).parents[1]
"""What agents' hooks are run from."""
BASE = ("bwrap", "--die-with-parent", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/")
DEVICES = ("--dev-bind", "/dev", "/dev", "--proc", "/proc")
FIXED = ("policy.json", "settings.json", "ask.json", "prompt")
"""Files of an agent's directory that it may read and not change."""
READ_ONLY_REFS = ("rgt", "remotes", "heads/polecat", "heads/crew")
"""Refs of a hub that belong to the merge queue and to other agents."""
READ_ONLY_ADMIN = ("commondir", "gitdir", "locked", "config.worktree")
"""Files of the hub's directory of a worktree that say where its repository is, whose it is, and what programs git runs.

As they are mounted, they cannot be removed or replaced either.
"""


@dataclass(frozen=True)
class Fence:
    """Whose sandbox it is."""

    home: Home
    rig: RigHome
    worktree: Path
    agent_dir: Path
    rig_path: str = ""
    """The repository that the rig was made from, when it is a directory of this machine."""


def words(preset: Preset, fence: Fence) -> tuple[str, ...]:
    """Words before the command of an agent of `preset`; none when it wants no sandbox.

    Raises `missing` when this machine has no bubblewrap or does not let it work.
    """
    if not preset.sandbox:
        return ()
    if why := unusable():
        raise RgtError("missing", why, "install bubblewrap, or set sandbox = false")
    mounts = [*BASE, *DEVICES, *_scratch(fence), *_town(fence), *_hub(fence)]
    mounts += _bind("--bind", [fence.worktree, fence.agent_dir])
    mounts += _bind("--ro-bind", [fence.worktree / ".git"])
    mounts += _bind("--ro-bind", (fence.agent_dir / name for name in FIXED))
    mounts += _bind("--bind", (Path(path).expanduser() for path in preset.sandbox_write))
    mounts += _hidden(Path(path).expanduser() for path in preset.sandbox_hide)
    if fence.rig_path:
        mounts += _bind("--ro-bind", [Path(fence.rig_path)])
    return (*mounts, "--chdir", str(fence.worktree), "--")


@functools.lru_cache(maxsize=1)
def unusable() -> str:
    """Why no sandbox can be made on this machine; empty when one can."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    try:
        done = subprocess.run(
            [*BASE, *DEVICES, "--", "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"bubblewrap does not run: {e}"
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return f"bubblewrap does not work here: {said[-1][:200]}" if done.returncode else ""


def _scratch(fence: Fence) -> list[str]:
    """A `/tmp` of its own, which outlives a restart and takes no memory; tmux's sockets are in the common one."""
    nolinks.make(fence.agent_dir, "tmp")
    mounts = ["--bind", str(fence.agent_dir / "tmp"), "/tmp"]
    # An installation below the common one is not there any more. One to work on has its package somewhere else.
    places = dict.fromkeys((sys.base_prefix, sys.prefix, str(PACKAGE)))
    return mounts + [word for place in places if place.startswith("/tmp/") for word in _only(Path(place))]


def _only(path: Path) -> list[str]:
    return ["--ro-bind", str(path), str(path)]


def _town(fence: Fence) -> Iterator[str]:
    """The home of the town is empty but for its gateway and the rig."""
    home = fence.home
    yield from ("--tmpfs", str(home.root))
    # The directory, not the socket: a worker that starts again makes a new one.
    yield from ("--ro-bind", str(home.runtime), str(home.runtime))
    yield from _hidden([home.runtime / "agents", home.logs])
    yield from ("--ro-bind", str(fence.rig.root), str(fence.rig.root))
    yield from _hidden([landing_key(fence.rig), fence.rig.runs])


def _hub(fence: Fence) -> Iterator[str]:
    """What a commit writes: objects into a store of its own, its branches, and the worktree's own part of the hub."""
    hub = fence.rig.hub
    tree = trees.known(hub, fence.worktree)
    seen = fence.home.root / "seen"
    store = stores.ready(hub, tree.admin.name, seen / hub.name / "objects")
    yield from ("--ro-bind", str(hub / "objects"), str(seen / hub.name / "objects"))
    yield from ("--ro-bind", str(store.parent), str(seen / store.parent.name))
    yield from ("--bind", str(store / stores.WRITTEN), str(hub / "objects"))
    yield from ("--ro-bind", str(store / stores.TOLD), str(hub / "objects/info"))
    yield from ("--ro-bind", str(store / stores.WRITTEN / "pack"), str(hub / "objects/pack"))
    for refs in ("refs", "logs/refs"):
        yield from _refs(hub, refs, _own_branches(fence))
    trees.tidy(tree)
    if nolinks.status(tree.admin, "config.worktree") is None:
        nolinks.write(tree.admin, "config.worktree", "")
    yield from _bind("--bind", [tree.admin])
    yield from _bind("--ro-bind", (tree.admin / name for name in READ_ONLY_ADMIN))


def _refs(hub: Path, where: str, own: str) -> Iterator[str]:
    """Refs or their logs. What is above something mounted is mounted, too: else it could be moved away as a whole."""
    for how, names in (("--bind", ("", "heads")), ("--ro-bind", READ_ONLY_REFS), ("--bind", (f"heads/{own}",))):
        for name in names:
            nolinks.make(hub, str(PurePosixPath(where, name)))
            yield from (how, str(hub / where / name), str(hub / where / name))


def _own_branches(fence: Fence) -> str:
    """The directory of branches that this agent may change."""
    if fence.worktree.parent == fence.rig.crew:
        return "crew"
    return str(PurePosixPath(work_branch(fence.worktree.name, "x")).parent)


def _bind(how: str, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if os.path.lexists(path):
            yield from (how, str(path), str(path))


def _hidden(paths: Iterable[Path]) -> Iterator[str]:
    """Nothing in the place of directories and files."""
    for path in paths:
        if path.is_dir():
            yield from ("--tmpfs", str(path))
        elif path.exists():
            yield from ("--ro-bind", "/dev/null", str(path))
