"""The server as a process: how it begins and ends, what is on the wire, and a town that is not there or goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from pygls.exceptions import JsonRpcException

from rgt.host import daemon
from tests.eventually import aeventually, eventually
from tests.lsp.editor import CLIENTS, RGT_CLIENT, editor
from tests.scratch import scratch_env
from tests.town import RGT, LiveTown, processes_of

INITIALIZE = {"processId": None, "rootUri": None, "capabilities": {"experimental": {"rgt": RGT_CLIENT}}}


class Wire:
    """A server and the messages to and from it, byte by byte."""

    def __init__(self, env: dict[str, str], *argv: str, process_id: int | None = None) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (it is open as long as the server is)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([str(RGT), "lsp", *argv], env=env, stdin=pipe, stdout=pipe, stderr=self.log)
        self.to, self.back = self.process.stdin, self.process.stdout
        self.process_id = process_id

    def send(self, message: dict[str, Any] | bytes) -> None:
        """Send a message, or bytes as they are."""
        body = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.to is not None
        self.to.write(body if isinstance(message, bytes) else b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.to.flush()

    def read(self) -> dict[str, Any]:
        """The next message; everything on the wire is one."""
        assert self.back is not None
        return read(self.back)

    def answer(self, id: Any) -> dict[str, Any]:
        """The answer to a request; what comes before is passed over."""
        while (message := self.read()).get("id") != id or "method" in message:
            pass
        return message

    def begin(self, name: str = "") -> dict[str, Any]:
        """Say hello, as the editor of that name would; gives the answer to `initialize`."""
        told = json.loads((CLIENTS / f"{name}.json").read_text()) if name else INITIALIZE
        params = {"rootUri": None, **told, "processId": self.process_id}
        self.send({"id": 0, "method": "initialize", "params": params})
        answer = self.answer(0)
        self.send({"method": "initialized", "params": {}})
        return answer

    def ends(self, timeout: float = 10) -> int:
        """Wait for its end; gives the exit code. Nothing but messages may have been on the wire."""
        code = self.process.wait(timeout)
        assert self.back is not None
        rest = self.back.read()
        while rest:
            head, _, tail = rest.partition(b"\r\n\r\n")
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            json.loads(tail[:length])
            rest = tail[length:]
        return code

    def errors(self) -> str:
        """What it has written to its standard error."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def read(pipe: IO[bytes]) -> dict[str, Any]:
    """One message."""
    length = 0
    while (line := pipe.readline()) != b"\r\n":
        assert line.startswith(b"Content-"), line
        if line.startswith(b"Content-Length: "):
            length = int(line.split()[1])
    message: dict[str, Any] = json.loads(pipe.read(length))
    return message


@pytest.fixture
def nowhere(tmp: Path) -> dict[str, str]:
    """The environment of a home in which nothing was ever started."""
    return {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}


@pytest.fixture
def wire(nowhere: dict[str, str]) -> Iterator[Wire]:
    """A server without a town."""
    made = Wire(nowhere)
    yield made
    made.close()


def test_shutdown_then_exit_is_a_good_end(wire: Wire) -> None:
    answer = wire.begin()
    assert answer["result"]["serverInfo"]["name"] == "rgt"
    wire.send({"id": 1, "method": "shutdown"})
    assert wire.answer(1)["result"] is None
    wire.send({"id": 2, "method": "textDocument/hover", "params": {}})
    assert wire.answer(2)["error"]["code"] == -32600
    wire.send({"method": "exit"})
    assert wire.ends() == 0


@pytest.mark.parametrize(("message", "code"), [({"method": "exit"}, 1), (None, 1)])
def test_an_end_without_shutdown_is_a_bad_one(wire: Wire, message: dict[str, Any] | None, code: int) -> None:
    wire.begin()
    if message:
        wire.send(message)
    elif wire.to is not None:
        wire.to.close()
    assert wire.ends() == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it(wire: Wire, number: int, code: int) -> None:
    wire.begin()
    wire.process.send_signal(number)
    assert wire.ends() == code


def test_it_ends_with_its_editor_though_the_pipe_stays_open(nowhere: dict[str, str]) -> None:
    editor_process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    server = Wire(nowhere, process_id=editor_process.pid)
    try:
        server.begin()
        editor_process.communicate(b"\n")
        assert server.ends() == 1
    finally:
        server.close()


def test_an_editor_that_is_not_among_our_processes_is_no_dead_one(nowhere: dict[str, str]) -> None:
    """Such as one outside of this container."""
    server = Wire(nowhere, process_id=2**22 + 5)
    try:
        server.begin()
        server.send({"id": 1, "method": "shutdown"})
        assert server.answer(1)["result"] is None
    finally:
        server.close()


def test_without_a_town_it_says_what_is_missing(wire: Wire) -> None:
    wire.begin()
    said = wire.read()
    assert said["method"] == "rgt/serverStatus"
    assert (said["params"]["health"], said["params"]["quiescent"]) == ("error", True)
    assert "there is no town at" in said["params"]["message"] and "`rgt start`" in said["params"]["message"]
    wire.send({"id": 1, "method": "workspace/executeCommand", "params": {"command": "rgt.server.needs"}})
    error = wire.answer(1)["error"]
    assert (error["code"], error["data"]["code"]) == (-32803, "unreachable")


@pytest.mark.parametrize("argv", [["--colour"], ["now"]])
def test_wrong_arguments(nowhere: dict[str, str], argv: list[str]) -> None:
    done = subprocess.run([str(RGT), "lsp", *argv], env=nowhere, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_person_who_starts_it_is_told_what_it_is(nowhere: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    done = subprocess.run([str(RGT), "lsp"], env=nowhere, stdin=theirs, capture_output=True, text=True, timeout=30)
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, done.stdout) == (2, "") and "an editor" in done.stderr


@pytest.mark.parametrize("path", ["file", "/dev/null"])
def test_an_input_that_is_no_pipe_is_refused(nowhere: dict[str, str], tmp: Path, path: str) -> None:
    (tmp / "file").write_text("x")
    with (tmp / path).open() as file:
        done = subprocess.run([str(RGT), "lsp"], env=nowhere, stdin=file, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


# --- a town that comes and goes


async def test_B83_a_killed_worker_and_a_killed_temporal_are_said_and_got_over(town: LiveTown) -> None:
    """Within five seconds after they are back, and nothing has to be restarted."""
    async with editor(town.env, own=RGT_CLIENT) as client:
        await client.healthy()
        for name in ("worker", "temporal"):
            told = len(client.told("rgt/serverStatus"))
            await asyncio.to_thread(town.kill, name)

            async def said(told: int = told) -> bool:
                return {p["health"] for p in client.told("rgt/serverStatus")[told:]} - {"ok"} != set()

            await aeventually(said, 10, 0.02, f"a word about the killed {name}")
            await asyncio.to_thread(eventually, lambda: town.run("work", "list").code == 0, 30, 0.1)
            back = time.monotonic()
            await client.healthy()
            assert time.monotonic() - back < 5
            made = await client.run("work.create", title=f"after {name}")
            item = made["value"]["id"]

            async def known(item: str = item) -> bool:
                return any(r["id"] == item for r in (await client.run("work.list"))["rows"])

            await aeventually(known)


async def test_a_town_that_sleeps_and_wakes_is_said_to(town: LiveTown) -> None:
    async with editor(town.env, own=RGT_CLIENT) as client:
        await client.healthy()
        await asyncio.to_thread(town.rgt, "down")
        await client.hears("rgt/serverStatus", lambda p: "sleeps" in p["message"])
        await asyncio.to_thread(town.rgt, "up")
        await client.healthy()


async def test_requests_are_answered_while_the_town_is_frozen(town: LiveTown) -> None:
    """A worker that is stopped answers nobody; what only looks does not ask it."""
    item = await asyncio.to_thread(town.create, "before the frost")
    async with editor(town.env, own=RGT_CLIENT) as client:
        await client.healthy()
        uri = client.open(f"see {item}\n")
        pid = town.pid("worker")
        os.kill(pid, signal.SIGSTOP)
        try:
            place = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 8}}
            for method, params in (
                ("textDocument/hover", place),
                ("textDocument/definition", place),
                ("textDocument/completion", place),
                ("textDocument/references", {**place, "context": {"includeDeclaration": True}}),
                ("textDocument/codeLens", {"textDocument": {"uri": uri}}),
                ("workspace/symbol", {"query": "frost"}),
            ):
                async with asyncio.timeout(5):
                    assert await client.ask(method, params), method
            async with asyncio.timeout(5):
                assert "before the frost" in (await client.run("document", uri=f"rgt:/item/{item}.md"))["text"]
                assert (await client.run("work.list"))["rows"]
            # What acts is not waited for without end.
            with pytest.raises(JsonRpcException, match="has not answered within 20 s; whether it was done is unknown"):
                async with asyncio.timeout(30):
                    await client.run("work.close", id=item)
        finally:
            os.kill(pid, signal.SIGCONT)
        # It was asked, and does it now that it can.
        closed = await aeventually(lambda: asyncio.to_thread(town.item, item))
        assert closed["state"] == "closed"


async def test_without_a_worker_the_town_is_read_from_temporal(town: LiveTown) -> None:
    item = await asyncio.to_thread(town.create, "before")
    await daemon.stop_daemon(town.home, "worker")
    async with editor(town.env, own=RGT_CLIENT) as client:
        await client.hears("rgt/serverStatus", lambda p: "from Temporal" in p["message"], timeout=20)
        assert [r["id"] for r in (await client.run("work.list"))["rows"]] == [item]
        await asyncio.to_thread(town.rgt, "start")
        await client.healthy()
        await client.run("work.edit", id=item, title="after")
        await client.hears("rgt/townChanged")


def test_what_reads_from_temporal_ends_with_the_server_however_that_ends(town: LiveTown) -> None:
    asyncio.run(daemon.stop_daemon(town.home, "worker"))
    server = Wire(town.env)
    try:
        server.begin()
        while "from Temporal" not in str(server.read()):
            pass
        reading = [p for p in processes_of(town.home.root) if "rgt.lsp.remains" in p.cmdline()]
        assert len(reading) == 1
        server.process.kill()
        assert reading[0].wait(10) is not None or not reading[0].is_running()
    finally:
        server.close()


async def test_a_town_that_is_started_later_is_found(tmp: Path) -> None:
    live = LiveTown(tmp)
    try:
        async with editor(live.env, own=RGT_CLIENT) as client:
            await client.hears("rgt/serverStatus", lambda p: p["health"] == "error")
            await asyncio.to_thread(live.rgt, "start")
            back = time.monotonic()
            await client.healthy()
            assert time.monotonic() - back < 5
            await asyncio.to_thread(live.rgt, "stop")
            await client.hears("rgt/serverStatus", lambda p: "does not run" in p["message"])
    finally:
        await asyncio.to_thread(live.stop)
