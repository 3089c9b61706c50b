"""Where everything of a town lives: path arithmetic only, nothing is read or made here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The home directory of one town: `~/.gtr`, or what `GTR_ROOT` says."""

    root: Path
    tmux_tmpdir: Path = Path("/tmp")
    is_default: bool = False

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Home:
        """The home that this environment means (`GTR_ROOT`, `HOME`, `TMUX_TMPDIR`)."""
        default = Path(env.get("HOME", "~")).expanduser() / ".gtr"
        given = env.get("GTR_ROOT")
        # Symlinks stay as the person wrote them: the tag is made from this path.
        root = Path(os.path.abspath(given)) if given else default  # noqa: PTH100
        return cls(root, Path(env.get("TMUX_TMPDIR") or "/tmp"), root == default)

    @property
    def tag(self) -> str:
        """`gtr` for the default home, `rgt-<hash>` for any other: the stem of namespaces and socket names."""
        return "gtr" if self.is_default else "rgt-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def town_toml(self) -> Path:
        return self.config / "town.toml"

    @property
    def key(self) -> Path:
        """Secret (32 bytes, hex, mode 0600) that signs the tokens of agents."""
        return self.config / "key"

    @property
    def tmux_conf(self) -> Path:
        return self.config / "tmux.conf"

    @property
    def runtimes(self) -> Path:
        """Runtime presets of this town, which override the shipped ones."""
        return self.config / "runtimes"

    @property
    def prices(self) -> Path:
        """Prices of models that this town knows better than the shipped table."""
        return self.config / "prices.toml"

    @property
    def rigs(self) -> Path:
        return self.root / "rigs"

    def rig(self, name: str) -> RigHome:
        """Directories of one rig."""
        return RigHome(self.rigs / name, name)

    @property
    def runtime(self) -> Path:
        """What runs: PIDs, socket, logs, generated settings. Deletable when the town is down."""
        return self.root / "runtime"

    @property
    def env_json(self) -> Path:
        return self.runtime / "env.json"

    @property
    def lock(self) -> Path:
        """Held by `rgt start` and `rgt stop`."""
        return self.runtime / "lock"

    @property
    def socket(self) -> Path:
        """The gateway's socket. Long paths are reached by connecting from inside `runtime`."""
        return self.runtime / "socket"

    @property
    def logs(self) -> Path:
        return self.runtime / "logs"

    @property
    def agents(self) -> Path:
        """Directories of all agents."""
        return self.runtime / "agents"

    def agent_dir(self, agent: str) -> Path:
        """Generated files of one agent (`polecat/api/nux`): prompt, settings, spool."""
        return self.agents / agent

    @property
    def temporal(self) -> Path:
        return self.root / "temporal"

    @property
    def town_db(self) -> Path:
        return self.temporal / "town.db"

    @property
    def agents_tmux(self) -> Path:
        """Socket of the tmux server in which agents alone live."""
        return self.tmux_tmpdir / f"tmux-{os.getuid()}" / self.tag

    @property
    def daemon_tmux(self) -> Path:
        """Socket of the tmux server in which Temporal and the worker live."""
        return self.tmux_tmpdir / f"tmux-{os.getuid()}" / f"{self.tag}-daemon"


@dataclass(frozen=True)
class RigHome:
    """Directories of one rig under the home."""

    root: Path
    name: str

    @property
    def hub(self) -> Path:
        """The bare repository; it has no `refs/heads/<target>`."""
        return self.root / "hub.git"

    @property
    def hub_lock(self) -> Path:
        return self.root / "hub.lock"

    @property
    def pool(self) -> Path:
        """Parked, clean worktrees that wait for their next use."""
        return self.root / "pool"

    @property
    def slots(self) -> Path:
        """Detached worktrees in which candidates are tested."""
        return self.root / "slots"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    @property
    def crew(self) -> Path:
        return self.root / "crew"

    @property
    def parked(self) -> Path:
        """Directories that were in the way and are kept, never deleted."""
        return self.root / "parked"

    @property
    def runs(self) -> Path:
        """Logs and verdicts of gate runs."""
        return self.root / "runs"

    @property
    def rig_toml(self) -> Path:
        return self.root / "rig.toml"

    def for_crew(self) -> RigHome:
        """The same rig, with the workspaces of crew in the place of the polecats' worktrees."""
        return CrewHome(self.root, self.name)


class CrewHome(RigHome):
    """A rig as crew members see it."""

    @property
    def worktrees(self) -> Path:
        return self.crew
