"""The supervisor keeps one program running, hands on signals, and never leaves it alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rgt.host import processes, supervisor
from tests.eventually import eventually

Popen = subprocess.Popen[bytes]
Start = Callable[..., Popen]


@pytest.fixture
def start(tmp: Path) -> Iterator[Start]:
    """Supervise a shell script in `tmp`; what is left of it at the end is killed."""
    running: list[Popen] = []

    def run(script: str, *options: str, place: Path = tmp) -> Popen:
        argv = [sys.executable, "-IS", supervisor.__file__, "--name", "worker", "--log", str(place / "log")]
        argv += ["--pidfile", str(place / "pid"), *options, "--", "sh", "-c", script]
        running.append(subprocess.Popen(argv, cwd=tmp, stdin=subprocess.DEVNULL, env={**os.environ, "SUP": str(tmp)}))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()
    for proc in processes.find_by_env("SUP", str(tmp)):
        os.kill(proc.pid, signal.SIGKILL)


def child(tmp: Path) -> int:
    """Pid of the program, 0 while none runs."""
    try:
        pid, started = (int(word) for word in (tmp / "pid").read_text().splitlines()[1].split())
    except (OSError, IndexError):
        return 0
    return pid if processes.alive(processes.Proc(pid, started)) else 0


def test_a_killed_program_is_back_within_a_tenth_of_a_second(start: Start, tmp: Path) -> None:
    """The best of five: a busy machine delays some."""
    took = []
    for place in (tmp / str(n) for n in range(5)):
        place.mkdir()
        start("exec sleep 60", place=place)
        first = eventually(lambda: child(place))  # noqa: B023
        t0 = time.perf_counter()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: child(place) not in (0, first), every=0.001)  # noqa: B023
        took.append(time.perf_counter() - t0)
        assert (place / "pid.failed").read_text().startswith("-9\n")
        assert "worker ended with -9, starts again in 0.05 s" in (place / "log").read_text()
    assert min(took) < 0.1


def test_the_pauses_between_restarts_grow(start: Start, tmp: Path) -> None:
    start("echo run >> runs; exit 1")
    eventually(lambda: (tmp / "log").exists() and "again in 0.4 s" in (tmp / "log").read_text())
    pauses = [line.split(" in ")[1] for line in (tmp / "log").read_text().splitlines()]
    assert pauses[:4] == ["0.05 s", "0.1 s", "0.2 s", "0.4 s"]


def test_sigterm_is_handed_on_and_the_supervisor_ends_well(start: Start, tmp: Path) -> None:
    process = start("trap 'echo bye; exit 3' TERM; touch up; while :; do sleep 0.05; done")
    eventually((tmp / "up").exists)
    process.terminate()
    assert process.wait(10) == 0
    assert (tmp / "log").read_text() == "bye\n"
    assert not (tmp / "pid").exists()
    assert not (tmp / "pid.failed").exists()


def test_a_stop_right_after_a_start_is_not_lost(start: Start, tmp: Path) -> None:
    for _ in range(10):
        process = start("exec sleep 60")
        eventually((tmp / "pid").exists, every=0.0001)
        process.terminate()
        assert process.wait(5) == 0


@pytest.mark.parametrize("code", [0, 64])
def test_some_ends_are_final(start: Start, tmp: Path, code: int) -> None:
    process = start(f"echo town.toml is wrong >&2; exit {code}")
    assert process.wait(10) == code
    assert not (tmp / "pid").exists()
    failed = tmp / "pid.failed"
    assert (failed.read_text() if code else failed.exists()) == ("64\ntown.toml is wrong\n" if code else False)


def test_a_program_that_is_not_there_is_a_wrong_configuration(tmp: Path) -> None:
    argv = [sys.executable, "-IS", supervisor.__file__, "--name", "x", "--log", str(tmp / "log")]
    done = subprocess.run([*argv, "--pidfile", str(tmp / "pid"), "--", "/no/such/program"], timeout=20)
    assert done.returncode == 64
    assert (tmp / "pid.failed").read_text() == "64\ncannot start /no/such/program: No such file or directory\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties a child's life to its parent's")
def test_the_program_dies_with_a_killed_supervisor(start: Start, tmp: Path) -> None:
    process = start("trap '' TERM HUP; while :; do sleep 0.1; done")
    pid = eventually(lambda: child(tmp))
    process.kill()
    eventually(lambda: processes.identify(pid) is None, timeout=1.0)


def test_what_a_program_leaves_in_its_group_goes_with_it(start: Start, tmp: Path) -> None:
    start("trap 'exit 0' TERM; sh -c \"trap '' TERM; echo \\$\\$ > left; sleep 60\" & wait")
    left = int(eventually(lambda: (tmp / "left").exists() and (tmp / "left").read_text().strip()))
    os.kill(eventually(lambda: child(tmp)), signal.SIGTERM)
    eventually(lambda: processes.identify(left) is None)


def test_the_program_gets_no_key_from_the_supervisors_terminal(start: Start, tmp: Path) -> None:
    # The pid is known before the child has left the session of its supervisor; its own file comes after that.
    start("touch up; exec sleep 60")
    eventually((tmp / "up").exists)
    pid = child(tmp)
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")


def test_a_full_log_is_renamed_once(tmp: Path) -> None:
    log = supervisor.Log(str(tmp / "log"), limit=100)
    for i in range(30):
        log.write(f"line {i:02d}\n".encode())
    os.close(log.fd)
    both = (tmp / "log.1").read_text() + (tmp / "log").read_text()
    assert both.endswith("line 28\nline 29\n")
    assert (tmp / "log.1").stat().st_size <= 100
    assert sorted(p.name for p in tmp.glob("log*")) == ["log", "log.1"]


def test_the_lock_lasts_as_long_as_the_program_and_a_second_one_is_refused_b84(start: Start, tmp: Path) -> None:
    start("exec sleep 60", "--lock", str(tmp / "lock"))
    eventually(lambda: child(tmp))
    argv = [sys.executable, "-IS", supervisor.__file__, "--name", "x", "--log", str(tmp / "log2")]
    argv += ["--pidfile", str(tmp / "pid2"), "--lock", str(tmp / "lock"), "--", "sleep", "60"]
    assert subprocess.run(argv, timeout=20).returncode == 64
    assert "is locked by another server" in (tmp / "pid2.failed").read_text()


def test_it_is_small(start: Start, tmp: Path) -> None:
    process = start("exec sleep 60")
    eventually(lambda: child(tmp))
    status = Path(f"/proc/{process.pid}/status").read_text()
    anonymous = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
    assert anonymous < 8_000, "kB of its own"


KEEPER = """
import os, sys, time
from rgt.host import supervisor

prepared = []

def load():
    with open("loads", "a") as file:
        file.write("loaded\\n")
    def body():
        open(f"open-{os.getpid()}", "w").write(" ".join(sorted(os.listdir("/proc/self/fd"))))
        print("prepared:", *prepared, flush=True)
        gone, pipe = os.pipe()
        os.close(gone)
        try:
            os.write(pipe, b"x")
        except BrokenPipeError:
            print("a broken pipe is an exception", flush=True)
        if os.path.exists("broken"):
            raise ValueError("a bug")
        time.sleep(60)
        return 0
    return body

def prepare():
    prepared.append("by the keeper")
    open("prepared", "w").close()

supervisor.HEALTHY = 0.2
sys.exit(supervisor.main(sys.argv[1:], load, prepare))
"""


def test_a_loaded_program_begins_again_without_loading(tmp: Path) -> None:
    """By a fork that takes nothing of the supervisor along but its log; a bug ends with a traceback there."""
    argv = [sys.executable, "-c", KEEPER, "--name", "worker", "--log", "log", "--pidfile", "pid", "--"]
    keeper = subprocess.Popen(argv, cwd=tmp, stdin=subprocess.DEVNULL)
    try:
        first = eventually(lambda: child(tmp))
        eventually(lambda: (tmp / f"open-{first}").exists() and (tmp / f"open-{first}").read_text())
        os.kill(first, signal.SIGKILL)
        second = eventually(lambda: child(tmp) not in (0, first) and child(tmp))
        opened = eventually(lambda: (tmp / f"open-{second}").exists() and (tmp / f"open-{second}").read_text())
        assert opened.split()[:3] == ["0", "1", "2"]
        assert len(opened.split()) <= 5, "the file itself and the directory that is listed"
        (tmp / "broken").touch()
        os.kill(second, signal.SIGKILL)
        eventually(lambda: "ValueError: a bug" in (tmp / "log").read_text())
        assert (tmp / "loads").read_text() == "loaded\n"
        assert "a broken pipe is an exception" in (tmp / "log").read_text()
    finally:
        keeper.terminate()
        assert keeper.wait(10) == 0


def test_what_serves_the_next_program_is_prepared_once_the_first_runs_well(tmp: Path) -> None:
    argv = [sys.executable, "-c", KEEPER, "--name", "worker", "--log", "log", "--pidfile", "pid", "--"]
    keeper = subprocess.Popen(argv, cwd=tmp, stdin=subprocess.DEVNULL)
    try:
        eventually((tmp / "prepared").exists)
        os.kill(child(tmp), signal.SIGKILL)
        eventually(lambda: "prepared: by the keeper" in (tmp / "log").read_text())
        first = next(x for x in (tmp / "log").read_text().splitlines() if x.startswith("prepared:"))
        assert first == "prepared:", "the first one has not waited for it"
    finally:
        keeper.terminate()
        assert keeper.wait(10) == 0
