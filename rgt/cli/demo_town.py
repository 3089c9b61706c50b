"""A town that lives only as long as a block: its own home, sockets, temporary files and git settings; then nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rgt.cli import lifecycle
from rgt.client.socket import SocketTown
from rgt.host.processes import Proc, end, find_by_env
from rgt.host.tmux import Tmux
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.tokens import PERSON

T = TypeVar("T")
LONGEST_ROOT = 60
"""Bytes of the directory's path at most: tmux's sockets below it must stay under about 100."""
STRANGE = ("GTR_", "RGT_", "TEMPORAL_", "GIT_", "TMUX")
"""Variables of the caller that would make this town, or its git and tmux, another one."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_WITHIN = 20.0
GITCONFIG = """\
[user]
name = A Person
email = person@till.example
[init]
defaultBranch = main
"""


@dataclass(frozen=True)
class PassingTown:
    """Where everything of it is; all of it below `root`."""

    root: Path
    home: Home

    @property
    def town(self) -> SocketTown:
        """The town, asked as a person."""
        return SocketTown(self.home)

    @property
    def repository(self) -> Path:
        """The sample repository."""
        return self.root / "till"

    @property
    def env_file(self) -> Path:
        """A file that makes a shell speak with this town."""
        return self.root / "env"


@contextlib.asynccontextmanager
async def passing_town(progress: Callable[[str], None]) -> AsyncIterator[PassingTown]:
    """Start a town of its own. It is stopped and removed afterwards, whatever happens; only when the block ended well
    and had called `leave`, it stays."""
    threads = ThreadPoolExecutor(thread_name_prefix="town")
    asyncio.get_running_loop().set_default_executor(threads)
    root = short_directory(tempfile.gettempdir(), "/tmp", *(os.environ.get(n, "") for n in ("XDG_RUNTIME_DIR", "HOME")))
    with _environment(root) as env:
        passing = PassingTown(root, Home.of(env))
        orderly = False
        try:
            _furnish(passing)
            await lifecycle.start(passing.home, progress)
            yield passing
            orderly = True
        finally:
            if not (orderly and passing.env_file.exists()):
                # A thread that is starting a tmux server right now must not do so after the cleaning.
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
                threads.shutdown(wait=True)
                await to_its_end(_end(passing, orderly))


def leave(passing: PassingTown) -> None:
    """Let the town run on after its block; `passing.env_file` is what a shell reads to use it."""
    names = {"GTR_ROOT": passing.home.root, "TMUX_TMPDIR": passing.home.tmux_tmpdir}
    lines = [f"export {name}={shlex.quote(str(value))}\n" for name, value in names.items()]
    lines.append(f'export PATH={shlex.quote(str(lifecycle.rgt_bin().parent))}:"$PATH"\n')
    passing.env_file.write_text("".join(lines))


async def until_signalled(work: Coroutine[Any, Any, T], said: Callable[[], None]) -> T:
    """Run `work`; SIGINT, SIGTERM and SIGHUP cancel it, and then it is waited for.

    Raises `interrupted` when that happened; `said` is called at the first one.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    came: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        task.cancel()
        came.append(number)
        if len(came) == 1:
            with contextlib.suppress(OSError):
                said()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except (Exception, asyncio.CancelledError) as e:
        if came:
            raise RgtError("interrupted", "interrupted", "nothing is left behind") from e
        raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end even if this task is cancelled meanwhile; the cancellation goes on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as e:
            cancelled = e
    task.result()
    if cancelled:
        raise cancelled


def _furnish(passing: PassingTown) -> None:
    passing.home.tmux_tmpdir.mkdir(mode=0o700)
    (passing.root / "tmp").mkdir()
    (passing.root / "gitconfig").write_text(GITCONFIG)


def short_directory(*places: str) -> Path:
    """A new directory in the first of `places` that can be written and is short enough for sockets below it."""
    for place in (p for p in places if p and len(os.fsencode(p)) < LONGEST_ROOT - len("/rgt-demo-12345678")):
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="rgt-demo-", dir=place))
    raise RgtError("failed", "there is no place for a demo town", "set TMPDIR to a short path that can be written")


@contextlib.contextmanager
def _environment(root: Path) -> Iterator[dict[str, str]]:
    """The environment that this process, and all that it starts, has meanwhile."""
    before = dict(os.environ)
    env = {k: v for k, v in before.items() if not k.startswith(STRANGE) and k != "PYTHONSAFEPATH"}
    env |= {
        "GTR_ROOT": str(root / "town"),
        "TMUX_TMPDIR": str(root / "tmux"),
        "TMPDIR": str(root / "tmp"),
        "GIT_CONFIG_GLOBAL": str(root / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        # The sample's tests are run by the Python that runs rgt.
        "PATH": f"{lifecycle.rgt_bin().parent}{os.pathsep}{before.get('PATH', os.defpath)}",
    }
    # tempfile keeps the directory it found first.
    was = tempfile.tempdir
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = env["TMPDIR"]
    try:
        yield env
    finally:
        tempfile.tempdir = was
        os.environ.clear()
        os.environ.update(before)


async def _end(passing: PassingTown, orderly: bool) -> None:
    """Stop the town, in order when there is time; then end whoever is left, and remove everything."""
    home = passing.home
    with contextlib.suppress(RgtError, TimeoutError, OSError):
        async with asyncio.timeout(STOP_WITHIN):
            await lifecycle.stop(home, PERSON, passing.town, keep_agents=not orderly)
    with contextlib.suppress(RgtError, OSError):
        for socket in (home.agents_tmux, home.daemon_tmux):
            await Tmux(socket, home.tmux_conf).kill_server()
    for name, value in (("TMPDIR", passing.root / "tmp"), ("GTR_ROOT", home.root)):
        if find_by_env(name, str(value)):
            await end(Proc(0, 0), 0.5, {name: str(value)})
    for _ in range(50):
        shutil.rmtree(passing.root, ignore_errors=True)
        if not passing.root.exists():
            return
        await asyncio.sleep(0.05)
    raise RgtError("failed", f"{passing.root} could not be removed", "remove it by hand")
