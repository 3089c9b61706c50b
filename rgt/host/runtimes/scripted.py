"""The scripted agent: a runtime without a model, which does in its worktree what a script says.

`python -IS run.py scripted --dir <agent directory> --mode start|rejected|resumed|handoff` behaves like any agent
program: it reports that it is up, works, asks the guard before it runs a command, reports its events through `hook.py`
under Claude Code's names, takes in what it is told there, wakes when its bell rings, and ends with `rgt done`. It
misbehaves too, when it is told to. The script is `script.toml` in its directory (rgt.model.script has the steps and
checks them before the start); without one it becomes a shell for a person. Its place in the script survives a death in
`progress.json`.

It must be up at once, so it needs the standard library alone, and imports the slow parts of it after that.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

TYPE_CHECKING = False  # as in typing, whose import alone takes longer than most of this program
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any, NoReturn

    from rgt.host.runtimes.reporting import DIM, HEADER, RED, STEP, Hooks, plain, show

    Step = dict[str, Any]
    Script = dict[str, list[Step]]
else:
    # Isolated Python has not even the directory of the program on its path.
    sys.path.append(str(Path(__file__).parent))
    from reporting import DIM, HEADER, RED, STEP, Hooks, plain, show

MODES = ("start", "rejected", "resumed", "handoff")
LOOK = 0.5
"""Seconds between two looks at the bell."""
AGAIN = 5
"""So often a turn goes on because its end was answered with more."""
TOOLS = {
    "spend": "Task",
    "write": "Write",
    "append": "Edit",
    "run": "Bash",
    "commit": "Bash",
    "branch": "Bash",
    "push": "Bash",
}
"""Steps for which another runtime calls a tool."""
SPAM = ("PostToolUse", "UserPromptSubmit", "Stop")
PRIME_LINES = 60
"""How much of the prime text is shown on the screen."""
SURVIVED = ("crash", "hang", "exit", "partial", "handoff")
"""Steps that a resumed agent does not repeat."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
asked_to_end: list[int] = []
"""Those of them that have come."""


class Ended(BaseException):
    """Somebody asked the agent to end."""


def main(argv: list[str]) -> int:
    """Run the agent; gives its exit code (1: a step failed, 2: wrong arguments or an unreadable script)."""
    options = dict(zip(argv[::2], argv[1::2], strict=False))
    mode = options.get("--mode", "start")
    if len(argv) % 2 or set(options) - {"--dir", "--mode"} or "--dir" not in options or mode not in MODES:
        print("usage: scripted --dir AGENT_DIR [--mode {'|'.join(MODES)}]", file=sys.stderr)
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
    agent.hooks.tell("SessionEnd", reason="other")
    agent.hooks.close()
    return code


def rest() -> NoReturn:
    """Do nothing until somebody asks for the end."""
    while True:
        heed_end()
        time.sleep(1)


def heed_end() -> None:
    """End when that was asked for: Python drops what a signal raises while it clears an object away."""
    if asked_to_end:
        raise Ended


def _end(number: int, frame: object) -> NoReturn:
    asked_to_end.append(number)
    raise Ended


def end_group() -> None:
    """Pass the end on to whatever our steps left running: the rest of our process group, if we lead it."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


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
        self.hooks = Hooks(self._read("session").strip())
        self.bell = self._read("bell")
        self.typed = b""
        self.deaf = False
        """Nobody can type anything any more."""

    def live(self, mode: str) -> int:
        """From the first sign of life to the exit code."""
        scripted = (self.directory / "script.toml").exists()
        self._replace("ready", f"{os.getpid()} {self.nonce}\n")
        show(plain(" · ".join(part for part in (f" {self.address}", self.item, self.title) if part)) + " ", HEADER)
        source = "resume" if mode == "resumed" else "startup"
        if not scripted:
            self._become_shell(source)
        try:
            script = self._script()
        except (OSError, ValueError) as e:
            self.hooks.tell("SessionStart", source=source)
            show(f"✗ {self.directory / 'script.toml'}: {e}", RED)
            return 2
        self._show_told(self.hooks.ask("SessionStart", source=source).told)
        self.hooks.tell("UserPromptSubmit")
        code = self._work(script, *self._place(script, mode))
        if code is None:
            self._idle()
        self.hooks.tell("Stop")
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
        if mode not in ("resumed", "handoff"):
            return "start", 0
        try:
            was = json.loads((self.directory / "progress.json").read_text(encoding="utf-8"))
            name, step = str(was["list"]), int(was["step"])
        except (OSError, ValueError, KeyError, TypeError):
            name, step = "start", 0
        if script.get("resumed") and mode == "resumed" and name != "resumed":
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
            if step["do"] in TOOLS:
                self.hooks.tell("PostToolUse", tool_name=TOOLS[step["do"]])
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
        code = self._shell(step["cmd"])
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

    def do_handoff(self, step: Step) -> None:
        if not self._call(self.rgt, "handoff", step["message"]):
            rest()

    def do_wait(self, step: Step) -> None:
        time.sleep(step["seconds"])

    def do_ask(self, step: Step) -> None:
        self._stop()
        self._wait("answer> ", bell=False)
        self.hooks.tell("UserPromptSubmit")

    def do_crash(self, step: Step) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_hang(self, step: Step) -> None:
        rest()

    def do_exit(self, step: Step) -> int:
        return int(step.get("code", 0))

    def do_partial(self, step: Step) -> None:
        text = step["text"]
        self.do_write({**step, "do": "write", "text": text[: len(text) // 2]})
        self.do_crash(step)

    def do_dialog(self, step: Step) -> None:
        self.hooks.tell("Notification", notification_type="permission_prompt", message=step["text"])
        self._wait("allow? ", bell=False)
        self.hooks.tell("PostToolUse", tool_name="Bash")

    def do_limit(self, step: Step) -> None:
        end = f"|{int(time.time() + step['seconds']) + 1}" if "seconds" in step else ""
        self._fail("rate_limit", f"usage limit reached{end}")

    def do_cut(self, step: Step) -> None:
        self._fail(step.get("text", "server_error"), "the stream was cut")

    def do_compact(self, step: Step) -> None:
        self.hooks.ask("PreCompact", trigger="auto")
        show(self.hooks.ask("SessionStart", source="compact").told, DIM)

    def do_spam(self, step: Step) -> None:
        for number in range(step["count"]):
            self.hooks.ask(SPAM[number % len(SPAM)])
        self.hooks.tell("UserPromptSubmit")

    def do_spend(self, step: Step) -> None:
        """In the lines that Claude Code writes of one answer: several for one request, the last with all tokens."""
        import json

        file = self.directory / "transcripts" / f"{self.hooks.session or 'session'}.jsonl"
        file.parent.mkdir(exist_ok=True)
        request, at = f"req_{os.urandom(8).hex()}", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with file.open("a", encoding="utf-8") as lines:
            for output in (1, step["tokens"]):
                usage = {"input_tokens": 0, "output_tokens": min(output, step["tokens"])}
                message = {"role": "assistant", "model": step.get("model", "scripted"), "usage": usage}
                entry = {"type": "assistant", "timestamp": at, "requestId": request, "message": message}
                lines.write(json.dumps(entry) + "\n")

    def do_branch(self, step: Step) -> None:
        self._shell(f"git switch --quiet --force-create {shlex.quote(step['text'])}")

    def do_push(self, step: Step) -> None:
        self._shell(f"git push --force origin HEAD:{shlex.quote(step.get('text', 'main'))}")

    def _fail(self, error: str, details: str) -> None:
        """A turn that does not end well: it goes on once somebody rings."""
        self.hooks.tell("StopFailure", error=error, error_details=details)
        show(f"  ✗ {error}", RED)
        self._wait("failed> ")
        self.hooks.tell("UserPromptSubmit")

    def _stop(self) -> None:
        """End a turn, which goes on as long as there is something more."""
        for _ in range(AGAIN):
            if not (again := self.hooks.ask("Stop").told):
                return
            show(again, DIM)

    def _idle(self) -> NoReturn:
        while True:
            self._stop()
            with contextlib.suppress(KeyboardInterrupt):
                self._wait("idle> ")
                self.hooks.tell("UserPromptSubmit")
                show("  noted", DIM)

    def _wait(self, prompt: str, bell: bool = True) -> None:
        """Wait for a line of input, or for the bell and what it has to say."""
        show(prompt, DIM, end="")
        while True:
            heed_end()
            if self._line():
                return
            if not bell or (now := self._read("bell")) == self.bell:
                continue
            self.bell = now
            if told := self.hooks.ask("FileChanged", "bell", file_path=str(self.directory / "bell")).told:
                show(f"\n{told}", DIM)
                return

    def _line(self) -> str | None:
        """A line that was typed, if there is one within a moment."""
        while b"\n" not in self.typed:
            if self.deaf:
                time.sleep(LOOK)
                return None
            if not select.select([0], [], [], LOOK)[0]:
                return None
            data = os.read(0, 4096)
            # On a terminal this is Ctrl-D, which ends nothing.
            self.deaf = not data and not sys.stdin.isatty()
            self.typed += data or (b"" if self.deaf else b"\n")
        line, _, self.typed = self.typed.partition(b"\n")
        return line.decode(errors="replace") + "\n"

    def _become_shell(self, source: str) -> NoReturn:
        print(self.hooks.ask("SessionStart", source=source).told, flush=True)
        self.hooks.tell("Stop")
        self.hooks.close()
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

    def _show_told(self, text: str) -> None:
        """What a model would be told by the hook at the start of its session."""
        lines = text.strip().splitlines()
        for line in lines[:PRIME_LINES]:
            show(f"│ {line}", DIM)
        if len(lines) > PRIME_LINES:
            show(f"│ … {len(lines) - PRIME_LINES} more lines: rgt prime", DIM)

    def _shell(self, line: str) -> int:
        """Run a shell line if the guard lets it; gives its exit code, 126 when it was refused."""
        used = {"tool_name": "Bash", "tool_input": {"command": line}}
        if refusal := self.hooks.ask("PreToolUse", "guard", **used).refusal:
            show(f"  ✗ refused: {refusal}", RED)
            return 126
        return self._call("sh", "-c", line)

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

    def _read(self, name: str) -> str:
        """A file of our directory; empty when there is none."""
        try:
            return (self.directory / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

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
    if step["do"] in ("say", "ask", "dialog"):
        return plain(str(step["text"])).strip()
    lines = plain(about).strip().splitlines() or [""]
    cut = " …" if len(lines) > 1 or len(lines[0]) > 100 else ""
    return f"{step['do']} {lines[0][:100]}{cut}{' s' if step['do'] == 'wait' else ''}".rstrip()


def run(argv: list[str]) -> None:
    """Be the agent until it ends."""
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(argv))
