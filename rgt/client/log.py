"""What happened, read from workflow histories."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from rgt.model.operations import LogLine
from rgt.model.rows import Row, cut, only_spent
from rgt.model.times import iso


async def town_log(client: Client, limit: int) -> list[LogLine]:
    """The last changes of the whole town, oldest first."""
    lines: list[LogLine] = []
    last: dict[str, Row] = {}
    async for event in client.get_workflow_handle("town").fetch_history_events():
        signal, content = await _signal(client, event)
        if signal == "event":
            for row in map(Row.unpack, content["rows"]):
                before, last[row.key] = last.get(row.key), row
                if only_spent(before, row):
                    continue
                detail = " · ".join(t for t in (row.title, row.agent, row.alert) if t)
                what = f"{row.kind} {row.state or 'gone'}"
                lines.append(LogLine(at=_at(event), id=row.id, what=what, detail=detail))
    return lines[-limit:]


async def entity_log(client: Client, workflow: str, limit: int) -> list[LogLine]:
    """What one entity was told and commanded, oldest first, since it last continued as new."""
    lines: list[LogLine] = []
    async for event in client.get_workflow_handle(workflow).fetch_history_events():
        name, content = await _signal(client, event)
        if not name:
            name, content = await _update(client, event)
        if name:
            shown = {k: v for k, v in content.items() if (k not in ("op_id", "sender", "seq", "proof") and v) or v == 0}
            detail = cut(", ".join(f"{k}={_brief(v)}" for k, v in shown.items()), 160)
            by = str(content.get("sender", "")).partition("#")[0]
            lines.append(LogLine(at=_at(event), id=by or "command", what=name, detail=detail))
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            lines.append(LogLine(at=_at(event), id=workflow, what="started"))
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            lines.append(LogLine(at=_at(event), id=workflow, what="ended"))
    return lines[-limit:]


def _brief(value: Any) -> str:
    """A value as people read it: of a verdict what it says, of a commit as much as git shows."""
    if isinstance(value, dict):
        return ": ".join(str(value[k]) for k in ("kind", "message") if value.get(k)) or "…"
    if isinstance(value, list):
        return " ".join(map(_brief, value))
    text = str(value)
    return text[:8] if re.fullmatch(r"[0-9a-f]{40}", text) else text


def _at(event: HistoryEvent) -> str:
    return iso(event.event_time.ToDatetime(UTC))


async def _signal(client: Client, event: HistoryEvent) -> tuple[str, dict[str, Any]]:
    if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return "", {}
    told = event.workflow_execution_signaled_event_attributes
    return told.signal_name, await _first(client, told.input.payloads)


async def _update(client: Client, event: HistoryEvent) -> tuple[str, dict[str, Any]]:
    if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return "", {}
    asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
    return asked.name, await _first(client, asked.args.payloads)


async def _first(client: Client, payloads: Any) -> dict[str, Any]:
    content = (await client.data_converter.decode(payloads))[:1]
    return content[0] if content and isinstance(content[0], dict) else {}
