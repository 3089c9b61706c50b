"""B85: random and malformed messages by the thousand. The server lives, and every real request has its one answer."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
from typing import Any

import psutil
import pytest

from tests.eventually import eventually
from tests.lsp.test_life import Wire, read
from tests.town import LiveTown

METHODS = [
    "initialize", "shutdown?", "textDocument/hover", "textDocument/completion", "textDocument/codeLens",
    "codeLens/resolve", "textDocument/definition", "textDocument/references", "textDocument/codeAction",
    "textDocument/documentSymbol", "textDocument/foldingRange", "textDocument/inlayHint", "textDocument/diagnostic",
    "workspace/diagnostic", "workspace/symbol", "workspace/executeCommand", "workspace/textDocumentContent",
    "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "workspace/didChangeConfiguration",
    "workspace/didChangeWorkspaceFolders", "window/workDoneProgress/cancel", "$/cancelRequest", "$/setTrace", "rgt/x",
    "notebookDocument/didOpen", "notebookDocument/didChange",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 1.5, "", "gt-aaaaa", "file:///a", "rgt:/town.md", "\ud800", "é" * 300, [], {}, [[]],
    {"uri": "file:///a"}, {"line": 0, "character": 0}, {"line": -1, "character": 2**31},
    {"line": 10**9, "character": 0},
]  # fmt: skip
KEYS = ["textDocument", "position", "range", "context", "command", "arguments", "uri", "query", "data", "id", "token",
        "contentChanges", "settings", "event", "items", "previousResultIds", "text", "version", "start",
        "end"]  # fmt: skip

NOISE = [
    b"\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: -5\r\n\r\n", b"no header\n", b"\0\xff\n",
    b"Content-Type: x\r\n", b'{"jsonrpc": "2.0"}\r\n\r\n', b'{"jsonrpc": "2.0"}',
]  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    """Something that JSON can say."""
    pick = rng.random()
    if depth < 3 and pick < 0.4:
        return {rng.choice(KEYS): value(rng, depth + 1) for _ in range(rng.randrange(5))}
    if depth < 3 and pick < 0.5:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return rng.choice(VALUES)


def plausible(rng: random.Random) -> Any:
    """Parameters that are nearly right."""
    params: dict[str, Any] = {
        "textDocument": {
            "uri": "file:///a",
            "version": rng.choice([1, 2, None]),
            "languageId": "x",
            "text": "gt-aaaaa @x",
        },
        "position": {"line": rng.randrange(-1, 4), "character": rng.randrange(20)},
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": rng.randrange(3), "character": 5}},
        "context": {"diagnostics": [], "includeDeclaration": True},
        "contentChanges": [{"text": "gt-bbbbb\n"}, {"range": value(rng), "text": "x"}],
        "command": rng.choice(["rgt.server.status", "rgt.server.work.list", "rgt.server.document", "x", ""]),
        "arguments": rng.choice([None, [], [{}], [value(rng)]]),
        "query": "",
        "uri": rng.choice(["rgt:/town.md", "rgt:/item/gt-aaaaa.md", "rgt:/../x", "file:///a"]),
        "previousResultIds": [],
        "settings": value(rng),
    }
    for key in rng.sample(sorted(params), rng.randrange(4)):
        if rng.random() < 0.5:
            params[key] = value(rng)
        else:
            del params[key]
    return params


def message(rng: random.Random, number: int) -> tuple[bytes, Any]:
    """A message's bytes, and the id that must be answered; None for none."""
    pick = rng.random()
    if pick < 0.08:
        return frame(bytes(rng.randrange(256) for _ in range(rng.randrange(60)))), None
    if pick < 0.13:
        return rng.choice(NOISE), None
    if pick < 0.18:
        return frame(json.dumps(value(rng)).encode()), None
    made: dict[str, Any] = {"jsonrpc": "2.0"}
    if rng.random() < 0.05:
        made["id"] = rng.choice([None, {}, [], 1.5, True, "unknown"])
        made[rng.choice(["result", "error"])] = value(rng)
        return frame(json.dumps(made).encode()), None
    made["method"] = rng.choice(METHODS)
    made["params"] = plausible(rng) if rng.random() < 0.7 else value(rng)
    if rng.random() < 0.1:
        del made["params"]
    if rng.random() < 0.3:
        return frame(json.dumps(made).encode()), None
    made["id"] = rng.choice([f"fuzz-{number}", 1_000_000 + number])
    return frame(json.dumps(made).encode()), made["id"]


def frame(body: bytes) -> bytes:
    """A body with its header."""
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def hurl(town: LiveTown, count: int, seed: int) -> None:
    """Throw so many messages at a server of this town."""
    rng = random.Random(seed)
    server = Wire(town.env)
    try:
        server.begin("vscode")
        answers: dict[Any, int] = {}
        over = threading.Event()

        def listen() -> None:
            assert server.back is not None
            while not over.is_set():
                got = read(server.back)
                if "method" not in got:
                    answers[got["id"]] = answers.get(got["id"], 0) + 1

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        expected = dict[Any, bytes]()
        for number in range(count):
            body, id = message(rng, number)
            server.send(body)
            if id is not None:
                expected[id] = body
        # What is not a whole message must not swallow the next one.
        server.send(b"\r\n\r\n")
        server.send({"id": "last", "method": "workspace/executeCommand", "params": {"command": "rgt.server.status"}})
        with contextlib.suppress(AssertionError):
            eventually(lambda: {*expected, "last"} <= set(answers), 60, 0.1)
        assert server.process.poll() is None, server.errors()[-3000:]
        assert {id: body for id, body in expected.items() if answers.get(id) != 1} == {}
        assert answers["last"] == 1
        rss = psutil.Process(server.process.pid).memory_info().rss
        assert rss < 110 << 20
        over.set()
        server.send({"id": "end", "method": "shutdown"})
        eventually(lambda: "end" in answers, 10)
        listener.join(10)
        server.send({"method": "exit"})
        assert server.ends() == 0
        assert "Traceback" not in server.errors(), server.errors()[-3000:]
    finally:
        server.close()


def test_B85_random_and_malformed_messages_lose_no_request(shared: LiveTown) -> None:
    hurl(shared, int(os.environ.get("RGT_FUZZ", "2000")), seed=85)


@pytest.mark.slow
def test_B85_ten_thousand_of_them(shared: LiveTown) -> None:
    hurl(shared, 10_000, seed=8585)
