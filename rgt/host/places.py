"""Which rig's repository a file of this machine belongs to: in a worktree, the rig's own path, or another clone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rgt.host import config, trees
from rgt.host.git import try_git
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome

SCP = re.compile(r"(?:[^@/:]+@)?([^/:]{2,}):(?!//)(.+)")
URL = re.compile(r"(?:[a-z+]+://)(?:[^@/]*@)?([^/:]*)(?::\d+)?/(.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """A file of a checkout, and the rigs whose repository it shows."""

    top: Path
    """Top directory of the checkout."""
    path: str
    """The file, relative to it."""
    rigs: tuple[str, ...]

    def is_of(self, rig: RigHome, agent: str) -> bool:
        """Whether the checkout is the worktree of this agent (`api/nux`)."""
        name = agent.rpartition("/")[2]
        return bool(name) and self.top in {(base / name).resolve() for base in (rig.worktrees, rig.crew)}


@dataclass(frozen=True)
class _Rig:
    home: RigHome
    source: str
    target: str
    common: frozenset[Path]
    """Git directories that are the rig's own: its hub, and that of its path."""
    urls: frozenset[str]


class Places:
    """Finds places, and remembers what git said; made once, asked often.

    Answers follow `rig.toml` and the remotes of a repository when these change. A checkout that is moved or removed is
    noticed, since nothing but the file system is asked for where a file lies.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._rigs: dict[str, tuple[float, _Rig]] = {}
        self._shown: dict[Path, tuple[object, tuple[str, ...]]] = {}
        self._roots: dict[str, str] = {}

    async def find(self, file: Path) -> Place | None:
        """The place of a file, which need not exist; None when it is in no repository or in that of no rig."""
        file = Path(os.path.realpath(file))
        if trees.ours(self.home, file):
            # What else looks like a repository there may be one of an agent's making.
            tree = trees.at(self.home, file)
            top, common = (tree.path, Path(os.path.realpath(tree.hub))) if tree else (None, None)
        else:
            top = next((d for d in file.parents if (d / ".git").exists()), None)
            common = _common_dir(top) if top else None
        if top is None or common is None or top == file:
            return None
        rigs = await self._rigs_now()
        stamp = (_stamp(common / "config"), tuple((name, stamp) for name, (stamp, _) in rigs.items()))
        if self._shown.get(common, (None, ()))[0] != stamp:
            known = [rig for _, rig in rigs.values()]
            self._shown[common] = stamp, tuple([rig.home.name for rig in known if await self._shows(common, rig)])
        shown = self._shown[common][1]
        return Place(top, file.relative_to(top).as_posix(), shown) if shown else None

    async def _shows(self, common: Path, rig: _Rig) -> bool:
        if common in rig.common:
            return True
        if rig.urls & await _urls(common):
            return True
        root = await self._root(rig)
        # Asking for the rig's first commit is quick in any repository; walking to one's own first is not.
        return bool(root) and (await try_git(common, "cat-file", "-e", f"{root}^{{commit}}")).code == 0

    async def _root(self, rig: _Rig) -> str:
        """The first commit of the rig's history; empty when it has none, or is too long to be walked in time."""
        name = rig.home.name
        if name not in self._roots:
            try:
                listed = await try_git(
                    rig.home.hub, "rev-list", "--max-parents=0", "--reverse", refs.target(rig.target), timeout=20.0
                )
                self._roots[name] = "" if listed.code else listed.out.partition("\n")[0].strip()
            except RgtError:
                self._roots[name] = ""
        return self._roots[name]

    async def _rigs_now(self) -> dict[str, tuple[float, _Rig]]:
        """Every rig with the time of its `rig.toml`; only what has changed is read again."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.home.rigs) if not entry.name.startswith("."))
        except OSError:
            names = []
        now: dict[str, tuple[float, _Rig]] = {}
        for name in names:
            home = self.home.rig(name)
            stamp = _stamp(home.rig_toml)
            known = self._rigs.get(name)
            if known and known[0] == stamp:
                now[name] = known
            elif stamp:
                self._roots.pop(name, None)
                now[name] = stamp, await self._read(home)
        self._rigs = now
        return now

    async def _read(self, home: RigHome) -> _Rig:
        try:
            found = config.read_rig(self.home, home.name)
            source, target = found.source.where, found.target
        except RgtError:
            source, target = "", "main"
        common = {Path(os.path.realpath(home.hub))}
        urls = {same(str(home.hub))}
        if source:
            urls.add(same(source))
        if source.startswith("/") and (own := _common_dir(Path(source))):
            common.add(own)
            # A clone from the same remote as the rig's own path is a clone of the same repository.
            urls |= await _urls(own)
        return _Rig(home, source, target, frozenset(common), frozenset(urls))


def same(url: str) -> str:
    """What two URLs of one repository have in common: no scheme, user, port or `.git`."""
    url = url.strip().removesuffix("/").removesuffix(".git").removesuffix("/")
    if url.startswith("file://"):
        url = url[7:]
    if url.startswith("/"):
        return os.path.realpath(url)
    found = URL.fullmatch(url) or SCP.fullmatch(url)
    return f"{found[1].lower()}/{found[2].strip('/')}" if found else url


def _common_dir(top: Path) -> Path | None:
    """The git directory that all worktrees of a checkout share; None when there is none."""
    try:
        git = top / ".git"
        if git.is_file():
            git = top / git.read_text().removeprefix("gitdir:").strip()
            shared = git / "commondir"
            git = git / shared.read_text().strip() if shared.is_file() else git
        elif not git.is_dir():
            git = top  # A bare repository.
    except (OSError, UnicodeDecodeError):
        return None
    git = Path(os.path.realpath(git))
    return git if (git / "HEAD").is_file() else None


async def _urls(common: Path) -> frozenset[str]:
    listed = await try_git(common, "config", "--get-regexp", r"^remote\..*\.url$")
    return frozenset(same(line.partition(" ")[2]) for line in listed.out.splitlines())


def _stamp(file: Path) -> float:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
