"""The scripted agent: a runtime without a model, which does in its worktree what a script says.

`python scripted.py --dir <agent directory> --mode start|rejected|resumed` behaves like any agent program: it reports
that it is up, takes in `rgt prime`, works, reports events, and finishes with `rgt done`. The script is `script.toml`
in its directory (rgt.model.script has the steps and checks them before the start); without one it becomes a shell for
a person. Its place in the script survives a death in `progress.json`.

It must be up at once, so it needs the standard library alone, and imports the slow parts of it while `rgt prime` runs.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

TYPE_CHECKING = False  # as in typing, whose import alone takes longer than most of this program
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any, NoReturn

    Step = dict[str, Any]
    Script = dict[str, list[Step]]

MODES = ("start", "rejected", "resumed")
PATIENCE = 10.0
"""Seconds given to `rgt prime` and to the report of an event."""
PRIME_LINES = 60
"""How much of the prime text is shown on the screen."""
SURVIVED = ("crash", "hang", "exit")
"""Steps that a resumed agent does not repeat."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
HEADER, STEP, DIM, RED = "7", "1;36", "2", "31"


class Ended(BaseException):
    """Somebody asked the agent to end."""


def main(argv: list[str]) -> int:
    """Run the agent; gives its exit code (1: a step failed, 2: wrong arguments or an unreadable script)."""
    options = dict(zip(argv[::2], argv[1::2], strict=False))
    mode = options.get("--mode", "start")
    if len(argv) % 2 or set(options) - {"--dir", "--mode"} or "--dir" not in options or mode not in MODES:
        print("usage: scripted --dir AGENT_DIR [--mode start|rejected|resumed]", file=sys.stderr)
        return 2
    if not os.environ.get("RGT_BIN"):
        print("RGT_BIN is not set: a scripted agent is started by its town", file=sys.stderr)
        return 2
    for number in ENDINGS:
        signal.signal(number, _end)
    agent = Agent(Path(options["--dir"]).absolute(), os.environ)
    try:
        code = agent.live(mode)
    except Ended:
        code = 0
        end_group()
    except KeyboardInterrupt:
        code = 130
    finally:
        for number in (*ENDINGS, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    agent.events.tell("session_end")
    agent.events.close()
    return code


def _end(number: int, frame: object) -> NoReturn:
    raise Ended


def end_group() -> None:
    """Pass the end on to whatever our steps left running: the rest of our process group, if we lead it."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


class Events:
    """Reports events to the town one after the other, without keeping the agent waiting."""

    def __init__(self, rgt: str) -> None:
        self.rgt = rgt
        self.waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def tell(self, kind: str) -> None:
        """Report `kind` soon; whether the town takes it is not the agent's business."""
        self.waiting.put(kind)

    def close(self) -> None:
        """Send what still waits, for at most two seconds."""
        self.waiting.put("")
        self.thread.join(2.0)

    def _send(self) -> None:
        while kind := self.waiting.get():
            argv = [self.rgt, "agent-event", "--kind", kind]
            try:
                got = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
                problem = f"exit {got.returncode} {plain(got.stderr)}" if got.returncode else ""
            except (OSError, subprocess.TimeoutExpired) as e:
                problem = str(e)
            if problem:
                show(f"  event {kind} was not taken: {problem.splitlines()[0].strip()}", DIM)


class Agent:
    """One session of the agent: its directory, its worktree, and its line to the town."""

    def __init__(self, directory: Path, environ: MutableMapping[str, str]) -> None:
        self.directory = directory
        self.worktree = Path.cwd()
        self.rgt = environ["RGT_BIN"]
        self.nonce = environ.get("GTR_NONCE", "")
        self.item = environ.get("GTR_WORK_ITEM", "")
        self.title = environ.get("GTR_TITLE", "")
        self.address = address_of(environ.get("GTR_AGENT", "agent"))
        for who in ("AUTHOR", "COMMITTER"):
            environ.setdefault(f"GIT_{who}_NAME", self.address)
            environ.setdefault(f"GIT_{who}_EMAIL", f"{self.address.replace('/', '.')}@rgt.localhost")
        self.events = Events(self.rgt)

    def live(self, mode: str) -> int:
        """From the first sign of life to the exit code."""
        scripted = (self.directory / "script.toml").exists()
        self._replace("ready", f"{os.getpid()} {self.nonce}\n")
        self.events.tell("session_start")
        show(plain(" · ".join(part for part in (f" {self.address}", self.item, self.title) if part)) + " ", HEADER)
        if not scripted:
            self._become_shell()
        prime = self._start_rgt("prime", "--hook")
        try:
            script = self._script()
        except (OSError, ValueError) as e:
            show(f"✗ {self.directory / 'script.toml'}: {e}", RED)
            return 2
        self._show_prime(prime)
        self.events.tell("busy")
        code = self._work(script, *self._place(script, mode))
        self.events.tell("stop")
        if code is None:
            self.events.tell("idle")
            self._idle()
        return code

    def _script(self) -> Script:
        import tomllib

        script: Script = tomllib.loads((self.directory / "script.toml").read_text(encoding="utf-8"))
        for name, steps in script.items():
            for step in steps:
                if step.get("do") not in DOINGS:
                    raise ValueError(f"unknown step {step.get('do')!r} in [[{name}]]")
        return script

    def _place(self, script: Script, mode: str) -> tuple[str, int]:
        """Name of the list and number of the step to begin with."""
        import json

        if mode == "rejected" and script.get("rejected"):
            return "rejected", 0
        if mode != "resumed":
            return "start", 0
        try:
            was = json.loads((self.directory / "progress.json").read_text(encoding="utf-8"))
            name, step = str(was["list"]), int(was["step"])
        except (OSError, ValueError, KeyError, TypeError):
            name, step = "start", 0
        if script.get("resumed") and name != "resumed":
            return "resumed", 0
        return (name, step) if name in script else ("start", 0)

    def _work(self, script: Script, name: str, first: int) -> int | None:
        """Do the steps of a list; the exit code when one of them ends the agent."""
        steps = script.get(name, [])
        for number, step in enumerate(steps[first:], first):
            self._remember(name, number + (step["do"] in SURVIVED))
            show(f"▸ {headline(step)}", STEP)
            try:
                code = DOINGS[step["do"]](self, step)
            except KeyboardInterrupt:
                show("  interrupted", DIM)
                return None
            except OSError as e:
                show(f"  ✗ {e}", RED)
                return 1
            if code is not None:
                return int(code)
        self._remember(name, len(steps))
        return None

    # One method a step; a number that it gives back ends the agent with that exit code.

    def do_write(self, step: Step) -> int | None:
        path = Path(step["path"]).resolve()
        if not path.is_relative_to(self.worktree):
            show("  ✗ that is outside the worktree", RED)
            return 1
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if step["do"] == "append" else "w", encoding="utf-8", newline="") as file:
            file.write(step["text"])
        return None

    def do_run(self, step: Step) -> int | None:
        code = self._call("sh", "-c", step["cmd"])
        return 1 if code and step.get("ok") != "any" else None

    def do_commit(self, step: Step) -> int | None:
        code = self._call("git", "add", "-A") or self._call("git", "commit", "-m", step["message"])
        # A resumed agent may find that its last life made the commit already.
        if code and not subprocess.run(["git", "status", "--porcelain"], capture_output=True).stdout:
            return None
        return 1 if code else None

    def do_done(self, step: Step) -> int | None:
        message = step.get("message", "")
        return None if self._call(self.rgt, "done", *(["--summary", message] if message else [])) else 0

    def do_say(self, step: Step) -> None:
        pass

    def do_escalate(self, step: Step) -> None:
        self._call(self.rgt, "escalate", *([self.item] if self.item else []), step["message"])

    def do_wait(self, step: Step) -> None:
        time.sleep(step["seconds"])

    def do_ask(self, step: Step) -> None:
        self.events.tell("idle")
        listen("answer> ")
        self.events.tell("busy")

    def do_crash(self, step: Step) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_hang(self, step: Step) -> None:
        while True:
            signal.pause()

    def do_exit(self, step: Step) -> int:
        return int(step.get("code", 0))

    def _idle(self) -> NoReturn:
        while True:
            try:
                listen("idle> ")
                show("  noted", DIM)
            except KeyboardInterrupt:
                show("", DIM)

    def _become_shell(self) -> NoReturn:
        prime = self._start_rgt("prime")
        print(plain(output_of(prime)), flush=True)
        self.events.tell("idle")
        self.events.close()
        prompt = " ".join(part for part in (self.address, self.item, "$ ") if part)
        shell = os.environ.get("SHELL") or "/bin/sh"
        argv = [shell, "-i"]
        if Path(shell).name == "bash":
            # The person's own start file would put the prompt back.
            self._replace("bashrc", f"[ -f ~/.bashrc ] && . ~/.bashrc\nPS1='{prompt}'\n")
            argv = [shell, "--rcfile", str(self.directory / "bashrc"), "-i"]
        for number in ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(shell, argv, {**os.environ, "PS1": prompt})

    def _show_prime(self, prime: subprocess.Popen[bytes] | None) -> None:
        """What a model would be told by the hook at the start of its session."""
        import json

        text = output_of(prime)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = str(json.loads(text)["hookSpecificOutput"]["additionalContext"])
        lines = plain(text).strip().splitlines()
        for line in lines[:PRIME_LINES]:
            show(f"│ {line}", DIM)
        if len(lines) > PRIME_LINES:
            show(f"│ … {len(lines) - PRIME_LINES} more lines: rgt prime", DIM)

    def _start_rgt(self, *args: str) -> subprocess.Popen[bytes] | None:
        argv = [self.rgt, *args]
        try:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as e:
            show(f"  {self.rgt}: {e.strerror}", DIM)
            return None

    def _call(self, *argv: str) -> int:
        """Run a program with its output on our screen; says so when it failed."""
        try:
            code = subprocess.run(argv, stdin=subprocess.DEVNULL).returncode
        except OSError as e:
            show(f"  ✗ {argv[0]}: {e.strerror}", RED)
            return 127
        if code:
            show(f"  ✗ exit {code}", RED)
        return code

    def _remember(self, name: str, step: int) -> None:
        self._replace("progress.json", f'{{"list": "{name}", "step": {step}}}\n')

    def _replace(self, name: str, text: str) -> None:
        """Write a file of our directory in such a way that no reader ever sees half of it."""
        half = self.directory / f".{name}.{os.getpid()}"
        half.write_text(text, encoding="utf-8")
        half.replace(self.directory / name)


DOINGS = {name.removeprefix("do_"): doing for name, doing in vars(Agent).items() if name.startswith("do_")}
DOINGS["append"] = Agent.do_write


def address_of(agent: str) -> str:
    """The address people use (`api/nux`) of an agent's workflow id (`polecat/api/nux`)."""
    kind, _, rest = agent.partition("/")
    return rest if rest and kind in ("polecat", "agent") else agent


def headline(step: Step) -> str:
    """One line that shows a step to whoever is watching."""
    about = next((str(step[k]) for k in ("path", "cmd", "message", "seconds", "code") if k in step), "")
    if step["do"] in ("say", "ask"):
        return plain(str(step["text"])).strip()
    lines = plain(about).strip().splitlines() or [""]
    cut = " …" if len(lines) > 1 or len(lines[0]) > 100 else ""
    return f"{step['do']} {lines[0][:100]}{cut}{' s' if step['do'] == 'wait' else ''}".rstrip()


def listen(prompt: str) -> str:
    """A line of input, which may never come; an agent without a terminal waits for its end."""
    while True:
        show(prompt, DIM, end="")
        if line := sys.stdin.readline():
            return line.rstrip("\n")
        while not sys.stdin.isatty():
            signal.pause()
        show("", DIM)


def output_of(process: subprocess.Popen[bytes] | None) -> str:
    """What a program prints, or complains of, until it ends; it is killed when it takes too long."""
    if process is None:
        return ""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"no answer within {PATIENCE:g} s"
    return (out or err).decode(errors="replace")


def plain(text: str | bytes) -> str:
    """Text without control characters, which could do anything to the terminal."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return "".join(c for c in text if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def show(text: str, style: str, end: str = "\n") -> None:
    """Print text, coloured on a terminal."""
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\x1b[{style}m{text}\x1b[0m" if coloured and text else text, end=end, flush=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
