"""One private tmux server, spoken to through libtmux: a socket and a config of its own, exact targets, no shell."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rgt.host import processes
from rgt.host.run import run
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd

WIDTH, HEIGHT = 200, 50
"""Size of an agent's window while nobody is attached, in cells."""

DEFAULT_CONF = f"""\
# tmux settings of the sessions of rgt; the file is read when the first session starts.
set -s escape-time 10
set -s exit-empty off
set -s set-clipboard off
set -g default-terminal "tmux-256color"
set -g history-limit 20000
set -g remain-on-exit on
set -g window-size latest
set -g default-size {WIDTH}x{HEIGHT}
set -g mouse on
set -g status-right ""
set -g status-left-length 60
set -g status-left "#{{session_name}}   Ctrl+\\\\ leaves, the agent goes on   "
set -g window-status-format ""
set -g window-status-current-format ""
bind -n 'C-\\' detach-client
# The window has the size of the terminal of whoever attached last, and its own again when all have left. Not with
# `window-size latest` alone: a watcher's ignore-size counts only while somebody else is attached too.
set-hook -g client-attached {{
  if -F "#{{?#{{m:*ignore-size*,#{{client_flags}}}},0,1}}" {{ set -w window-size latest }}
}}
set-hook -g client-detached {{
  if -F "#{{==:#{{session_attached}},0}}" {{ resize-window -x {WIDTH} -y {HEIGHT} }}
}}
"""
LAUNCHER = ("/bin/sh", "-c", '. "$0" && rm -f "$0" && exec "$@"')
"""Takes directory and environment from a file that it deletes: arguments can be read by every user."""
PRIVATE = ("GTR_", "RGT_", "TEMPORAL_")
"""Variables of the worker that no session inherits: keys to the town, and whose town it is."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PASTE_PAUSE = 0.15
"""Seconds between a paste and its Enter: Gemini takes an Enter that comes at once for a part of the paste."""
COMMAND_LIMIT = 15_000
"""Bytes of one command; tmux itself gives up at 16,384 with an error that names nothing."""
NO_SERVER = ("no server running", "No such file or directory", "server exited")
NO_SESSION = ("can't find session", "can't find pane", "can't find window", "no current", "no such")
PANE_FORMAT = "\t".join(
    f"#{{{name}}}"
    for name in (
        "session_name",
        "pane_pid",
        "pane_dead",
        "pane_dead_status",
        "pane_dead_signal",
        "@rgt_agent",
        "@rgt_nonce",
        "@rgt_generation",
    )
)


@dataclass(frozen=True)
class Pane:
    """The one pane of a session: its process, whether that is dead and how it ended, what we noted on the session."""

    session: str
    pid: int
    dead: bool
    status: int | None
    signal: int | None
    agent: str
    nonce: str
    generation: int


class Tmux:
    """The tmux server behind `socket`; the first session starts it with the settings in `conf`."""

    def __init__(self, socket: Path, conf: Path) -> None:
        self.socket = socket
        self.conf = conf

    async def new_session(
        self,
        name: str,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        options: Mapping[str, str],
        marks: Mapping[str, str] | None = None,
        width: int = WIDTH,
        height: int = HEIGHT,
    ) -> int:
        """Start `argv` in a new detached session and give the pid of its process.

        `env` may hold secrets and long values; it never shows in anybody's arguments. `marks` are short variables
        that the process has from its very first moment. Raises `RgtError("exists")` when a session of that name is
        there, `invalid` when the command is too long for tmux.
        """
        self._prepare()
        file = self._write_env({**env, **(marks or {})}, cwd)
        try:
            return await self._new_session(
                name, [*LAUNCHER, str(file), *argv], cwd, marks or {}, options, width, height
            )
        except BaseException:
            file.unlink(missing_ok=True)
            raise

    async def _new_session(
        self,
        name: str,
        argv: Sequence[str],
        cwd: Path,
        marks: Mapping[str, str],
        options: Mapping[str, str],
        width: int,
        height: int,
    ) -> int:
        words = ["-d", "-P", "-F", "#{pane_pid}", "-s", name, "-x", str(width), "-y", str(height)]
        # tmux expands formats in the directory, and `#(…)` there would even run a program.
        words += ["-c", str(cwd).replace("#", "##")]
        words += [w for k, v in marks.items() for w in ("-e", f"{k}={v}")]
        words += ["--", *argv]
        words = [_literal(w) for w in words]
        for key, value in options.items():
            words += [";", "set-option", "-t", _target(name), key, _literal(value)]
        # For this window alone: tmux 3.3a crashes when the global option is manual.
        words += [";", "set-option", "-w", "-t", _target(name), "window-size", "manual"]
        size = sum(len(os.fsencode(w)) + 1 for w in words)
        if size > COMMAND_LIMIT:
            hint = f"tmux takes at most {COMMAND_LIMIT}; put long values into a file"
            raise RgtError("invalid", f"the command for session {name} is {size} bytes long", hint)
        done = await self._call("new-session", *words)
        if done.returncode:
            said = "; ".join(done.stderr)
            if "duplicate session" in said:
                raise RgtError("exists", f"there is a tmux session {name} already")
            raise RgtError("failed", f"tmux could not start {name}: {said}", f"see {self.conf}")
        return int(done.stdout[0])

    async def panes(self) -> list[Pane]:
        """All panes of the server, read in one call; none when it does not run."""
        return [_pane(line) for line in await self._ask("list-panes", "-a", "-F", PANE_FORMAT)]

    async def kill_session(self, name: str, nonce: str = "") -> None:
        """Close a session, given `nonce` only if the session carries it; one that is gone is fine."""
        kill = f"kill-session -t '{_target(name)}'"
        if nonce:
            await self._ask("if-shell", "-F", "-t", _target(name), f"#{{==:#{{@rgt_nonce}},{nonce}}}", kill)
        else:
            await self._ask("kill-session", "-t", _target(name))

    async def kill_server(self) -> None:
        """End the server and wait until it is gone, with SIGKILL after five seconds; its socket goes too."""
        pid = await self.server_pid()
        proc = processes.identify(pid) if pid else None
        if proc:
            await self._ask("kill-server")
            if not await processes.gone(proc, 5.0):
                await processes.end(proc, 0.0)
        for left in (self.socket, *self.socket.parent.glob(f"{self.socket.name}.env-*")):
            left.unlink(missing_ok=True)

    async def server_pid(self) -> int | None:
        """Pid of the server, None when it does not run."""
        out = await self._ask("display-message", "-p", "#{pid}")
        return int(out[0]) if out else None

    async def capture(self, name: str, lines: int = 0) -> str:
        """What the session's screen shows, with `lines` lines of history before it; empty when it is gone."""
        return "\n".join(await self._ask("capture-pane", "-p", "-t", _target(name), "-S", str(-lines)))

    async def paste(self, name: str, text: str) -> None:
        """Put `text` into the session as a person's paste, then Enter.

        Only for a session known to be idle. Raises `not_found` when it is gone and `invalid` for a text that
        holds the end mark of a paste, because what follows it would be typed.
        """
        if "\x1b[201~" in text:
            raise RgtError("invalid", f"the text for {name} holds a terminal's end-of-paste mark", "send it as a file")
        buffer = "rgt-" + secrets.token_hex(4)
        argv = [*self._argv(), "load-buffer", "-b", buffer, "-", ";"]
        argv += ["paste-buffer", "-p", "-d", "-b", buffer, "-t", _target(name)]
        # libtmux has no way to give a command its input.
        done = await run(argv, stdin=text.encode(errors="surrogateescape"), timeout=10.0)
        if not done.code:
            await asyncio.sleep(PASTE_PAUSE)
            done = await run([*self._argv(), "send-keys", "-t", _target(name), "Enter"], timeout=10.0)
        if done.code:
            await self._ask("delete-buffer", "-b", buffer)
            raise RgtError("not_found", f"could not paste into {name}: {done.err.strip()}", "is the agent running?")

    def attach_argv(self, name: str, read_only: bool = False) -> list[str]:
        """The command that shows a session in this terminal; watching (`read_only`) leaves the window's size alone."""
        flags = ["-f", "ignore-size,read-only"] if read_only else []
        return [*self._argv(), "attach-session", *flags, "-t", _target(name)]

    def _argv(self) -> list[str]:
        # -f each time, because the first call makes the server; -u, because under LC_ALL=C tabs would become `_`.
        return ["tmux", f"-f{self.conf}", f"-S{self.socket}", "-u"]

    def _prepare(self) -> None:
        self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.conf.exists():
            self.conf.parent.mkdir(parents=True, exist_ok=True)
            self.conf.write_text(DEFAULT_CONF)

    def _write_env(self, env: Mapping[str, str], cwd: Path) -> Path:
        """The file that a session's launcher reads, for this user's eyes only."""
        lines = [f"cd -- {shlex.quote(str(cwd))} || exit 97\n"]
        lines += [f"unset {name}\n" for name in os.environ if name.startswith(PRIVATE) and VARIABLE.fullmatch(name)]
        for key, value in env.items():
            if not VARIABLE.fullmatch(key) or "\0" in value:
                raise RgtError(
                    "invalid", f"{key[:40]!r} cannot be an environment variable", "letters, digits and _ only"
                )
            lines.append(f"export {key}={shlex.quote(value)}\n")
        file = self.socket.with_name(f"{self.socket.name}.env-{secrets.token_hex(8)}")
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as out:
            out.writelines(lines)
        return file

    async def _ask(self, command: str, *words: str) -> list[str]:
        """Lines of the answer; none when the server or the session is not there. Anything else raises."""
        done = await self._call(command, *words)
        said = "; ".join(done.stderr)
        if not done.returncode:
            return done.stdout
        if any(text in said for text in NO_SERVER + NO_SESSION):
            return []
        raise RgtError("failed", f"tmux {command}: {said}", f"the server's socket is {self.socket}")

    async def _call(self, command: str, *words: str) -> tmux_cmd:
        # Late: it costs 0.1 s, and a command line client that only attaches never needs it.
        from libtmux import Server
        from libtmux.exc import TmuxCommandNotFound

        server = Server(socket_path=self.socket, config_file=str(self.conf))
        try:
            async with asyncio.timeout(15.0):
                return await asyncio.to_thread(server.cmd, "-u", command, *words)
        except TmuxCommandNotFound as e:
            raise RgtError("missing", "tmux is not installed", "see `rgt install --check`") from e
        except TimeoutError as e:
            raise RgtError("failed", f"tmux {command} gave no answer within 15 s", f"socket {self.socket}") from e


def _target(name: str) -> str:
    """Exactly this session: a bare name would match by prefix and hit another agent."""
    return f"={name}:"


def _literal(word: str) -> str:
    """A word as tmux must get it: a `;` at the end would start the next command."""
    return word[:-1] + "\\;" if word.endswith(";") else word


def _pane(line: str) -> Pane:
    session, pid, dead, status, sig, agent, nonce, generation = line.split("\t")
    return Pane(
        session,
        int(pid),
        dead == "1",
        int(status) if status else None,
        _signal_number(sig),
        agent,
        nonce,
        int(generation or 0),
    )


def _signal_number(text: str) -> int | None:
    """tmux says the number or, where the system can, the name of a signal."""
    if not text:
        return None
    return int(text) if text.isdigit() else int(signal.Signals["SIG" + text.upper().removeprefix("SIG")])
