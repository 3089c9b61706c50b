"""The private tmux server: what goes in comes out byte for byte, people come and go, other servers are untouched."""

from __future__ import annotations

import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from fcntl import ioctl
from pathlib import Path

import pytest

from rgt.host import processes
from rgt.host.run import run
from rgt.host.tmux import COMMAND_LIMIT, DEFAULT_CONF, HEIGHT, WIDTH, Pane, Tmux
from rgt.model.errors import RgtError
from tests.eventually import aeventually, eventually


@pytest.fixture
async def tmux(tmp: Path) -> AsyncIterator[Tmux]:
    server = Tmux(tmp / "s", tmp / "tmux.conf")
    yield server
    await server.kill_server()


async def start(tmux: Tmux, name: str, script: str, cwd: Path = Path("/tmp"), **env: str) -> int:
    return await tmux.new_session(name, ["sh", "-c", script], cwd, env, {"@rgt_nonce": f"n-{name}"})


async def pane(tmux: Tmux, name: str) -> Pane:
    return next(p for p in await tmux.panes() if p.session == name)


async def test_a_server_that_does_not_run_has_nothing(tmux: Tmux) -> None:
    assert await tmux.panes() == []
    assert await tmux.server_pid() is None
    assert await tmux.capture("gtr-api/nux") == ""
    await tmux.kill_session("gtr-api/nux")


async def test_a_session_carries_what_was_noted_on_it(tmux: Tmux) -> None:
    options = {"@rgt_agent": "polecat/api/nux", "@rgt_nonce": "n1", "@rgt_generation": "3"}
    pid = await tmux.new_session("gtr-api/nux", ["sleep", "60"], Path("/tmp"), {}, options)
    assert await tmux.panes() == [Pane("gtr-api/nux", pid, False, None, None, "polecat/api/nux", "n1", 3)]
    assert tmux.conf.read_text() == DEFAULT_CONF


@pytest.mark.parametrize(
    ("script", "status", "sig"),
    [("exit 0", 0, None), ("exit 7", 7, None), ("kill -9 $$", None, 9), ("kill $$", None, 15)],
)
async def test_a_dead_pane_tells_how_it_ended(tmux: Tmux, script: str, status: int | None, sig: int | None) -> None:
    await start(tmux, "a", script)
    server = await tmux.server_pid()
    assert server

    async def dead() -> Pane | None:
        # tmux 3.3a misses the death of one in ten; see Watcher.
        os.kill(server, signal.SIGCHLD)
        p = await pane(tmux, "a")
        # A terminal is closed before its process is asked how it has ended.
        return p if p.dead and (p.status, p.signal) != (None, None) else None

    found = await aeventually(dead)
    assert found and found.dead
    assert (found.status, found.signal) == (status, sig)


async def test_the_same_name_twice_is_refused_and_changes_nothing(tmux: Tmux) -> None:
    pid = await start(tmux, "a", "sleep 60")
    with pytest.raises(RgtError) as e:
        await tmux.new_session("a", ["sleep", "60"], Path("/tmp"), {}, {"@rgt_nonce": "other"})
    assert e.value.code == "exists"
    assert (await pane(tmux, "a")).nonce == "n-a"
    assert (await pane(tmux, "a")).pid == pid


async def test_targets_are_exact(tmux: Tmux) -> None:
    await start(tmux, "gtr-api/nux2", "sleep 60")
    await tmux.kill_session("gtr-api/nux")
    await tmux.kill_session("gtr-api/nux2", nonce="another")
    assert len(await tmux.panes()) == 1
    await tmux.kill_session("gtr-api/nux2", nonce="n-gtr-api/nux2")
    assert await tmux.panes() == []


async def test_words_environment_and_directory_arrive_exactly(tmux: Tmux, tmp: Path) -> None:
    cwd = tmp / f"a '#(touch {tmp.name}-no) #{{pid}} #S;"
    cwd = cwd.parent / cwd.name.replace("/", "_")
    cwd.mkdir()
    words = ["a;", ";", "b c", "'\"$HOME", "#{pid}", "", "line\nline", "\\;", "ü€"]
    values = {
        "QUOTES": 'it\'s "here"',
        "LINES": "a\nb\n",
        "LONG": "x" * 100_000,
        "SEMI": ";",
        "ODD": "\x1b[31m$(id)`id`",
    }
    script = f'printf "%s\\0" "$@" > {tmp}/words; env -0 > {tmp}/env; pwd > {tmp}/cwd; touch {tmp}/done; sleep 60'
    await tmux.new_session("a", ["sh", "-c", script, "sh", *words], cwd, values, {})
    eventually((tmp / "done").exists)
    assert (tmp / "words").read_text().split("\0")[:-1] == words
    got = dict(pair.partition("=")[::2] for pair in (tmp / "env").read_text().split("\0") if pair)
    assert {k: got.get(k) for k in values} == values
    assert (tmp / "cwd").read_text().rstrip("\n") == str(cwd)


async def test_secrets_show_in_no_arguments_and_leave_no_file(tmux: Tmux, tmp: Path) -> None:
    os.environ["GTR_TOKEN"] = "somebody-else's"
    os.environ["TEMPORAL_API_KEY"] = "of-the-worker"
    await start(tmux, "first", f"env > {tmp}/env; touch {tmp}/done; sleep 60", GTR_TOKEN="hush-123")
    pid = await start(tmux, "second", "exec sleep 60", OTHER_KEY="hush-456")
    eventually((tmp / "done").exists)
    eventually(lambda: not list(tmp.glob("s.env-*")), what="the environment files are gone")
    assert "GTR_TOKEN=hush-123" in (tmp / "env").read_text().splitlines()
    assert "of-the-worker" not in (tmp / "env").read_text()
    eventually(lambda: "OTHER_KEY" in processes.environ(pid), what="the launcher became the program")
    assert "GTR_TOKEN" not in processes.environ(pid)
    cmdlines = [Path(f"/proc/{p}/cmdline") for p in (pid, await tmux.server_pid())]
    assert not any(b"hush" in c.read_bytes() for c in cmdlines)


async def test_too_long_for_tmux_is_refused_in_words_of_ours(tmux: Tmux, tmp: Path) -> None:
    with pytest.raises(RgtError) as e:
        await tmux.new_session("a", ["echo", "x" * COMMAND_LIMIT], Path("/tmp"), {}, {})
    assert e.value.code == "invalid"
    assert "put long values into a file" in e.value.line()
    assert list(tmp.glob("s.env-*")) == []


@pytest.mark.parametrize("key", ["A B", "1A", "", "A;B"])
async def test_a_bad_variable_name_is_refused(tmux: Tmux, key: str) -> None:
    with pytest.raises(RgtError, match="environment variable"):
        await tmux.new_session("a", ["true"], Path("/tmp"), {key: "x"}, {})


async def test_a_directory_that_is_gone_ends_the_session_instead_of_starting_elsewhere(tmux: Tmux, tmp: Path) -> None:
    await start(tmux, "a", "sleep 60", cwd=tmp / "gone")

    server = await tmux.server_pid()
    assert server

    async def status() -> int | None:
        os.kill(server, signal.SIGCHLD)
        return (await pane(tmux, "a")).status

    assert await aeventually(status) == 97


async def test_a_paste_arrives_byte_for_byte(tmux: Tmux, tmp: Path) -> None:
    await start(tmux, "a", f"stty -echo -icanon min 1; touch {tmp}/up; cat > {tmp}/got")
    eventually((tmp / "up").exists)
    text = 'it\'s "quoted" $(id) `id` #{pid};\nsecond line\tü€😀 ' + "x" * 10_000
    await tmux.paste("a", text)
    want = (text + "\n").encode()
    eventually(lambda: (tmp / "got").read_bytes() == want, what="the pasted text")


async def test_a_paste_that_would_type_or_miss_is_refused(tmux: Tmux) -> None:
    await start(tmux, "a", "sleep 60")
    with pytest.raises(RgtError, match="end-of-paste"):
        await tmux.paste("a", "x\x1b[201~rm -rf\n")
    with pytest.raises(RgtError) as e:
        await tmux.paste("b", "x")
    assert e.value.code == "not_found"
    assert (await run(["tmux", "-S", str(tmux.socket), "list-buffers"])).out == ""


async def test_capture_gives_the_screen_and_history(tmux: Tmux) -> None:
    await start(tmux, "a", "seq 1 200; sleep 60")

    async def screen() -> bool:
        return "200" in await tmux.capture("a")

    await aeventually(screen)
    assert (await tmux.capture("a")).splitlines()[0] != "1"
    assert (await tmux.capture("a", lines=500)).splitlines()[0] == "1"


async def test_tmux_missing_is_one_clear_line_b84(tmux: Tmux, tmp: Path) -> None:
    path, os.environ["PATH"] = os.environ["PATH"], str(tmp)
    with pytest.raises(RgtError) as e:
        await tmux.panes()
    os.environ["PATH"] = path
    assert (e.value.code, e.value.line()) == ("missing", "tmux is not installed — see `rgt install --check`")


async def test_kill_server_is_complete_and_touches_no_other_server_b44(tmux: Tmux, tmp: Path) -> None:
    users = Tmux(tmp / "users-own", tmp / "users.conf")
    try:
        mine = await start(users, "work", "exec sleep 60")
        pid = await start(tmux, "a", "exec sleep 60")
        agent, server = processes.identify(pid), await tmux.server_pid()
        assert agent and server
        await tmux.kill_server()
        assert processes.identify(server) is None
        assert not tmux.socket.exists()
        assert await processes.gone(agent, 5.0)
        assert [p.pid for p in await users.panes()] == [mine]
        await tmux.kill_server()
    finally:
        await users.kill_server()


class Terminal:
    """A person's terminal that shows a session."""

    def __init__(self, argv: list[str], columns: int, rows: int) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self.fd, False)

    def read(self) -> bytes:
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""

    def leave(self) -> None:
        """Press Ctrl+\\."""
        os.write(self.fd, b"\x1c")

    def ended(self) -> bool:
        self.read()
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("read_only", [False, True], ids=["attach", "watch"])
async def test_fifty_people_come_and_go_b44(tmux: Tmux, read_only: bool) -> None:
    script = "trap 'echo resized' WINCH; trap 'echo quit; exit 1' QUIT INT HUP; while :; do sleep 0.2; done"
    pid = await start(tmux, "gtr-api/nux", script)
    proc = processes.identify(pid)

    async def ask(*words: str) -> str:
        return (await run(["tmux", "-S", str(tmux.socket), *words])).out

    async def clients() -> int:
        return len((await ask("list-clients")).splitlines())

    async def size() -> str:
        return (await ask("display-message", "-p", "-t", "=gtr-api/nux:", "#{window_width}x#{window_height}")).strip()

    async def shrunk() -> bool:
        return await size() == "80x23"

    for i in range(50):
        terminal = Terminal(tmux.attach_argv("gtr-api/nux", read_only), 80, 24)
        seen = b""
        while b"gtr-api/nux" not in seen:
            seen += eventually(terminal.read, what="the session's screen")
        if read_only:
            assert await size() == f"{WIDTH}x{HEIGHT}"
        else:
            await aeventually(shrunk)
        if i % 10 == 9:
            os.kill(terminal.pid, signal.SIGKILL)
        else:
            terminal.leave()
        eventually(terminal.ended, what="the client to end")
        terminal.close()

    async def alone() -> bool:
        return await clients() == 0 and await size() == f"{WIDTH}x{HEIGHT}"

    await aeventually(alone)
    assert proc and processes.alive(proc)
    assert (await pane(tmux, "gtr-api/nux")).pid == pid
    assert "quit" not in await tmux.capture("gtr-api/nux", lines=500)
    if read_only:
        assert "resized" not in await tmux.capture("gtr-api/nux", lines=500)
