"""`rgt mcp`, spoken to by the real client: who sees which tools, what calls give, what is said when things go wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from rgt.cli.mcp import HOOKS_ALONE, tools
from rgt.host import daemon
from rgt.model.operations import OPERATIONS
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of
from tests.town import RGT, LiveTown, steps

HANG = steps('do = "hang"')


@asynccontextmanager
async def client(env: dict[str, str], cwd: Path) -> AsyncIterator[ClientSession]:
    """A client of a server that was started with this environment; nothing may be said on its standard error."""
    errors = cwd.parent / "mcp-errors"
    server = StdioServerParameters(command=str(RGT), args=["mcp"], env=env, cwd=cwd)
    with errors.open("w+") as log:
        async with stdio_client(server, log) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session
        assert errors.read_text() == ""


async def call(session: ClientSession, name: str, **arguments: Any) -> tuple[CallToolResult, Any]:
    """The answer of a tool, whose text and structure say the same."""
    result = await session.call_tool(f"rgt_{name}", arguments)
    [content] = result.content
    assert isinstance(content, TextContent)
    value = result.structured_content
    if result.is_error:
        error = value["error"]
        assert content.text == " — ".join(t for t in (error["message"], error["hint"]) if t)
        return result, error
    assert json.loads(content.text) == value
    return result, value


async def error(session: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """The error of a call that must fail."""
    result, found = await call(session, name, **arguments)
    assert result.is_error, found
    assert isinstance(found, dict)
    return found


async def value(session: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """The answer of a call that must succeed."""
    result, found = await call(session, name, **arguments)
    assert not result.is_error, found
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def rig(shared: LiveTown) -> LiveTown:
    """The town with a rig for agents."""
    make_repo(shared.root / "mcp")
    shared.add_rig("mcp", shared.root / "mcp")
    return shared


def slung(town: LiveTown) -> tuple[str, Inside]:
    """An item with a polecat at work."""
    item = town.create("a job", HANG)
    town.sling(item, target="mcp")
    return item, agent_of(town, item)


def test_every_operation_is_a_tool_with_a_schema_that_a_model_can_read() -> None:
    """A new operation is one, unless only hooks use it; schemas are objects and have no made-up titles."""
    assert {t.operation.name for t in tools().values()} == set(OPERATIONS) - set(HOOKS_ALONE)
    for tool in tools().values():
        schema = tool.schema()
        assert (schema["type"], schema["additionalProperties"]) == ("object", False), tool.name
        assert tool.name.removeprefix("rgt_").replace("_", "").isalnum()
        assert tool.description.startswith(tool.operation.title)
        assert not isinstance(schema.get("title"), str)
    create = tools()["rgt_work_create"].schema()
    assert create["required"] == ["title"]
    assert create["properties"]["title"] == {"maxLength": 500, "minLength": 1, "type": "string"}
    assert len(json.dumps([t.schema() for t in tools().values() if "polecat" in t.operation.roles])) < 8_000


async def test_a_person_sees_and_calls_everything(rig: LiveTown) -> None:
    town = rig
    async with client(town.env, town.root) as session:
        listed = {t.name: t for t in (await session.list_tools()).tools}
        assert set(listed) == set(tools())
        assert listed["rgt_work_create"].title == "Create a work item"
        made = (await value(session, "work_create", title="by a tool", description="ü 🙂\n\x1b"))["value"]
        assert town.item(made["id"])["description"] == "ü 🙂\n\x1b"
        again = (await value(session, "work_create", title="by a tool"))["value"]
        assert again["id"] != made["id"], "each call is a command of its own"
        assert (await value(session, "work_edit", id=made["id"], priority="p0"))["id"] == made["id"]
        assert town.item(made["id"])["priority"] == "p0"
        assert made["id"] in {r["id"] for r in (await value(session, "work_list", rig=""))["rows"]}
        assert "a person" in (await value(session, "prime"))["text"]
        assert (await error(session, "hook"))["code"] == "usage"


async def test_what_is_wrong_is_said_and_the_server_stays(rig: LiveTown) -> None:
    town = rig
    async with client(town.env, town.root) as session:
        for name, arguments, code, said in (
            ("work_show", {"id": "gt-zzzzz"}, "not_found", "no work item"),
            ("work_show", {}, "usage", "id"),
            ("work_show", {"id": 7}, "usage", "id"),
            ("work_show", {"id": "gt-zzzzz", "colour": "red"}, "usage", "colour"),
            ("work_create", {"title": "x" * 501}, "usage", "title"),
            ("work_creat", {"title": "x"}, "usage", "no tool"),
            ("agent_hook", {"event": "Stop"}, "usage", "no tool"),
            ("handoff", {"message": "me"}, "refused", "no session"),
        ):
            found = await error(session, name, **arguments)
            assert (found["code"], said in found["message"]) == (code, True), found
            assert found["hint"], found
        answers = await asyncio.gather(*(call(session, "work_show", id="gt-zzzzz") for _ in range(20)))
        assert all(result.is_error for result, _ in answers)
        assert (await value(session, "needs"))["rows"] is not None


async def test_a_polecat_works_through_its_tools_alone(rig: LiveTown) -> None:
    """It sees what its role may do, is refused the rest, asks, writes down where it is, and finishes."""
    town = rig
    item, agent = slung(town)
    async with client(agent.env, agent.cwd) as session:
        listed = {t.name for t in (await session.list_tools()).tools}
        allowed = {name for name, tool in tools().items() if "polecat" in tool.operation.roles}
        assert listed == allowed
        assert {"rgt_done", "rgt_prime", "rgt_hook", "rgt_escalate", "rgt_checkpoint_write", "rgt_handoff"} <= listed
        assert listed.isdisjoint({"rgt_sling", "rgt_town_down", "rgt_agent_hook"})
        assert (await value(session, "hook"))["item"] == item
        assert item in (await value(session, "prime"))["text"]

        refused = await error(session, "sling", ids=[item], target="mcp")
        assert (refused["code"], "escalate" in refused["hint"]) == ("denied", True)
        other, _ = slung(town)
        assert (await error(session, "done", id=other))["code"] == "denied"
        assert (await value(session, "escalate", message="which colour?"))["id"] == item
        assert "which colour?" in town.item(item)["escalation"]["message"]
        town.rgt("escalate", item, "--ack", "red")
        assert "red" in (await value(session, "prime"))["text"]
        written = await value(session, "checkpoint_write", text="red it is")
        assert (written["item"], written["generation"]) == (item, 1)
        assert "at most 8 KB" in (await error(session, "checkpoint_write", text="x" * 9000))["message"]

        assert "no commits" in (await error(session, "done"))["message"]
        agent.commit("red.txt", "red\n")
        (agent.cwd / "more.txt").write_text("more\n")
        done = await value(session, "done", summary="made it red")
        assert (done["id"], done["branch"]) == (item, agent.env["GTR_BRANCH"])
        assert done["saved"] == done["head"] == agent.git("rev-parse", "HEAD")
        agent.kill()
        merged = await asyncio.to_thread(town.becomes, item, "merged")
        assert (merged["summary"], merged["attempt"], merged["deaths"]) == ("made it red", 1, 0)
        assert "red it is" not in json.dumps(merged), "done forgets the checkpoint"


async def test_the_worker_goes_and_comes_back(rig: LiveTown) -> None:
    """With no worker calls fail clearly or, where Temporal alone can tell, do not; then all is as before."""
    town = rig
    async with client(town.env, town.root) as session:
        made = (await value(session, "work_create", title="before"))["value"]
        await daemon.stop_daemon(town.home, "worker")
        try:
            away = await error(session, "work_show", id=made["id"])
            assert (away["code"], away["hint"]) == ("unreachable", "`rgt start`")
            assert made["id"] in {r["id"] for r in (await value(session, "work_list"))["rows"]}
            assert (await error(session, "work_create", title="meanwhile"))["code"] == "unreachable"
        finally:
            await asyncio.to_thread(town.rgt, "start")
        assert (await value(session, "work_show", id=made["id"]))["value"]["title"] == "before"


def test_malformed_lines_do_not_end_it_and_nothing_else_is_on_the_wire(rig: LiveTown) -> None:
    """Every line that it prints is a message of the protocol; at the end of its input it ends well."""
    start = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": start}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        *("{", "[]", "null", '"x"', "{}", "\x00", "é" * 5000, '{"jsonrpc": "2.0", "id": 3, "method": "tools/call"}'),
        json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "rgt_needs"}}),
    ]
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        [str(RGT), "mcp"], env=rig.env, cwd=rig.root, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdin and server.stdout
    server.stdin.write("".join(f"{line}\n" for line in lines))
    server.stdin.flush()
    answers: dict[Any, dict[str, Any]] = {}
    while 9 not in answers:
        answer = json.loads(server.stdout.readline())
        assert answer["jsonrpc"] == "2.0"
        answers[answer.get("id")] = answer
    assert answers[0]["result"]["serverInfo"]["name"] == "rgt"
    assert "rgt_prime" in answers[0]["result"]["instructions"]
    assert "error" in answers[3]
    assert answers[9]["result"]["isError"] is False
    rest, _ = server.communicate(timeout=30)
    assert (rest, server.returncode) == ("", 0)


def test_a_signal_ends_it_though_nobody_speaks(rig: LiveTown) -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        server = subprocess.Popen(
            [str(RGT), "mcp"], env=rig.env, cwd=rig.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert server.stdin and server.stdout
        server.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        assert server.stdout.readline()
        server.send_signal(number)
        assert server.wait(timeout=10) == code
        server.stdin.close()
        server.stdout.close()


def test_a_wrong_token_gets_no_server(rig: LiveTown) -> None:
    ran = rig.run("mcp", env={"GTR_TOKEN": "polecat/api/nux.1.feed"})
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert "GTR_TOKEN" in ran.err
