"""Runs a rig's setup recipe in the pane of an agent, then becomes the agent.

Run as `python -IS setup.py AGENT_DIR STAMP KEY SECONDS LINE PROGRAM ARG…` in the worktree. What the recipe prints is on
the screen and in `setup.log`. Once it has succeeded STAMP holds KEY, and PROGRAM takes the place of this process. When
it fails, `setup.failed` says how, and this process ends with 96. Standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

EXIT = 96
RUNNING, DONE, FAILED, LOG = "setup.running", "setup.done", "setup.failed", "setup.log"
"""Files in the agent's directory: the recipe runs, it has succeeded, how it failed, what it printed."""


def main(argv: list[str]) -> int:
    """Run the recipe; comes back only when it failed."""
    if len(argv) < 6:
        print("usage: setup AGENT_DIR STAMP KEY SECONDS LINE PROGRAM ARG…", file=sys.stderr)
        return 2
    directory, stamp, key, seconds, line, *program = argv
    where = Path(directory)
    (where / RUNNING).touch()
    show(f"▸ setup: {line}")
    why = run(line, float(seconds), where / LOG)
    if why:
        (where / FAILED).write_text(why)
        (where / RUNNING).unlink(missing_ok=True)
        show(f"✗ the setup recipe {why}")
        return EXIT
    Path(stamp).write_text(f"{key}\n")
    (where / DONE).touch()
    (where / RUNNING).unlink(missing_ok=True)
    os.execvp(program[0], program)
    return EXIT


def run(line: str, seconds: float, log: Path) -> str:
    """Run a shell line in a process group of its own, its output on the screen and in `log`; gives how it failed."""
    late: list[float] = []
    told: list[int] = []
    groups: list[int] = []

    def end(number: int, frame: object) -> None:
        told.append(number)
        if groups:
            kill(groups[0])
            sys.exit(128 + number)

    # Before the recipe begins: nobody but us ends what is in a session of its own.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    with log.open("wb", buffering=0) as file:
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        groups.append(process.pid)
        if told:
            end(told[0], None)

        def expire() -> None:
            late.append(seconds)
            kill(process.pid)

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        assert process.stdout
        # Not until the end of the output: what the recipe leaves running may hold it for ever.
        reader = threading.Thread(target=copy, args=(process.stdout.fileno(), file.fileno()), daemon=True)
        reader.start()
        code = process.wait()
        timer.cancel()
        reader.join(1.0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
    if late:
        return f"took longer than {seconds:g} s"
    return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}" if code else ""


def copy(source: int, log: int) -> None:
    """Whatever comes from `source` goes to the screen and to the log."""
    while data := os.read(source, 65536):
        os.write(log, data)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def kill(group: int) -> None:
    """End a whole process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def show(text: str) -> None:
    """Print a line on the screen."""
    sys.stdout.buffer.write(text.encode(errors="replace") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
