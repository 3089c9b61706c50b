"""The server says nothing that an editor did not announce (invariant ANNOUNCED), in a town in which much happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types

from tests.lsp.editor import NAMES, RGT_CLIENT, editor
from tests.lsp.test_features import has
from tests.town import LiveTown, change

ANYBODY = {"$/logTrace", "telemetry/event"}
REQUESTS = {
    types.WORKSPACE_CODE_LENS_REFRESH: "workspace.codeLens.refreshSupport",
    types.WORKSPACE_INLAY_HINT_REFRESH: "workspace.inlayHint.refreshSupport",
    types.WORKSPACE_DIAGNOSTIC_REFRESH: "workspace.diagnostics.refreshSupport",
    types.WORKSPACE_FOLDING_RANGE_REFRESH: "workspace.foldingRange.refreshSupport",
    types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH: "workspace.textDocumentContent",
    types.WORKSPACE_CONFIGURATION: "workspace.configuration",
    types.WORKSPACE_APPLY_EDIT: "workspace.applyEdit",
    types.WINDOW_WORK_DONE_PROGRESS_CREATE: "window.workDoneProgress",
    types.PROGRESS: "window.workDoneProgress",
    types.WINDOW_SHOW_DOCUMENT: "window.showDocument.support",
    types.WINDOW_SHOW_MESSAGE: "window.showMessage",
    types.WINDOW_SHOW_MESSAGE_REQUEST: "window.showMessage",
    types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: "textDocument.publishDiagnostics",
}
"""What the server may send, with what must have been announced."""
DYNAMIC = {
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: "workspace.didChangeConfiguration.dynamicRegistration",
    types.WORKSPACE_TEXT_DOCUMENT_CONTENT: "workspace.textDocumentContent.dynamicRegistration",
}
PROVIDERS = {
    "codeLensProvider": "textDocument.codeLens",
    "documentLinkProvider": "textDocument.documentLink",
    "foldingRangeProvider": "textDocument.foldingRange",
    "inlayHintProvider": "textDocument.inlayHint",
    "diagnosticProvider": "workspace.diagnostics.refreshSupport",
    "semanticTokensProvider": "textDocument.semanticTokens",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("own", [None, RGT_CLIENT], ids=["plain", "with our extension"])
async def test_nothing_is_sent_that_was_not_announced(shared: LiveTown, name: str, own: dict[str, Any] | None) -> None:
    async with editor(shared.env, name, own=own, initializationOptions={"inlayHints": True}) as client:
        await client.healthy()
        item = await asyncio.to_thread(
            shared.create, "much happens", change(f"{name}-{own is None}.txt", "x\n"), "--rig", "api"
        )
        uri = client.open(f"{item} @api/nux TODO: more\n", (shared.root / "repo" / "a.txt").as_uri())
        await client.run("sling", ids=[item], target="api")
        await asyncio.to_thread(shared.becomes, item, "merged")
        await asyncio.to_thread(shared.rgt, "work", "create", "and more")
        asking = await asyncio.to_thread(shared.create, "asks")
        await asyncio.to_thread(shared.rgt, "escalate", asking, "may I?")
        await client.run("show", id=item)
        await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, {
            "textDocument": {"uri": uri},
            "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 9}},
            "context": {"diagnostics": []},
        })  # fmt: skip
        if has(name, "window.showMessage"):
            await client.hears(types.WINDOW_SHOW_MESSAGE_REQUEST)
        await asyncio.to_thread(shared.rgt, "escalate", asking, "--ack", "yes")

        sent = {m["method"] for m in client.came if "method" in m}
        ours = {"rgt/serverStatus", "rgt/townChanged"} if own else set[str]()
        registered = {r["method"] for p in client.told(types.CLIENT_REGISTER_CAPABILITY) for r in p["registrations"]}
        assert {m for m in registered if not has(name, DYNAMIC[m])} == set()
        allowed = {m for m, path in REQUESTS.items() if has(name, path)} | ours
        allowed |= {types.CLIENT_REGISTER_CAPABILITY} if registered else set()
        assert sent - allowed - ANYBODY == set()
        assert ours <= sent

        provided = next(m for m in client.came if m.get("id") is not None and "capabilities" in (m.get("result") or {}))
        capabilities = provided["result"]["capabilities"]
        assert {p for p, path in PROVIDERS.items() if capabilities.get(p) and not has(name, path)} == set()
        has_documents = "textDocumentContent" in (capabilities.get("workspace") or {})
        assert not has_documents or has(name, "workspace.textDocumentContent")
