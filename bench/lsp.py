"""The language server: how soon it answers at first, what requests cost, when an editor sees a change, its memory."""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from bench.figures import Figure
from bench.harness import Gateway, count, live, many_items, timed
from tests.lsp.test_life import Wire
from tests.lsp.toml.files import RIG
from tests.model import test_config
from tests.town import LiveTown

EDITOR = "neovim-0.11"
"""The editor that asks for most at once: all lenses with their commands."""
URI = "file:///tmp/bench.md"


def run() -> list[Figure]:
    """Measure over the wire, bytes to parsed answer, with 1,000 items in the town and in the document."""
    with live() as town:
        first, floor = starts(town)
        ids = many_items(town, 1000)
        server = Wire(town.env)
        try:
            figures = [
                Figure(
                    "rgt lsp: spawn → `initialize` answered", first, "a Python that imports pygls", floor, {"p95": 800}
                ),
                *requests(server, ids),
                change(town, server, ids),
                mistakes(),
                memory(server, 1000),
                edits(server),
            ]
        finally:
            server.close()
    return figures


def starts(town: LiveTown) -> tuple[list[float], list[float]]:
    """Milliseconds from spawn to the answer of `initialize`, and of a Python that imports what any such server must."""
    first, floor = [], []
    bare = [sys.executable, "-c", "import pygls.lsp.server"]
    for index in range(count(15) + 1):
        began = time.perf_counter()
        server = Wire(town.env)
        server.begin(EDITOR)
        took = (time.perf_counter() - began) * 1e3
        server.close()
        least = timed(bare, town.env, town.root)[0]
        if index:
            first.append(took)
            floor.append(least)
    return first, floor


def requests(server: Wire, ids: list[str]) -> list[Figure]:
    """What an editor asks for all the time."""
    server.begin(EDITOR)
    known(server, len(ids))
    text = "\n".join(f"- [ ] {id} something that has to be done" for id in ids)
    document = {"uri": URI, "languageId": "markdown", "version": 1, "text": text}
    server.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    named = {"textDocument": {"uri": URI}}
    rng = random.Random(1)

    def at() -> dict[str, Any]:
        return {**named, "position": {"line": rng.randrange(1000), "character": 9}}

    lenses = ask_often(server, "textDocument/codeLens", lambda: named, 30)
    hovers = ask_often(server, "textDocument/hover", at, 200)
    offers = ask_often(server, "textDocument/completion", at, 100)
    symbols = ask_often(server, "workspace/symbol", lambda: {"query": f"number {rng.randrange(99)}"}, 100)
    actions = ask_often(server, "textDocument/codeAction", lambda: around(rng.randrange(1000)), 100)
    return [
        Figure("rgt lsp: 1,000 lenses of a document", lenses, limits={"p95": 40}),
        Figure("rgt lsp: hover", hovers, limits={"p95": 10}),
        Figure("rgt lsp: completion", offers, limits={"p95": 10}),
        Figure("rgt lsp: workspace symbols", symbols, limits={"p95": 10}),
        Figure("rgt lsp: code actions", actions, limits={"p95": 10}),
    ]


def around(line: int) -> dict[str, Any]:
    """Parameters of a code action request for a line."""
    place = {"line": line, "character": 9}
    return {
        "textDocument": {"uri": URI},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    }


def ask_often(server: Wire, method: str, params: Callable[[], Any], often: int) -> list[float]:
    """Milliseconds of each answer, the first ones left out."""
    taken = []
    # Ours, which reads the answers: it took 50 ms at every tenth, which is no time of the server.
    gc.disable()
    for index in range(count(often) + 3):
        began = time.perf_counter()
        server.send({"id": f"{method}{index}", "method": method, "params": params()})
        answer = server.answer(f"{method}{index}")
        took = (time.perf_counter() - began) * 1e3
        assert "result" in answer, answer
        if index > 2:
            taken.append(took)
    gc.enable()
    return taken


def known(server: Wire, items: int) -> None:
    """Wait until the server knows so many items."""
    while True:
        server.send({"id": "known", "method": "workspace/executeCommand", "params": {"command": "rgt.server.status"}})
        if server.answer("known")["result"]["counts"]["open"] >= items:
            return
        time.sleep(0.05)


def change(town: LiveTown, server: Wire, ids: list[str]) -> Figure:
    """From the command that changes an item to the message that tells the editor."""
    watching, gateway = Wire(town.env), Gateway(town)
    taken = []
    try:
        watching.begin()
        known(watching, len(ids))
        for index in range(count(40)):
            # The editor is told at most four times a second; here it is quiet before each change.
            time.sleep(0.4)
            began = time.perf_counter()
            gateway.call("work.edit", id=ids[index], title=f"changed {index}")
            while watching.read().get("method") != "rgt/townChanged":
                pass
            taken.append((time.perf_counter() - began) * 1e3)
    finally:
        watching.close()
        gateway.close()
    return Figure("a state changes → the editor is told", taken, limits={"p95": 150})


def mistakes() -> Figure:
    """What is wrong in a rig.toml of 300 lines, of which each answer has another text."""
    gates = "".join(f'\n[[gate]]\nname = "g{n}"\n# which\nrun = "pytest {n}"\ntimeout = "10m"\n' for n in range(43))
    taken = []
    for n in range(count(100) + 1):
        changed = f"{test_config.RIG}{gates}\n# {n}\nslots = {n}"
        began = time.perf_counter()
        RIG.diagnostics(changed)
        taken.append((time.perf_counter() - began) * 1e3)
    return Figure("rgt lsp: mistakes in a rig.toml of 300 lines", taken[1:], limits={"median": 5})


def memory(server: Wire, items: int) -> Figure:
    """Resident memory with so many items and a document that names all of them."""
    rss = psutil.Process(server.process.pid).memory_info().rss / 2**20
    return Figure(f"rgt lsp: memory with {items:,} items", [rss], limits={"max": 90}, unit="MB")


def edits(server: Wire) -> Figure:
    """Growth of the memory over many edits."""
    process = psutil.Process(server.process.pid)
    total = count(20_000)
    first = 0
    for number in range(total):
        text = f"edited {number}"
        where = {"start": {"line": number % 900, "character": 0}, "end": {"line": number % 900, "character": 4}}
        change = {
            "textDocument": {"uri": URI, "version": number + 2},
            "contentChanges": [{"range": where, "text": text}],
        }
        server.send({"method": "textDocument/didChange", "params": change})
        if number % 500 == 0:
            server.send({"id": f"e{number}", "method": "textDocument/hover", "params": hover_at(number % 900)})
            server.answer(f"e{number}")
        if number == total // 5:
            first = process.memory_info().rss
    growth = (process.memory_info().rss - first) / 2**20
    return Figure(f"rgt lsp: growth over {total * 4 // 5:,} edits", [growth], limits={"max": 8}, unit="MB")


def hover_at(line: int) -> dict[str, Any]:
    """Parameters of a hover."""
    return {"textDocument": {"uri": URI}, "position": {"line": line, "character": 9}}
