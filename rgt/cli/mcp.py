"""`rgt mcp`: the operations of the town as tools of a Model Context Protocol server on standard input and output.

The tools come from the table of operations; a caller sees those that its role may use. Who calls is settled by the
gateway, with the token that this process was started with, as for commands."""

from __future__ import annotations

import dataclasses
import difflib
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, Field, ValidationError

import rgt
from rgt.cli.session import Session, session
from rgt.cli.work import finish_item, own_item
from rgt.client.town import new_op_id
from rgt.model import operations as ops
from rgt.model.errors import RgtError

if TYPE_CHECKING:
    from mcp import types
    from mcp.server import ServerRequestContext

log = logging.getLogger(__name__)
PREFIX = "rgt_"
HOOKS_ALONE = ("agent.hook",)
"""Operations that are not for models: hooks of runtimes report with them."""
INSTRUCTIONS = (
    "The town of coding agents that this session belongs to. `rgt_prime` says who you are and what to do, `rgt_hook` "
    "what you work on; `rgt_done` alone means done; `rgt_escalate` asks a person."
)


class Finish(ops.Args):
    """Saves what is not committed, checks that there is something to merge, and hands the work to the merge queue."""

    id: str = Field(default="", description="The item; empty for the one on your hook.")
    summary: str = Field(default="", max_length=4_000, description="What was done, in a few words.")
    branch: str = Field(default="", description="The branch that holds the work, when it is not the one here.")
    rig: str = Field(default="", description="The rig it belongs to, when the item has none.")


class Question(ops.Args):
    """What a person must decide or answer; go on with what you can do meanwhile."""

    id: str = Field(default="", description="The item it is about; empty for the one on your hook.")
    message: str = Field(min_length=1, max_length=8_000, description="The question, with all that is needed to answer.")


@dataclass(frozen=True)
class Tool:
    """One tool: an operation, with the arguments that a model gives."""

    operation: ops.Operation[Any, Any]
    args: type[BaseModel]
    carry_out: Callable[[Session, Any], Awaitable[dict[str, Any]]]

    @property
    def name(self) -> str:
        """`rgt_work_show`."""
        return PREFIX + self.operation.name.replace(".", "_")

    @property
    def description(self) -> str:
        """What it does, and what the arguments mean."""
        return f"{self.operation.title}. {' '.join((self.args.__doc__ or '').split())}"

    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments, without what tells a model nothing."""
        found = _without_titles(self.args.model_json_schema())
        found.pop("description", None)
        return {"type": "object", **found}


def tools() -> dict[str, Tool]:
    """Every tool by name, whoever may use it."""
    made = [_tool(o) for o in ops.OPERATIONS.values() if o.name not in HOOKS_ALONE]
    return {tool.name: tool for tool in made}


def _tool(operation: ops.Operation[Any, Any]) -> Tool:
    if operation is ops.DONE:
        return Tool(operation, Finish, _done)
    if operation is ops.ESCALATE:
        return Tool(operation, Question, _escalate)

    async def carry_out(s: Session, args: BaseModel) -> dict[str, Any]:
        result: BaseModel = await s.ask(operation, args)
        return result.model_dump(mode="json")

    return Tool(operation, operation.args, carry_out)


async def _done(s: Session, a: Finish) -> dict[str, Any]:
    finish, answer = await finish_item(s, a.id, branch=a.branch, rig=a.rig, summary=a.summary)
    return {**answer.model_dump(), "head": finish.head, "branch": finish.branch, "saved": finish.saved}


async def _escalate(s: Session, a: Question) -> dict[str, Any]:
    item = a.id or (await own_item(s))["id"]
    return (await s.ask(ops.ESCALATE, ops.TextArgs(id=item, message=a.message))).model_dump()


def _without_titles(schema: Any) -> Any:
    """The names that pydantic makes up for every field, left out; a field that is called `title` stays."""
    if isinstance(schema, list):
        return [_without_titles(x) for x in schema]
    if isinstance(schema, dict):
        return {k: _without_titles(v) for k, v in schema.items() if k != "title" or not isinstance(v, str)}
    return schema


async def called(s: Session, known: Mapping[str, Tool], name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out one call; raises `RgtError` for whatever goes wrong."""
    tool = known.get(name)
    if tool is None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise RgtError("usage", f"there is no tool {name[:60]!r}", f"did you mean {near[0]}?" if near else "list them")
    try:
        args = tool.args.model_validate(arguments)
        # A session of its own: each call is another command, and repeats nothing.
        one = Session(dataclasses.replace(s.call, op_id=new_op_id()), s.home, json=True, local=True)
        return await tool.carry_out(one, args)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or "arguments"
        raise RgtError("usage", f"{where}: {first['msg']}", f"see the input schema of {name}") from e
    except RgtError:
        raise
    except Exception as e:
        log.exception("%s failed", name)
        raise RgtError("internal", f"{type(e).__name__}: {e}"[:300], "this is a bug in rgt") from e


async def mcp(ctx: typer.Context) -> None:
    """Serve the town's operations as MCP tools (on stdio)."""
    s = session(ctx)
    s.must_be_local("rgt mcp")
    from mcp import types
    from mcp.server import Server
    from mcp.server.stdio import stdio_server

    known = tools()
    offered = [tool for tool in known.values() if s.who.role in tool.operation.roles]

    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(name=t.name, title=t.operation.title, description=t.description, input_schema=t.schema())
                for t in offered
            ]
        )

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            value, failed = await called(s, known, params.name, params.arguments or {}), False
            text = json.dumps(value, ensure_ascii=False)
        except RgtError as e:
            value, text, failed = {"error": e.as_dict()}, e.line(), True
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
        return types.CallToolResult(content=content, structured_content=value, is_error=failed)

    server: Server[Any] = Server(
        "rgt",
        version=rgt.__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    # The thread that reads standard input cannot be woken, and there is nothing to clean up.
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        signal.signal(number, lambda *_, code=code: os._exit(code))
    # Inside, standard output is standard error: nothing but the protocol reaches the wire.
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def add_to(app: typer.Typer) -> None:
    """Add `mcp`."""
    app.command()(mcp)
