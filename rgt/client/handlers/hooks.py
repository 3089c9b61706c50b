"""What hooks of agents' runtimes report, and what the agents are told on that occasion."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rgt.client.handlers import mail, sessions
from rgt.client.hearing import doing
from rgt.client.reach import Handler, Reach
from rgt.client.town import new_op_id
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.care import limit_end
from rgt.model.errors import RgtError
from rgt.model.tokens import Identity

KINDS = {
    "SessionStart": "session_start",
    "UserPromptSubmit": "busy",
    "PreToolUse": "busy",
    "PostToolUse": "busy",
    "PostToolUseFailure": "busy",
    "Stop": "stop",
    "StopFailure": "failed",
    "PermissionRequest": "busy",
    "Elicitation": "waiting",
    "SessionEnd": "session_end",
}
"""What an event says about what the agent does."""
DIALOGS = ("permission_prompt", "elicitation_dialog")
"""Notifications of a dialog that waits for a person."""
GIVING = ("SessionStart", "UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "Stop", "FileChanged")
"""Events at which an agent can be given mail."""


async def _hook_event(d: Reach, a: ops.HookArgs, who: Identity, op_id: str) -> ops.HookAnswer:
    if not who.agent:
        raise RgtError("denied", "only an agent's own hooks report events", "see `rgt agents list`")
    d.hearing.event(who.agent, a.event)
    if event := said(a.event, a.data, who.generation):
        await note(d, who, event)
    if a.event == "PreCompact":
        await sessions.compacting(d, who, op_id)
    if a.had and (a.event == "Printed" or (await d.caller(who)).mail):
        await d.update(who.agent, "mail_had", m.MailHad(receipts=a.had))
    greeting = await sessions.greeting(d, a, who) if a.event == "SessionStart" else ""
    if a.event not in GIVING:
        return answer(a.event, "")
    # Mail comes last: what is given must reach the hook, or nobody gives it again while the hook lives.
    receipt = new_op_id()
    told = await mail.inject(d, who, receipt)
    given = answer(a.event, together(greeting, told))
    given.receipt = receipt if told else ""
    return given


LONGEST = 9_900
"""Characters of a text for a hook: of a longer one the runtime shows only the beginning."""
UNATTENDED = "nobody sits at this terminal; choose another way, or ask with `rgt escalate`"


def together(prime: str, told: str) -> str:
    """Both in one text that a hook may give; only the first is ever cut, since mail that is printed counts as had."""
    if not (prime and told):
        return prime or told
    return f"{prime[: max(0, LONGEST - len(told) - 2)]}\n\n{told}"


def answer(event: str, told: str) -> ops.HookAnswer:
    """How a text reaches an agent at this event."""
    told = told[:LONGEST]
    if event == "PermissionRequest":
        no = {"behavior": "deny", "message": f"rgt: {UNATTENDED}"}
        return ops.HookAnswer(out={"hookSpecificOutput": {"hookEventName": event, "decision": no}})
    if not told:
        return ops.HookAnswer()
    if event == "FileChanged":
        return ops.HookAnswer(err=told, code=2)
    # At the end of a turn too: that goes on with it. A `reason` to block it would reach the model twice.
    output: dict[str, Any] = {"hookEventName": event, "additionalContext": told}
    return ops.HookAnswer(out={"hookSpecificOutput": output})


def said(event: str, data: dict[str, Any], generation: int) -> m.AgentEvent | None:
    """What an event says about what the agent does, if anything."""
    kind, why, until = KINDS.get(event, ""), "", ""
    if event == "Notification" and data.get("notification_type") in DIALOGS:
        kind = "waiting"
    if kind == "failed":
        why = str(data.get("error") or "unknown")[:60]
        until = limit_end(data, datetime.now(UTC)) if why == "rate_limit" else ""
    elif kind == "waiting":
        why = str(data.get("message") or data.get("tool_name") or data.get("notification_type") or "")[:200]
    if not kind:
        return None
    return m.AgentEvent.model_validate({"kind": kind, "generation": generation, "why": why, "until": until})


async def note(d: Reach, who: Identity, event: m.AgentEvent) -> None:
    """Tell an agent's workflow what its hooks said, when that is something new."""

    async def tell(agent: str, event: m.AgentEvent) -> None:
        await d.client.get_workflow_handle(agent).signal("agent_event", event)

    if not d.hearing.knows(who.agent, who.generation):
        # A worker that was just born: what the workflow knows may be that of the process that speaks now.
        d.hearing.voice(who.agent, who.generation, doing(await d.around.rows(), who.address))
        d.hearing.first(who.agent, who.generation)
    await d.hearing.note(who.agent, event, tell)


HANDLERS: dict[str, Handler] = {"agent.hook": _hook_event}
