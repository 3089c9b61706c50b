"""Keeps one program running: `python -IS supervisor.py --name worker --log FILE --pidfile FILE -- program…`.

A program that ends unexpectedly is started again after 0.05 s, doubling to 5 s, from the beginning once it has run
for 5 s. Exit code 0, and 64 (wrongly configured, trying again is no use), end the supervisor too. SIGTERM is handed
on; after 20 s the program is killed. If the supervisor itself is killed, Linux kills the program with it, so that there
are never two; elsewhere the next start finds the program in the pidfile and ends it.

Nothing but the standard library, and little of it: this process lives as long as the town. A Python program may be
supervised by a process that has imported what it runs (`load` of `main`): then a new one begins by a fork, at once.
"""
# ruff: noqa: PTH105, PTH108

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

Body = Callable[[], int]
"""What the forked child does; gives its exit code, unless it becomes another program."""

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY, GRACE = 0.05, 5.0, 5.0, 20.0
"""Seconds: pause before the first restart and the longest, life that resets it, time between SIGTERM and SIGKILL."""
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WRONG_CONFIGURATION = 64
LOG_LIMIT = 5_000_000
"""Bytes after which the log becomes `<log>.1`, of which there is one."""
LAST_LINES = 2_000
"""Bytes of the program's last words that are kept for `<pidfile>.failed`."""


class Log:
    """What the program prints: appended to a file that is renamed when it is full."""

    def __init__(self, path: str, limit: int = LOG_LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.last = b""
        self._open()

    def write(self, data: bytes) -> None:
        """Append; a full disk loses lines, never the program."""
        self.last = (self.last + data)[-LAST_LINES:]
        with suppress(OSError):
            if self.size + len(data) > self.limit:
                os.replace(self.path, self.path + ".1")
                os.close(self.fd)
                self._open()
            self.size += os.write(self.fd, data)

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.fd).st_size


class Supervisor:
    """One program under watch."""

    def __init__(self, name: str, log: Log, pidfile: str, lock: int | None = None) -> None:
        self.name = name
        self.log = log
        self.pidfile = pidfile
        self.lock = lock
        self.child = 0
        self.stopping = False
        self.pause = FIRST_PAUSE
        self.read_end, self.write_end = os.pipe()
        self.wake, self.wake_in = os.pipe()
        self.die_with_parent = death_signal()

    def run(self, load: Callable[[], Body], prepare: Callable[[], object] | None = None) -> int:
        """Supervise until the program is done or a signal says stop; gives the exit code."""
        for fd in (self.wake, self.wake_in, self.read_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.wake_in)
        for number in SIGNALS:
            signal.signal(number, self._signalled)
        self._write(self.pidfile, f"{self._self()}\n")
        body = load()
        start_at, born, kill_at = time.monotonic(), 0.0, None
        while True:
            now = time.monotonic()
            if self.stopping and not self.child:
                return 0
            if not self.child and now >= start_at:
                born = now
                self._start(body)
            if self.child and self.stopping and kill_at is None:
                kill_at = now + GRACE
                self._kill(signal.SIGTERM)
            if kill_at is not None and now >= kill_at:
                kill_at = now + 1.0
                self._kill(signal.SIGKILL)
            until = kill_at if self.child else start_at
            if self.child and prepare is not None:
                if now >= born + HEALTHY:
                    prepare()
                    prepare = None
                    continue
                until = until or born + HEALTHY
            self._wait([self.wake, self.read_end], None if until is None else max(0.0, until - time.monotonic()))
            code = self._reap()
            if code is None:
                continue
            self._write(self.pidfile, f"{self._self()}\n")
            if code == 0 or self.stopping:
                return 0
            self.record(code)
            if code == WRONG_CONFIGURATION:
                return code
            if time.monotonic() - born > HEALTHY:
                self.pause = FIRST_PAUSE
            start_at = time.monotonic() + self.pause
            self._say(f"ended with {code}, starts again in {self.pause:g} s")
            self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def _signalled(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.stopping = True

    def _start(self, body: Body) -> None:
        self.log.last = b""
        parent = os.getpid()
        # A signal that came between fork and exec would be noted by the child's copy of us and then forgotten.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become(parent, body)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self.child = pid
        self._write(self.pidfile, f"{self._self()}\n{pid} {started(pid)}\n")

    def _become(self, parent: int, body: Body) -> None:
        """In the child: leave everything of the supervisor behind, do the work, end."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self.die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (self.write_end, 1), (self.write_end, 2)):
            os.dup2(source, target)
        for fd in (null, self.read_end, self.write_end, self.wake, self.wake_in, self.log.fd):
            os.close(fd)
        if self.lock is not None:
            os.set_inheritable(self.lock, True)
        code = 1
        try:
            code = body()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _kill(self, number: int) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGKILL else os.kill)(self.child, number)

    def _reap(self) -> int | None:
        """Exit code of the program (negative: the signal that killed it) once it has ended."""
        if not self.child or os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        # Before the pid is free again: whatever it left in its process group.
        self._kill(signal.SIGKILL)
        status = os.waitpid(self.child, 0)[1]
        self.child = 0
        self._drain()
        return os.waitstatus_to_exitcode(status)

    def _wait(self, fds: list[int], timeout: float | None) -> None:
        ready = select.select(fds, [], [], timeout)[0]
        if fds[0] in ready:
            os.read(fds[0], 4096)
        if self.read_end in ready:
            self._drain()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self.read_end, 65536):
                self.log.write(data)

    def record(self, code: int) -> None:
        """Note an unexpected end and the program's last words for `rgt start` and `rgt doctor`."""
        lines = self.log.last.decode(errors="replace").strip()
        self._write(self.pidfile + ".failed", f"{code}\n{lines}\n")

    def _say(self, text: str) -> None:
        self.log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} supervisor: {self.name} {text}\n".encode())

    def _self(self) -> str:
        return f"{os.getpid()} {started(os.getpid())}"

    def _write(self, path: str, text: str) -> None:
        """Replace a small file at once; a full disk must not end the program."""
        try:
            fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.write(fd, text.encode())
            os.close(fd)
            os.replace(path + ".new", path)
        except OSError as e:
            self._say(f"cannot write {path}: {e.strerror}")


def started(pid: int) -> int:
    """Start time of a process as `rgt.host.processes` has it, 0 where there is no /proc."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return 0
    stat = os.read(fd, 4096)
    os.close(fd)
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def death_signal() -> Callable[[], object]:
    """What a forked child calls to be killed together with its parent; only Linux has it."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL)


def take(path: str) -> int | None:
    """The lock file `path`, locked for as long as this process or its program lives; None when another has it."""
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def program(argv: list[str]) -> Body:
    """The body that becomes another program."""

    def become() -> int:
        # Python ignores it, and a program that we become would go on ignoring it.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            os.execvp(argv[0], argv)
        except OSError as e:
            os.write(2, f"cannot start {argv[0]}: {e.strerror}\n".encode())
        return WRONG_CONFIGURATION

    return become


def main(words: list[str], load: Callable[[], Body] | None = None, prepare: Callable[[], object] | None = None) -> int:
    """Read `--key value … -- program…` and supervise; with `load`, what it gives is run in the program's place.

    `load` is called once, and `prepare` once the first program is `HEALTHY`, for what serves only the next one. Neither
    may leave a thread running."""
    split = words.index("--")
    options = dict(zip(words[:split:2], words[1:split:2], strict=True))
    log, pidfile, name = Log(options["--log"]), options["--pidfile"], options["--name"]
    lock = take(options["--lock"]) if "--lock" in options else None
    supervisor = Supervisor(name, log, pidfile, lock)
    if "--lock" in options and lock is None:
        log.write(f"{options['--lock']} is locked by another server\n".encode())
        supervisor.record(WRONG_CONFIGURATION)
        return WRONG_CONFIGURATION
    code = supervisor.run(load or partial(program, words[split + 1 :]), prepare)
    with suppress(FileNotFoundError):
        os.unlink(pidfile)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
