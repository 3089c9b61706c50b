"""Sessions of agents: one launch is one process, an end is complete and touches only ours."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rgt.host import processes, sessions
from rgt.host.sessions import Launch, Session
from rgt.host.tmux import Tmux
from rgt.model.errors import RgtError
from tests.eventually import aeventually, eventually

DEAF = "trap '' HUP TERM INT; echo deaf; while :; do sleep 0.1; done"
"""An agent that hears no signal but SIGKILL, once its screen says so."""


async def clear(tmux: Tmux, root: Path) -> None:
    """End everything a test started for the town at `root`."""
    await tmux.kill_server()
    for proc in processes.find_by_env("GTR_ROOT", str(root)):
        await processes.end(proc, 0.0, {"GTR_ROOT": str(root)})


@pytest.fixture
async def tmux(tmp: Path) -> AsyncIterator[Tmux]:
    server = Tmux(tmp / "s", tmp / "tmux.conf")
    yield server
    await clear(server, tmp)


async def launch_deaf(tmux: Tmux, name: str = "nux") -> Session:
    """Start one that hears no signal any more."""
    session = await sessions.launch(tmux, spec(tmux, DEAF, name=name))

    async def deaf() -> bool:
        return "deaf" in await tmux.capture(session.name)

    await aeventually(deaf)
    return session


def spec(tmux: Tmux, script: str = "exec sleep 60", name: str = "nux", **more: Any) -> Launch:
    given: dict[str, Any] = {
        "agent": f"polecat/api/{name}",
        "address": f"api/{name}",
        "nonce": secrets.token_hex(8),
        "cwd": "/tmp",
        "argv": ["sh", "-c", script],
        "env": {"GTR_ROOT": str(tmux.socket.parent), "GTR_TOKEN": "hush", "GTR_ROLE": "polecat"},
    }
    return Launch(**{**given, **more})


async def test_a_launch_starts_one_process_with_its_environment(tmux: Tmux) -> None:
    want = spec(tmux)
    session = await sessions.launch(tmux, want)
    assert (session.name, session.agent, session.generation, session.alive) == ("gtr-api/nux", want.agent, 1, True)
    assert processes.alive(session.proc)
    eventually(lambda: processes.environ(session.pid).get("GTR_TOKEN") == "hush")
    got = processes.environ(session.pid)
    assert {k: got[k] for k in ("GTR_AGENT", "GTR_NONCE", "GTR_ROLE")} == {
        "GTR_AGENT": want.agent,
        "GTR_NONCE": want.nonce,
        "GTR_ROLE": "polecat",
    }
    assert await sessions.list_sessions(tmux) == [session]
    assert "hush" not in repr(want)


@pytest.mark.parametrize("attempt", [1, 2])
async def test_the_same_launch_again_gives_the_same_process(tmux: Tmux, attempt: int) -> None:
    want = spec(tmux, attempt=attempt)
    first = await sessions.launch(tmux, want)
    assert await sessions.launch(tmux, want) == first
    eventually(lambda: processes.find_by_env("GTR_NONCE", want.nonce) == [first.proc])


async def test_another_generation_ends_the_one_before_with_all_it_started(tmux: Tmux) -> None:
    old = spec(tmux)
    old.argv = ["sh", "-c", '(setsid sh -c "$0" &); exec sleep 60', DEAF]
    first = await sessions.launch(tmux, old)
    eventually(lambda: len(processes.find_by_env("GTR_NONCE", old.nonce)) >= 2)
    second = await sessions.launch(tmux, spec(tmux, generation=2))
    assert processes.find_by_env("GTR_NONCE", old.nonce) == []
    assert not processes.alive(first.proc)
    assert [s.pid for s in await sessions.list_sessions(tmux)] == [second.pid]


async def test_a_dead_session_makes_room(tmux: Tmux) -> None:
    first = await sessions.launch(tmux, spec(tmux, "exit 3"))
    eventually(lambda: not processes.alive(first.proc))
    second = await sessions.launch(tmux, spec(tmux))
    assert second.alive
    assert len(await sessions.list_sessions(tmux)) == 1


async def test_a_session_of_somebody_else_is_left_and_told(tmux: Tmux) -> None:
    pid = await tmux.new_session("gtr-api/nux", ["sleep", "60"], Path("/tmp"), {}, {})
    with pytest.raises(RgtError) as e:
        await sessions.launch(tmux, spec(tmux))
    assert e.value.code == "refused"
    assert "kill-session" in e.value.line()
    assert processes.identify(pid)
    assert await sessions.list_sessions(tmux) == []


async def test_who_outlived_the_tmux_server_is_ended_before_the_next_start(tmux: Tmux) -> None:
    first = await launch_deaf(tmux)
    server = await tmux.server_pid()
    assert server
    os.kill(server, signal.SIGKILL)
    eventually(lambda: processes.identify(server) is None)
    assert processes.alive(first.proc)
    second = await sessions.launch(tmux, spec(tmux, generation=2))
    assert not processes.alive(first.proc)
    assert processes.alive(second.proc)


async def test_end_ends_the_whole_tree_and_no_other_b46(tmux: Tmux) -> None:
    want = spec(tmux)
    want.argv = ["sh", "-c", '(setsid sh -c "$0" &); exec sh -c "$0"', DEAF]
    session = await sessions.launch(tmux, want)
    neighbour = await sessions.launch(tmux, spec(tmux, name="slit"))
    mine = await asyncio.create_subprocess_exec("sleep", "60")
    eventually(lambda: len(processes.find_by_env("GTR_NONCE", want.nonce)) >= 2)
    await sessions.end(tmux, session, grace=0.2)
    try:
        assert processes.find_by_env("GTR_NONCE", want.nonce) == []
        assert [s.name for s in await sessions.list_sessions(tmux)] == ["gtr-api/slit"]
        assert [await sessions.find(tmux, x) is not None for x in ("api/slit", "api/sli", "api/nux")] == [
            True,
            False,
            False,
        ]
        assert processes.alive(neighbour.proc)
        assert processes.identify(mine.pid)
        await sessions.end(tmux, session)
    finally:
        mine.kill()
        await mine.wait()


async def test_end_of_an_old_session_leaves_the_new_one_of_that_name(tmux: Tmux) -> None:
    old = await sessions.launch(tmux, spec(tmux))
    new = await sessions.launch(tmux, spec(tmux, generation=2))
    await sessions.end(tmux, old)
    assert processes.alive(new.proc)
    assert await sessions.list_sessions(tmux) == [new]


async def test_two_towns_with_agents_of_the_same_name_do_not_meet_b45(tmux: Tmux, tmp: Path) -> None:
    (tmp / "other").mkdir()
    other = Tmux(tmp / "other" / "s", tmp / "tmux.conf")
    try:
        here, there = await sessions.launch(tmux, spec(tmux)), await sessions.launch(other, spec(other))
        again = await sessions.launch(tmux, spec(tmux, generation=2))
        assert not processes.alive(here.proc)
        await sessions.end(tmux, again)
        await tmux.kill_server()
        assert processes.alive(there.proc)
        assert await sessions.list_sessions(other) == [there]
    finally:
        await clear(other, tmp / "other")


@pytest.mark.parametrize("nonce", ["", "short", "has space in it", "x'; kill-server; '", "n" * 65])
def test_a_nonce_is_a_plain_word(nonce: str) -> None:
    with pytest.raises(ValueError):
        Launch(agent="a", address="a", nonce=nonce, cwd="/", argv=["true"])


async def test_what_a_session_is_survives_json(tmux: Tmux) -> None:
    session = await sessions.launch(tmux, spec(tmux))
    assert Session.model_validate_json(session.model_dump_json()) == session
