"""The embedded Temporal server: how it is called, what keeps it from starting, and that it serves on loopback alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from rgt.host import server
from rgt.model.errors import RgtError
from rgt.model.home import Home
from tests.eventually import aeventually


def refusal(home: Home, port: int) -> RgtError:
    """How `prepare_server` refuses; in one line."""
    with pytest.raises(RgtError) as e:
        server.prepare_server(home, port)
    assert "\n" not in e.value.line()
    assert e.value.hint
    return e.value


def test_the_command_is_safe_and_fast(home: Home) -> None:
    argv = server.server_argv(home, 7233, "default")
    line = " ".join(argv)
    assert "--ip 127.0.0.1" in line
    assert "--headless" in argv
    assert f"--db-filename {home.town_db}" in line
    assert "--sqlite-pragma journal_mode=WAL --sqlite-pragma synchronous=NORMAL" in line
    assert line.count("--dynamic-config-value") == 5
    assert line.count("--search-attribute") == 7


def test_preparing_twice_is_fine_and_notes_the_version(home: Home) -> None:
    for _ in range(2):
        server.prepare_server(home, server.free_port())
    assert server.version_file(home).read_text().strip() == server.server_version(server.find_server())


async def test_the_noted_version_is_the_programs_own() -> None:
    program = server.find_server()
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert server.server_version(program) in out.decode()


def test_a_taken_port_is_one_clear_line_b84(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        error = refusal(home, port)
    assert error.code == "refused"
    assert error.message == f"port {port} of 127.0.0.1 is used by another program, so Temporal cannot listen there"
    assert f"127.0.0.1:{port}" in error.hint
    assert not home.temporal.exists()


def test_a_database_of_another_server_is_one_clear_line_b84(home: Home) -> None:
    home.temporal.mkdir(parents=True)
    fd = os.open(server.lock_file(home), os.O_CREAT | os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    error = refusal(home, server.free_port())
    os.close(fd)
    assert error.code == "refused"
    assert "locked by another server" in error.message


def test_a_home_that_cannot_be_written_is_one_clear_line_b84(tmp: Path) -> None:
    error = refusal(Home(Path("/proc/rgt-test"), tmux_tmpdir=tmp), server.free_port())
    assert error.code == "failed"
    assert error.message.startswith("cannot write to /proc/rgt-test/temporal")


@pytest.mark.parametrize("noted", ["0.0.1", None])
def test_a_database_of_another_version_is_never_opened(home: Home, noted: str | None) -> None:
    home.temporal.mkdir(parents=True)
    home.town_db.write_bytes(b"")
    if noted:
        server.version_file(home).write_text(noted)
    error = refusal(home, server.free_port())
    assert error.code == "version"
    assert (noted or "an unknown version") in error.message
    assert "rgt start --migrate" in error.hint


@pytest.fixture
async def running(home: Home) -> AsyncIterator[tuple[int, int]]:
    """Pid and port of a real server."""
    port = server.free_port()
    server.prepare_server(home, port)
    quiet = asyncio.subprocess.DEVNULL
    argv = server.server_argv(home, port, "rgt-test")
    process = await asyncio.create_subprocess_exec(*argv, stdout=quiet, stderr=quiet)
    yield process.pid, port
    process.kill()
    await process.wait()


async def test_a_real_server_serves_its_namespace_on_loopback_alone(running: tuple[int, int]) -> None:
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
    from temporalio.client import Client

    pid, port = running

    async def attributes() -> dict[str, int] | None:
        try:
            client = await Client.connect(f"127.0.0.1:{port}", namespace="rgt-test")
            answer = await client.operator_service.list_search_attributes(
                ListSearchAttributesRequest(namespace="rgt-test")
            )
        except RuntimeError:
            return None
        return dict(answer.custom_attributes)

    found = await aeventually(attributes, timeout=30)
    assert found
    assert set(server.SEARCH_ATTRIBUTES) <= set(found)
    listening = {c.laddr.ip for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
