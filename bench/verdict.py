"""From the end of a gate that says no to a diagnostic on its line, where editors are sent it and where they ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.harness import Gateway, count, live, many_items, repository, wait_for
from tests.lsp.test_life import Wire
from tests.town import LiveTown, change

FILE, LINE = "d0/f0.py", 3
SILENT = 30.0
"""Seconds after which a diagnostic that has not come is taken for one that never will."""
EDITORS = {"neovim-0.11": "is sent it", "vscode": "asks for it"}


def run() -> list[Figure]:
    """Measure with 1,000 items in the town; the same head is tested again and again."""
    with live() as town:
        stamp = town.root / "stamp"
        # So long that the editor sees the diagnostic go before it comes again.
        said = (
            f"sleep 1; echo '{FILE}:{LINE}:1: error: wrong'; date +%s.%N > {stamp}.new; mv {stamp}.new {stamp}; exit 1"
        )
        repo = repository(town, "api")
        town.found_rig("api", source={"path": str(repo)}, gate=[{"name": "test", "run": said}], max_attempts=1)
        many_items(town, 1000)
        item = town.create("breaks", change("new.txt", "x\n"))
        town.sling(item, target="api")
        town.becomes(item, "blocked")
        return [
            Figure(f"verdict → diagnostic, in an editor that {how}", taken, limits={"p95": 1000})
            for name, how in EDITORS.items()
            for taken in [measure(town, name, item, repo / FILE, stamp)]
        ]


def measure(town: LiveTown, name: str, item: str, file: Path, stamp: Path) -> list[float]:
    """Milliseconds of each run of the gate."""
    editor, gateway = Seen(Wire(town.env), file.as_uri()), Gateway(town)
    taken = []
    try:
        editor.begin(name, file.read_text())
        editor.until(bool)
        for index in range(count(20) + 1):
            stamp.unlink()
            gateway.call("mq.retry", id=item)
            editor.until(lambda found: not found)
            [line] = editor.until(bool)
            took = (time.time() - float(wait_for(stamp.read_text))) * 1e3
            assert line == LINE - 1
            if index:
                taken.append(took)
    finally:
        editor.wire.close()
        gateway.close()
    return taken


class Seen:
    """An editor with one open file: it answers what it is asked, and asks for diagnostics when it is told to."""

    def __init__(self, wire: Wire, uri: str) -> None:
        self.wire, self.uri = wire, uri
        self.asked = 0

    def begin(self, name: str, text: str) -> None:
        """Say hello and open the file."""
        self.wire.begin(name)
        document = {"uri": self.uri, "languageId": "python", "version": 1, "text": text}
        self.wire.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def until(self, probe: Callable[[list[int]], Any]) -> list[int]:
        """Lines of the file's diagnostics, once they are as `probe` wants them."""
        # What the editor is sent is read without a limit: a server that says nothing for so long is killed.
        alarm = threading.Timer(SILENT, self.wire.process.kill)
        alarm.start()
        try:
            while True:
                message = self.wire.read()
                found = self._lines(message)
                if found is not None and probe(found):
                    return found
        finally:
            alarm.cancel()

    def _lines(self, message: dict[str, Any]) -> list[int] | None:
        method, params = message.get("method"), message.get("params") or {}
        if method and "id" in message:
            self.wire.send({"id": message["id"], "result": None})
        if method == "workspace/diagnostic/refresh":
            self.asked += 1
            named = {"textDocument": {"uri": self.uri}}
            self.wire.send({"id": f"d{self.asked}", "method": "textDocument/diagnostic", "params": named})
        items = None
        if method == "textDocument/publishDiagnostics" and params["uri"] == self.uri:
            items = params["diagnostics"]
        elif message.get("id") == f"d{self.asked}" and not method:
            items = message["result"]["items"]
        return None if items is None else [d["range"]["start"]["line"] for d in items]
