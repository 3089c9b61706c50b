"""Going places: the document of an item or agent, where else it is named, links to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from rgt.host import trees
from rgt.host.git import try_git
from rgt.lsp.documents import path_of
from rgt.lsp.mentions import Mention, find, span
from rgt.model.errors import RgtError
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

FILES = 200
"""Files that are looked through for references at most."""
SECONDS = 5.0
GREP = ("grep", "--untracked", "-IlzF", "-e")


def register(server: RgtServer) -> None:
    """Offer definitions, references, highlights and links."""

    async def definition(params: types.DefinitionParams) -> list[types.Location]:
        mention = server.mention_at(params.text_document.uri, params.position)
        row = row_of(server, mention)
        return [types.Location(uri=await server.documents.uri(path_of(row)), range=span(0))] if row is not None else []

    async def references(params: types.ReferenceParams) -> list[types.Location] | None:
        mention = server.mention_at(params.text_document.uri, params.position)
        return await named_at(server, mention) if mention is not None and mention.is_item else None

    def highlights(params: types.DocumentHighlightParams) -> list[types.DocumentHighlight] | None:
        uri = params.text_document.uri
        mention = server.mention_at(uri, params.position)
        same = [m for m in server.mentions_of(uri) if mention is not None and m.id == mention.id]
        return [types.DocumentHighlight(range=m.range) for m in same] or None

    def links(params: types.DocumentLinkParams) -> list[types.DocumentLink]:
        found = ((m, row_of(server, m)) for m in server.mentions_of(params.text_document.uri))
        return [
            types.DocumentLink(range=m.range, target=f"rgt:{path_of(row)}", tooltip=row.title or row.state)
            for m, row in found
            if row is not None
        ]

    server.offer(types.TEXT_DOCUMENT_DEFINITION, definition)
    server.offer(types.TEXT_DOCUMENT_REFERENCES, references)
    server.offer(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, highlights)
    if server.documents.virtual:
        server.offer(types.TEXT_DOCUMENT_DOCUMENT_LINK, links)


def row_of(server: RgtServer, mention: Mention | None) -> Row | None:
    """What a mention is about, when the town knows it."""
    if mention is None:
        return None
    return server.town.item(mention.id) if mention.is_item else server.town.agent(mention.id)


async def named_at(server: RgtServer, mention: Mention) -> list[types.Location]:
    """Where an item is named: in open documents, and in the files of the workspace's repositories."""
    places = []
    shown = set()
    for document in server.workspace.text_documents.values():
        shown.add(unquote(document.uri))
        mentions = server.mentions.of(document)
        places += [types.Location(uri=document.uri, range=m.range) for m in mentions if m.id == mention.id]
    encoding = str(server.workspace.position_encoding)
    for file in await _files(server, mention.id):
        uri = from_fs_path(str(file))
        if uri is None or unquote(uri) in shown:
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        places += [types.Location(uri=uri, range=m.range) for m in find(text, encoding) if m.id == mention.id]
    return places


async def _files(server: RgtServer, id: str) -> list[Path]:
    roots = [to_fs_path(f.uri) for f in server.workspace.folders.values()] or [server.workspace.root_path]
    files: list[Path] = []
    for root in roots:
        if not root or not Path(root).is_dir():
            continue
        tree = trees.at(server.home, Path(root))
        if tree is None and trees.ours(server.home, Path(root)):
            continue
        try:
            done = await try_git(tree or Path(root), "-C", root, *GREP, id, timeout=SECONDS)
        except (OSError, RgtError):
            continue
        files += [Path(root, name) for name in done.out.split("\0") if name]
    return files[:FILES]
