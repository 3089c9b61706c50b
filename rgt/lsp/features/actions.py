"""Code actions: what can be done with the item at the cursor, and work items made from remarks in code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pydantic import Field
from pygls.uris import to_fs_path

from rgt.lsp.acts import acts, as_actions, wants_fixes
from rgt.lsp.mentions import Remark, remarks, span, units
from rgt.lsp.registry import PREFIX, Command, add, link
from rgt.lsp.repairs import LINES
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.rows import cut

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

TODO = f"{PREFIX}todo"
AROUND = 6
"""Lines before and behind a remark that go into the description."""
TITLE = 200


class Todo(ops.Args):
    """Makes a work item of a remark in an open document, and writes the item's id into it."""

    uri: str
    line: int = Field(ge=0, description="Line of the remark, from 0.")
    sling: bool = Field(default=False, description="Sling it to its rig at once.")
    rig: str = Field(default="", description="The rig; empty for the one that the file belongs to.")


def register(server: RgtServer) -> None:
    """Offer code actions and the command behind them."""
    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    server.offer(types.TEXT_DOCUMENT_CODE_ACTION, lambda params: actions(server, params), options)
    add(server, Command(TODO, "Make a work item of a TODO", Todo, lambda args: todo(server, args)))


def actions(server: RgtServer, params: types.CodeActionParams) -> list[types.CodeAction | types.Command] | None:
    """What can be done in a range."""
    document = server.document(params.text_document.uri)
    if document is None or not wants_fixes(params):
        return None
    first, last = params.range.start.line, params.range.end.line
    commands: list[types.Command] = []
    seen = set()
    for mention in server.mentions.of(document):
        if not first <= mention.line <= last or mention.id in seen:
            continue
        seen.add(mention.id)
        row = server.town.item(mention.id) if mention.is_item else server.town.agent(mention.id)
        if row is not None:
            shows = server.editor.command("rgt.show") or server.editor.has("window.show_document.support")
            found = [*([server.show_command("Show", row.id)] if shows else []), *acts(server, row)]
            commands += [types.Command(f"{c.title} · {row.id}", c.command, arguments=c.arguments) for c in found]
    for remark in remarks(document.source, str(document.position_codec.encoding)):
        if first <= remark.line <= last and not remark.id:
            place = {"uri": document.uri, "line": remark.line}
            commands.append(link(TODO, f"Create work item from this {remark.word}", **place))
            commands.append(link(TODO, "Create work item and sling it", **place, sling=True))
    return as_actions(server, commands)


async def todo(server: RgtServer, args: Todo) -> dict[str, Any]:
    """Make the item, note it in the document, and sling it when that is wished."""
    remark, around = _remark(server, args)
    path = to_fs_path(args.uri) or args.uri
    rig = args.rig or server.details.rig_of(path)
    rigs = [r.id for r in server.town.rows("rig")]
    rig = rig or (rigs[0] if len(rigs) == 1 else "")
    if args.sling and not rig:
        raise RgtError("refused", f"no rig has the file {Path(path).name}", "create the item, then sling it")
    work = ops.WorkCreate(
        title=cut(remark.text or f"{remark.word} in {Path(path).name}", TITLE),
        description=f"{remark.word} at {path}:{remark.line + 1}\n\n```\n{around}\n```\n",
        rig=rig,
    )
    id = (await server.operate(ops.WORK_CREATE, work)).value["id"]
    answer = {"id": id, "state": "open", "rig": rig, "noted": await _note(server, args, remark, id), "message": ""}
    if args.sling:
        try:
            slung = await server.operate(ops.SLING, ops.Sling(ids=[id], target=rig))
            answer["state"] = slung.rows[0].state
        except RgtError as e:
            # The item is there, and its id in the document: that is no failure of the whole.
            answer["message"] = f"{id} was not slung: {e.line()}"
    return answer


def _remark(server: RgtServer, args: Todo) -> tuple[Remark, str]:
    document = server.document(args.uri)
    if document is None:
        raise RgtError("usage", f"{args.uri[:80]} is not open", "open the file first")
    found = [r for r in remarks(document.source, str(document.position_codec.encoding)) if r.line == args.line]
    if not found:
        raise RgtError("usage", f"there is no TODO in line {args.line + 1}", "it may have moved")
    if found[0].id:
        raise RgtError("exists", f"{found[0].id} is about this already", f"`rgt work show {found[0].id}`")
    lines = LINES.findall(document.source)[max(0, args.line - AROUND) : args.line + AROUND + 1]
    return found[0], "".join(lines).rstrip()[:4000]


async def _note(server: RgtServer, args: Todo, remark: Remark, id: str) -> bool:
    """Write the id behind the word; False when the editor cannot, or the remark is not there any more."""
    document = server.document(args.uri)
    if document is None or not server.editor.has("workspace.apply_edit"):
        return False
    encoding = str(document.position_codec.encoding)
    same = [r for r in remarks(document.source, encoding) if (r.word, r.text, r.id) == (remark.word, remark.text, "")]
    if not same:
        return False
    here = min(same, key=lambda r: abs(r.line - remark.line))
    at = here.start + units(here.word, len(here.word), encoding)
    edit = types.TextEdit(range=span(here.line, at, at), new_text=f"({id})")
    if server.editor.has("workspace.workspace_edit.document_changes"):
        named = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
        whole = types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(text_document=named, edits=[edit])])
    else:
        whole = types.WorkspaceEdit(changes={document.uri: [edit]})
    params = types.ApplyWorkspaceEditParams(edit=whole, label=f"Note {id}")
    return bool((await server.workspace_apply_edit_async(params)).applied)
