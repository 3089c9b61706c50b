"""Our own documents, `rgt:/…`: told to editors that can show them, with a word when one of them has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pydantic import Field

from rgt.lsp.documents import SCHEME, path_of
from rgt.lsp.registry import PREFIX, Command, add
from rgt.model.errors import RgtError
from rgt.model.operations import Args

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

STALE = "documents"
CAPABILITY = "workspace.text_document_content"


class Uri(Args):
    """Names one of our documents, such as `rgt:/town.md`."""

    uri: str


class Shown(Args):
    """Names an item, an agent or a document, to be opened in the editor."""

    id: str = Field(default="", description="A work item or an agent.")
    uri: str = Field(default="", description="Or a document, such as `rgt:/town.md`.")


def register(server: RgtServer) -> None:
    """Offer the documents and the commands that open them."""

    async def content(params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
        return types.TextDocumentContentResult(text=await server.documents.text(server.documents.must_be(params.uri)))

    async def document(args: Uri) -> dict[str, Any]:
        path = server.documents.must_be(args.uri)
        return {"uri": f"{SCHEME}:{path}", "text": await server.documents.text(path)}

    async def show(args: Shown) -> dict[str, Any]:
        uri = await server.documents.uri(_path(server, args))
        shown = False
        if server.editor.has("window.show_document.support"):
            params = types.ShowDocumentParams(uri=uri, take_focus=True)
            shown = (await server.window_show_document_async(params)).success
        return {"uri": uri, "shown": shown}

    add(server, Command(f"{PREFIX}document", "The text of one of our documents", Uri, document))
    add(server, Command(f"{PREFIX}show", "Open the document of an item or agent", Shown, show))
    server.stale.tell(STALE, lambda: refresh(server))
    server.town.on_change(lambda rows: server.stale.mark(STALE))
    server.town.on_health(lambda health: server.stale.mark(STALE))
    server.details.on_arrival(lambda key: server.stale.mark(STALE))
    if server.documents.virtual:
        options = types.TextDocumentContentOptions(schemes=[SCHEME])
        server.offer(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, content, options)
        server.at_start(lambda: announce(server))


async def announce(server: RgtServer) -> None:
    """Tell the editor at run time that we have documents: pygls cannot say so beforehand."""
    if server.editor.has(f"{CAPABILITY}.dynamic_registration"):
        await server.register_at_editor(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, {"schemes": [SCHEME]})


async def refresh(server: RgtServer) -> None:
    """Have those read again that are open and say something else by now."""
    await server.documents.rewrite()
    if not server.documents.virtual:
        return
    for document in list(server.workspace.text_documents.values()):
        path = server.documents.path_of(document.uri)
        if path.endswith(".md") and await server.documents.text(path) != document.source:
            params = types.TextDocumentContentRefreshParams(uri=document.uri)
            await server.workspace_text_document_content_refresh_async(params)


def _path(server: RgtServer, args: Shown) -> str:
    if args.uri:
        return server.documents.must_be(args.uri)
    row = server.town.item(args.id) or server.town.agent(args.id) or server.town.rig(args.id)
    if row is None:
        raise RgtError("not_found", f"the town knows no {args.id[:40]!r}", "see `rgt status`")
    return path_of(row)
