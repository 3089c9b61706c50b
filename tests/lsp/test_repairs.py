"""Each defect of pygls that `rgt/lsp/repairs.py` mends, shown in pygls as it is.

When a test fails at `as_it_is`, pygls has mended it: the repair of that number can be deleted, and the test with it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
from concurrent.futures import Future
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter
from pygls.workspace import TextDocument

from rgt.lsp.repairs import Document, Protocol
from tests.eventually import aeventually

HELLO: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
DOCUMENT = {"uri": "file:///a", "languageId": "a", "version": 1, "text": "one\n"}


class Out:
    """Collects what is written."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.said.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        """Nothing is open."""


class Pair:
    """A server with one of the two protocols."""

    def __init__(self, protocol: type[LanguageServerProtocol], hello: dict[str, Any] | None = None) -> None:
        self.server = LanguageServer("t", "1", protocol_cls=protocol, converter_factory=default_converter)
        self.server.feature(types.TEXT_DOCUMENT_HOVER)(_nothing)
        self.out = Out()
        self.server.protocol.set_writer(self.out)
        self.ended: list[int] = []
        if isinstance(self.server.protocol, Protocol):
            self.server.protocol.ended = self.ended.append
        self.hello = hello or HELLO

    def begin(self) -> Pair:
        self.send(0, "initialize", self.hello)
        return self

    def send(self, id: Any, method: str, params: Any = None) -> None:
        """A request, or with `id` None a notification."""
        message = {"jsonrpc": "2.0", "method": method, "params": params, **({} if id is None else {"id": id})}
        self.raw(json.dumps(message).encode())

    def raw(self, body: bytes) -> None:
        """Anything, as the loop of each would hand it on."""
        protocol = self.server.protocol
        if isinstance(protocol, Protocol):
            protocol.receive(body)
            return
        try:
            protocol.handle_message(json.loads(body, object_hook=protocol.structure_message))
        except Exception as e:
            self.server.report_server_error(e, JsonRpcException)

    def answers(self, id: Any) -> list[dict[str, Any]]:
        """What was answered under this id."""
        return [m for m in self.out.said if m.get("id") == id and "method" not in m]

    @property
    def futures(self) -> int:
        """How many futures it keeps."""
        return len(self.server.protocol._request_futures)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_1_futures_of_notifications_are_let_go() -> None:
    kept = {}
    for protocol in (LanguageServerProtocol, Protocol):
        pair = Pair(protocol).begin()
        pair.send(None, "textDocument/didOpen", {"textDocument": DOCUMENT})
        for version in range(2, 12):
            named = {"uri": "file:///a", "version": version}
            pair.send(None, "textDocument/didChange", {"textDocument": named, "contentChanges": [{"text": "two"}]})
        await _settle()
        kept[protocol] = pair.futures
    assert kept[LanguageServerProtocol] >= 10, "as_it_is"
    assert kept[Protocol] == 0


async def _cancelled(protocol: type[LanguageServerProtocol]) -> tuple[Pair, list[str]]:
    pair, notes = Pair(protocol), list[str]()

    async def slow(ls: LanguageServer) -> None:
        try:
            await asyncio.sleep(0.2)
            notes.append("went on")
        except asyncio.CancelledError:
            notes.append("stopped")
            raise

    pair.server.command("slow")(slow)
    pair.begin()
    pair.send(1, "workspace/executeCommand", {"command": "slow"})
    await _settle()
    pair.send(None, "$/cancelRequest", {"id": 1})

    async def over() -> list[str]:
        return notes

    await aeventually(over)
    await _settle()
    return pair, notes


async def test_2_and_3_a_cancelled_command_stops_and_is_answered_once() -> None:
    _, notes = await _cancelled(LanguageServerProtocol)
    assert notes == ["went on"], "as_it_is"
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    pair, notes = await _cancelled(Protocol)
    assert notes == ["stopped"]
    assert [m["error"]["code"] for m in pair.answers(1)] == [-32800]
    assert (complaints, pair.futures) == ([], 0)


async def test_4_an_answer_that_comes_too_late_is_dropped() -> None:
    for protocol, raises in ((LanguageServerProtocol, True), (Protocol, False)):
        pair = Pair(protocol).begin()
        future: Future[Any] = pair.server.protocol.send_request("window/showMessageRequest", None, msg_id="q")
        future.set_result(None)
        try:
            pair.server.protocol._handle_response("q", None)
            raised = False
        except Exception:
            raised = True
        assert raised == raises, f"{protocol}: as_it_is"


async def test_5_shutdown_with_a_command_under_way() -> None:
    answered = {}
    for protocol in (LanguageServerProtocol, Protocol):
        pair = Pair(protocol)

        async def slow(ls: LanguageServer) -> None:
            await asyncio.sleep(30)

        pair.server.command("slow")(slow)
        pair.begin()
        pair.send(1, "workspace/executeCommand", {"command": "slow"})
        pair.send(2, "workspace/executeCommand", {"command": "slow"})
        await _settle()
        pair.send(3, "shutdown")
        await _settle()
        answered[protocol] = pair.answers(3)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await _settle()
    assert "error" in answered[LanguageServerProtocol][0], "as_it_is"
    assert answered[Protocol][0]["result"] is None


async def test_6_the_type_of_an_answer_is_forgotten_when_it_is_an_error() -> None:
    kept = {}
    for protocol in (LanguageServerProtocol, Protocol):
        pair = Pair(protocol).begin()
        pair.server.protocol.send_request("workspace/codeLens/refresh", None, msg_id="q")
        pair.raw(json.dumps({"jsonrpc": "2.0", "id": "q", "error": {"code": -32601, "message": "no"}}).encode())
        kept[protocol] = "q" in pair.server.protocol._result_types
    assert kept == {LanguageServerProtocol: True, Protocol: False}, "as_it_is"


WRONG: list[tuple[bytes, Any, int]] = [
    (b"{", None, -32700),
    (b"[" * 100_000, None, -32700),
    (b"\xff\xfe", None, -32700),
    (b"[]", None, -32600),
    (b'"x"', None, -32600),
    (b"{}", None, -32600),
    (b'{"jsonrpc": "1.0", "id": 5, "method": "shutdown"}', 5, -32600),
    (b'{"jsonrpc": "2.0", "id": {}, "method": "shutdown"}', None, -32600),
    (b'{"jsonrpc": "2.0", "id": 5, "method": 7}', 5, -32600),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "textDocument/hover"}', 5, -32602),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "textDocument/hover", "params": [1]}', 5, -32602),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "no/such", "params": {"type_name": 3}}', 5, -32601),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "no/such"}', 5, -32601),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "textDocument/didOpen", "params": {}}', 5, -32600),
    (b'{"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {}}', 5, -32600),
]


@pytest.mark.parametrize(("body", "id", "code"), WRONG)
async def test_7_whatever_is_wrong_with_a_message_is_answered_once(body: bytes, id: Any, code: int) -> None:
    pair = Pair(Protocol).begin()
    pair.raw(body)
    await _settle()
    assert [m["error"]["code"] for m in pair.answers(id)] == [code]


async def test_7_as_it_is_a_request_of_a_wrong_form_is_lost() -> None:
    pair = Pair(LanguageServerProtocol).begin()
    pair.send(5, "textDocument/hover", [1])
    await _settle()
    assert pair.answers(5) == [], "as_it_is"


async def test_8_every_time_has_its_answer() -> None:
    pair = Pair(Protocol)
    pair.send(1, "textDocument/hover", {})
    assert pair.answers(1)[0]["error"]["code"] == -32002
    pair.begin()
    pair.send(2, "shutdown")
    pair.send(3, "textDocument/hover", {})
    assert pair.answers(3)[0]["error"]["code"] == -32600
    pair.send(None, "exit")
    assert pair.ended == [0]
    as_it_is = Pair(LanguageServerProtocol).begin()
    as_it_is.send(2, "shutdown")
    as_it_is.send(3, "textDocument/hover", {})
    assert as_it_is.answers(3) == [], "as_it_is"


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_9_lines_end_where_editors_say(sign: str) -> None:
    text = f"one{sign}still one\r\ntwo\rthree\nfour"
    assert len(TextDocument("file:///a", text).lines) == 5, "as_it_is"
    document = Document("file:///a", text)
    assert list(document.lines) == [f"one{sign}still one\r\n", "two\r", "three\n", "four"]
    change = types.TextDocumentContentChangePartial(
        range=types.Range(types.Position(1, 0), types.Position(1, 3)), text="2"
    )
    document.apply_change(change)
    assert document.source == text.replace("two", "2")


async def test_10_documents_of_the_server_are_announced_to_who_cannot_register_them() -> None:
    told = {}
    for protocol in (LanguageServerProtocol, Protocol):
        pair = Pair(protocol, {**HELLO, "capabilities": {"workspace": {"textDocumentContent": {}}}})
        options = types.TextDocumentContentOptions(schemes=["rgt"])
        pair.server.feature(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, options)(_nothing)
        pair.begin()
        told[protocol] = "textDocumentContent" in pair.answers(0)[0]["result"]["capabilities"]["workspace"]
    assert told == {LanguageServerProtocol: False, Protocol: True}, "as_it_is"


async def test_11_a_cancellation_of_nothing_that_can_be_is_passed_over() -> None:
    for protocol, raises in ((LanguageServerProtocol, True), (Protocol, False)):
        pair = Pair(protocol).begin()
        pair.server.protocol.send_request("workspace/codeLens/refresh", None)
        try:
            pair.server.protocol._handle_cancel_notification({})  # type: ignore[arg-type]
            raised = False
        except TypeError:
            raised = True
        assert raised == raises, f"{protocol}: as_it_is"


def _nothing(params: Any) -> None:
    """No answer."""


def test_the_repairs_are_for_this_version_of_pygls() -> None:
    """Its pin in pyproject.toml says so; a newer one is looked through with these tests first."""
    assert importlib.metadata.version("pygls") == "2.1.1"
