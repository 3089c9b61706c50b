"""What a person can do with an item or agent as it is now: the same for lenses, code actions and buttons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lsprotocol import types

from rgt.lsp.registry import PREFIX, link
from rgt.model import operations as ops
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer


def acts(server: RgtServer, row: Row) -> list[types.Command]:
    """The commands that make sense, the likeliest first. Those of the editor itself only where it has them."""
    return [link(name, title, **arguments) for name, title, arguments in _acts(server, row) if _can(server, name)]


def _acts(server: RgtServer, row: Row) -> Iterator[tuple[str, str, dict[str, object]]]:
    if row.kind in ("polecat", "crew"):
        yield "rgt.attach", "Attach", {"agent": row.id}
        if row.kind == "crew" and row.state == "stopped":
            yield _server(ops.AGENT_START), "Start", {"id": row.id}
        elif row.state in ("limited", "failed", "stuck"):
            yield _server(ops.AGENT_RESTART), "Restart", {"id": row.id}
        return
    if row.kind != "work":
        return
    if row.alert.startswith("asks: "):
        yield "rgt.answer", "Answer", {"id": row.id}
        yield _server(ops.ACK), "Approve", {"id": row.id, "message": "approved"}
    agent = server.town.working_on(row.id)
    if agent is not None:
        yield "rgt.attach", "Attach", {"agent": agent.id}
    if row.state == "open":
        target = _target(server, row)
        if target:
            yield _server(ops.SLING), f"Sling to {target}", {"ids": [row.id], "target": target}
        else:
            yield "rgt.sling", "Sling", {"id": row.id}
    elif row.state in ("queued", "assigned", "in_progress"):
        yield _server(ops.UNSLING), "Unsling", {"id": row.id}
    elif row.state == "submitted" and row.alert:
        yield _server(ops.MQ_RETRY), "Retry merge", {"id": row.id}
    elif row.state in ("blocked", "failed", "closed") and (row.alert or row.state == "closed"):
        yield _server(ops.WORK_REOPEN), "Reopen", {"id": row.id}


def _server(operation: ops.Operation[ops.A, ops.R]) -> str:
    return PREFIX + operation.name


def _target(server: RgtServer, row: Row) -> str:
    """Where an item would be slung without asking: to its rig, or to the only one there is."""
    rigs = server.town.rows("rig")
    return row.rig or (rigs[0].id if len(rigs) == 1 else "")


def _can(server: RgtServer, name: str) -> bool:
    return name in server.protocol.fm.commands if name.startswith(PREFIX) else server.editor.command(name)


def wants_fixes(params: types.CodeActionParams) -> bool:
    """Whether quick fixes are among the code actions that are asked for."""
    fix, only = types.CodeActionKind.QuickFix.value, params.context.only
    return not only or any(fix.startswith(str(getattr(kind, "value", kind))) for kind in only)


def as_actions(
    server: RgtServer, commands: list[types.Command], about: list[types.Diagnostic] | None = None
) -> list[types.CodeAction | types.Command]:
    """Commands as quick fixes, where the editor knows such; `about` are the diagnostics that they answer."""
    if not server.editor.has("text_document.code_action.code_action_literal_support"):
        return list(commands)
    kind = types.CodeActionKind.QuickFix
    return [types.CodeAction(title=c.title, kind=kind, command=c, diagnostics=about) for c in commands]
