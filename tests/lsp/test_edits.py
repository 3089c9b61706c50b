"""Edits by the thousand leave nothing behind, and end in the text that the editor has."""

from __future__ import annotations

import random

import psutil
import pytest

from tests.lsp.test_life import Wire
from tests.town import LiveTown

URI = "file:///tmp/long.md"


def edit(town: LiveTown, count: int) -> float:
    """Make so many edits, asking for lenses now and then; gives the growth in MB over the last four fifths."""
    server = Wire(town.env)
    rng = random.Random(count)
    lines = [f"line {n} gt-aaaa{n % 10} é" for n in range(100)]
    try:
        server.begin("vscode")
        document = {"uri": URI, "languageId": "markdown", "version": 0, "text": "\n".join(lines)}
        server.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        process, first = psutil.Process(server.process.pid), 0
        for number in range(1, count + 1):
            at = rng.randrange(len(lines))
            text = f"edited {number} gt-{number % 100_000:05}"
            where = {"start": {"line": at, "character": 0}, "end": {"line": at, "character": len(lines[at])}}
            lines[at] = text
            change = {
                "textDocument": {"uri": URI, "version": number},
                "contentChanges": [{"range": where, "text": text}],
            }
            server.send({"method": "textDocument/didChange", "params": change})
            if number % 20 == 0:
                asked = {"textDocument": {"uri": URI}}
                server.send({"id": number, "method": "textDocument/codeLens", "params": asked})
                assert isinstance(server.answer(number)["result"], list | None)
            if number == count // 5:
                first = process.memory_info().rss
        growth = (process.memory_info().rss - first) / 2**20
        last = f"gt-{count % 100_000:05}"
        at = next(n for n, line in enumerate(lines) if line.endswith(last))
        place = {"line": at, "character": lines[at].index("gt-")}
        params = {"textDocument": {"uri": URI}, "position": place}
        server.send({"id": "where", "method": "textDocument/documentHighlight", "params": params})
        found = server.answer("where")["result"]
        assert {"start": place, "end": {"line": at, "character": place["character"] + 8}} in [f["range"] for f in found]
        return growth
    finally:
        server.close()


def test_a_few_thousand_edits_leave_nothing_behind(shared: LiveTown) -> None:
    assert edit(shared, 4_000) < 4


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_thousand_edits_leave_nothing_behind(shared: LiveTown) -> None:
    assert edit(shared, 100_000) < 4
