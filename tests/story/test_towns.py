"""Towns keep to themselves: terminals that are looked into, two towns on a machine, and what a stop ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rgt.host.processes import identify
from rgt.host.tmux import Tmux
from tests.eventually import eventually
from tests.repos import make_repo
from tests.scratch import scratch_env
from tests.town import RGT, LiveTown, change, steps

CTRL_BACKSLASH = b"\x1c"
HANG = steps('do = "hang"')


class Terminal:
    """A terminal of 100 x 30 cells with a program in it."""

    def __init__(self, argv: Sequence[str], env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            argv, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self.screen = b""

    def sees(self, text: str, timeout: float = 30) -> None:
        """Wait until `text` has been printed."""
        end = time.monotonic() + timeout
        while text.encode() not in self.screen:
            assert time.monotonic() < end, f"{text!r} not in {self.screen[-2000:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 65536)

    def type(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self.master, keys)

    def leave(self) -> int:
        """Type Ctrl+\\ and wait for the program's end; gives its exit code."""
        # tmux takes keys that come within a millisecond for a paste, in which no key is a command.
        select.select([], [], [], 0.05)
        self.type(CTRL_BACKSLASH)
        end = time.monotonic() + 30
        with suppress(OSError):  # the other side is closed
            while self.process.poll() is None and time.monotonic() < end:
                if select.select([self.master], [], [], 0.05)[0]:
                    self.screen += os.read(self.master, 65536)
        code = self.process.wait(10)
        os.close(self.master)
        return code


def window(town: LiveTown) -> str:
    """Size of the agent's window."""
    return town.tmux("display-message", "-p", "-t", "=gtr-api/nux:", "#{window_width}x#{window_height}").strip()


def test_B44_attach_and_detach_fifty_times_leave_the_agent_as_it_is(town: LiveTown, repo: Path) -> None:
    """Ctrl+\\ leaves; the agent goes on with its window; typing reaches it, watching changes nothing."""
    town.add_rig("api", repo)
    item = town.create("a shell")
    town.sling(item, target="api")
    (agent,) = town.working(1)
    size = window(town)
    env = {**town.env, "TMUX": "/tmp/mine,1,0"}

    terminal = Terminal([str(RGT), "attach", "nux"], env)
    terminal.sees("leaves, the agent goes on")
    eventually(lambda: window(town) == "100x29", 10)
    terminal.type(b"echo typed-$((40 + 2))\r")
    terminal.sees("typed-42")
    assert terminal.leave() == 0
    eventually(lambda: window(town) == size, 10)

    watching = Terminal([str(RGT), "attach", "api/nux", "--read-only"], env)
    watching.sees("typed-42")
    assert window(town) == size
    watching.type(b"echo never-$((1 + 1))\r")
    assert watching.leave() == 0

    # What `rgt attach` becomes, again and again.
    argv = Tmux(town.home.agents_tmux, town.home.tmux_conf).attach_argv("gtr-api/nux")
    for _ in range(48):
        again = Terminal(argv, town.env)
        again.sees("leaves, the agent goes on")
        assert again.leave() == 0
    eventually(lambda: window(town) == size, 10)
    assert "never-2" not in town.tmux("capture-pane", "-p", "-t", "=gtr-api/nux:")
    assert [a["pid"] for a in town.working(1)] == [agent["pid"]]
    assert town.item(item)["state"] == "in_progress"
    nobody = town.run("attach", "absent")
    assert (nobody.code, nobody.err.count("\n")) == (5, 1)


@contextmanager
def people(tmp: Path) -> Iterator[list[int]]:
    """Processes of a person beside the towns: a tmux server of theirs, and a shell that knows a town's home."""
    env = scratch_env(tmp)
    mine = [subprocess.Popen(["sleep", "41200"], env={**env, "GTR_ROOT": str(tmp / "a/gtr")})]
    subprocess.run(["tmux", "new-session", "-d", "-s", "gtr-api/nux", "sleep 41201"], env=env, check=True)
    out = subprocess.run(["tmux", "display-message", "-p", "#{pid} #{pane_pid}"], env=env, capture_output=True)
    pids = [mine[0].pid, *map(int, out.stdout.split())]
    try:
        yield pids
    finally:
        subprocess.run(["tmux", "kill-server"], env=env, check=True)
        mine[0].kill()
        mine[0].wait()


def started(pids: Sequence[int]) -> list[object]:
    """Who these pids are now."""
    return [identify(pid) for pid in pids]


def sleepers(*seconds: int) -> list[int]:
    """Pids of `sleep` processes of these lengths."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if argv[:1] == [b"sleep"] and argv[1] in [str(s).encode() for s in seconds]:
            found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_B45_B46_a_stop_ends_all_of_one_town_and_nothing_else(tmp: Path) -> None:
    """Daemonised children of agents and gates go too; the other town, a person's tmux and shells stay as they are."""
    towns = [LiveTown(tmp / name, {"TMUX_TMPDIR": str(tmp)}) for name in "ab"]
    for town in towns:
        make_repo(town.root / "repo")
        (town.root / "gitconfig").write_text("[user]\nname = Test\nemail = test@example.org\n")
    a, b = towns
    strays = (
        "setsid -f sleep 41210; (setsid sh -c \"trap '' TERM HUP; sleep 41211; sleep 41212\" &); nohup sleep 41213 &"
    )
    with people(tmp) as pids:
        theirs = started(pids)
        try:
            for town in towns:
                town.rgt("start")
                town.add_rig("api", town.root / "repo", "test=test ! -e hold || { setsid sleep 41214 & sleep 41215; }")
            a_items = [
                a.create("strays", steps(f"do = \"run\"\ncmd = '''{strays}'''") + "\n" + HANG),
                a.create("in the gate", change("hold", "x\n")),
            ]
            a.sling(*a_items, target="api")
            b_item = b.create("goes on", change("new.txt", "x\n", finish=False) + "\n" + HANG)
            b.sling(b_item, target="api")
            b.working(1)
            before_b = {**{d: b.pid(d) for d in ("worker", "temporal")}, "agent": b.working(1)[0]["pid"]}
            eventually(lambda: all(sleepers(n) for n in (41210, 41211, 41213, 41214, 41215)), 60)

            assert a.run("stop").code == 0

            assert eventually(lambda: not sleepers(41210, 41211, 41212, 41213, 41214, 41215), 10)
            assert started(pids) == theirs
            assert [left for left in a.leftovers() if "sleep 41200" not in left] == []
            after_b = {**{d: b.pid(d) for d in ("worker", "temporal")}, "agent": b.working(1)[0]["pid"]}
            assert after_b == before_b
            assert b.item(b_item)["state"] == "in_progress"
            assert a.run("status").code == 3
        finally:
            stopped = [town.run("stop").code for town in towns]
        assert stopped == [0, 0]
        assert eventually(lambda: b.leftovers() == [], 10)
        assert started(pids) == theirs
