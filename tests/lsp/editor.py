"""An editor for tests: the client of pytest-lsp with the capabilities of a real one; it notes all that it is sent."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import register_lsp_features
from pytest_lsp.protocol import LanguageClientProtocol

from tests.eventually import aeventually
from tests.town import RGT

CLIENTS = Path(__file__).parent / "clients"
NAMES = sorted(p.stem for p in CLIENTS.glob("*.json"))
CONVERTER: Any = default_converter()  # type: ignore[no-untyped-call]
"""One for all: it takes a second to learn what a client sends first."""
RGT_CLIENT = {"serverStatus": True, "townChanged": True, "commands": ["rgt.attach", "rgt.show"]}
"""What an editor with our extension announces."""


class Recording(LanguageClientProtocol):
    """Notes every message from the server as it came."""

    _server: Editor

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Note it, then go on."""
        if "jsonrpc" in data:
            self._server.came.append(copy.deepcopy(data))
        return super().structure_message(data)


class Editor(LanguageClient):
    """One editor."""

    def __init__(self) -> None:
        super().__init__(protocol_cls=Recording, converter_factory=lambda: CONVERTER)
        register_lsp_features(self)
        self.came: list[dict[str, Any]] = []
        """Every message from the server, raw."""
        self.choose: Callable[[types.ShowMessageRequestParams], str | None] = lambda _: None
        """Which button is pressed when it is asked something."""
        self.result: types.InitializeResult | None = None
        for method in (
            types.WORKSPACE_CODE_LENS_REFRESH,
            types.WORKSPACE_INLAY_HINT_REFRESH,
            types.WORKSPACE_FOLDING_RANGE_REFRESH,
            types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH,
            types.CLIENT_REGISTER_CAPABILITY,
            "rgt/serverStatus",
            "rgt/townChanged",
        ):
            self.feature(method)(lambda params: None)
        self.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(partial(self._chosen))

    def _chosen(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        title = self.choose(params)
        return None if title is None else types.MessageActionItem(title=title)

    # --- asking

    def open(self, text: str, uri: str = "file:///tmp/notes.md", language: str = "markdown") -> str:
        """Open a document; gives its URI."""
        item = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
        return uri

    async def run(self, command: str, **arguments: Any) -> Any:
        """A workspace command with one object."""
        params = types.ExecuteCommandParams(command=f"rgt.server.{command}", arguments=[arguments])
        return await self.workspace_execute_command_async(params)

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Any request, with its raw answer."""
        at = len(self.came)
        kind = types.METHOD_TO_TYPES[method][0]
        message = {"jsonrpc": "2.0", "id": f"raw-{at}", "method": method, "params": params}
        given: Any = CONVERTER.structure(message, kind).params
        async with asyncio.timeout(30):
            await self.protocol.send_request_async(method, given, f"raw-{at}")  # type: ignore[no-untyped-call]
        return next(m for m in self.came[at:] if m.get("id") == f"raw-{at}")["result"]

    # --- having been told

    def told(self, method: str) -> list[Any]:
        """The parameters of everything that came under this name."""
        return [m.get("params") for m in self.came if m.get("method") == method]

    def statuses(self) -> list[str]:
        """Every health that was told."""
        return [p["health"] for p in self.told("rgt/serverStatus")]

    async def hears(self, method: str, probe: Callable[[Any], bool] = lambda p: True, timeout: float = 10) -> Any:
        """Wait until the server says this; gives the parameters."""

        async def look() -> list[Any]:
            return [p for p in self.told(method) if probe(p)]

        return (await aeventually(look, timeout, 0.01, f"{method}, heard {self.told(method)}"))[-1]

    async def healthy(self) -> None:
        """Wait until the server knows the town."""

        async def probe() -> bool:
            return bool((await self.run("status"))["health"] == "ok")

        await aeventually(probe, 20, 0.05)

    async def knows(self, item: str) -> None:
        """Wait until the server's copy of the town has an item."""

        async def probe() -> bool:
            return any(r["id"] == item for r in (await self.run("work.list"))["rows"])

        await aeventually(probe)


def params_of(name: str, own: dict[str, Any] | None = None, **more: Any) -> types.InitializeParams:
    """What a client sends first: `clients/<name>.json`, with our own extension's announcement."""
    told = json.loads((CLIENTS / f"{name}.json").read_text())
    if own is not None:
        told["capabilities"].setdefault("experimental", {})["rgt"] = own
    told = {"processId": None, "rootUri": None, **told, **more}
    given: types.InitializeParams = CONVERTER.structure(told, types.InitializeParams)
    return given


@asynccontextmanager
async def editor(
    env: dict[str, str], name: str = "neovim-0.11", own: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Editor]:
    """An editor that is connected to a server of its own, and leaves it as the protocol wants."""
    client = Editor()
    await client.start_io(str(RGT), "lsp", env=env)
    try:
        client.result = await client.initialize_session(params_of(name, own, **more))
        yield client
        await client.shutdown_session()
        assert client._server is not None and client._server.returncode == 0
    finally:
        if client._server is not None and client._server.returncode is None:
            client._server.kill()
        await client.stop()  # type: ignore[no-untyped-call]
