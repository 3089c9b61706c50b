"""Mail and chat: letters to agents and people, and what an agent is given at a hook of its runtime."""

from __future__ import annotations

import asyncio

from rgt.client.reach import Handler, Reach, workflow_of
from rgt.model import messages as m
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.ids import ADDRESS
from rgt.model.mail import Letter
from rgt.model.rows import Row
from rgt.model.tokens import Identity

PERSON = "person"
READERS = ("polecat", "crew", "mayor")
"""Agents that read mail; witness and refinery are code."""


async def inject(d: Reach, who: Identity, receipt: str = "") -> str:
    """What the town has to say to the agent that calls, and its mail, fenced as data and at most 4 KB; empty for none.

    It counts as had when a hook says that it has printed what it was given under `receipt`; at once without one."""
    row = await d.caller(who)
    if not row.mail:
        return ""
    async with d.hearing.claims[who.agent]:
        printing = d.hearing.about_to_print(who.agent)
        claim = m.MailClaim(receipt=receipt, generation=who.generation, printing=printing)
        if receipt:
            d.hearing.printing[receipt] = who.agent
        try:
            text = str((await d.update(who.agent, "mail_claim", claim))["text"])
        except BaseException:
            d.hearing.hooks_gone([receipt])
            raise
    if not text:
        d.hearing.hooks_gone([receipt])
    return text


async def _send(d: Reach, a: ops.MailSend, who: Identity, op_id: str) -> ops.Sent:
    letter = m.Mail(
        by=who.address or PERSON, text=a.text, subject=a.subject, reply_to=a.reply_to, dedupe=a.dedupe, op_id=op_id
    )
    if a.to == PERSON:
        return ops.Sent(to=PERSON, number=(await d.update("mayor", "post", letter))["number"])
    try:
        row = await _reader(d, a.to)
    except RgtError as e:
        if e.code != "not_found" or not ADDRESS.fullmatch(a.to):
            raise
        return await _to_item(d, a.to, letter, e)
    try:
        result = await d.update(workflow_of(row), "mail", letter)
    except Exception as e:
        refusal = d.refusal(e)
        if refusal is None or "item" not in refusal.data:
            raise
        return await _to_item(d, row.id, letter, refusal)
    return ops.Sent(to=row.id, number=result["number"])


async def _reader(d: Reach, address: str) -> Row:
    """The row of an agent that reads mail."""
    if address == "mayor":
        return Row(kind="mayor", id="mayor")
    row = await d.agent(address)
    if row.kind not in READERS:
        raise RgtError("refused", f"{row.id} is code and reads no mail", "write to `mayor` or to a `person`")
    return row


async def _to_item(d: Reach, address: str, letter: m.Mail, otherwise: RgtError) -> ops.Sent:
    """The agent has left: its item keeps the letter for the next attempt."""
    rows = [r for r in await d.around.rows() if r.kind == "work" and r.agent == address]
    row = next((r for r in rows if r.state not in ("merged", "closed", "failed")), None)
    if row is None:
        if rows:
            hint = f"`rgt work show {rows[-1].id}`"
            raise RgtError("refused", f"{address} has left, and {rows[-1].id} is {rows[-1].state}", hint)
        raise otherwise
    await d.update(f"work/{row.id}", "remark", letter)
    return ops.Sent(to=address, state="kept", message=f"{address} has left: {row.id} keeps it for the next attempt")


async def _inbox(d: Reach, a: ops.MailBox, who: Identity, op_id: str) -> ops.Letters:
    if a.agent in ("", PERSON) and not who.agent:
        mailbox = (await d.show("mayor"))["desk"]
    else:
        row = await _reader(d, a.agent) if a.agent else await d.caller(who)
        if who.agent and workflow_of(row) != who.agent:
            raise RgtError("denied", f"that is the mailbox of {row.id}, not yours", "leave out --agent")
        mailbox = (await d.show(workflow_of(row)))["mailbox"]
    return ops.Letters(rows=[Letter.model_validate(x) for x in mailbox["letters"]])


async def _read(d: Reach, a: ops.MailNumbers, who: Identity, op_id: str) -> ops.Letters:
    looked = m.MailRead(numbers=a.numbers, op_id=op_id)
    workflow, name = (who.agent, "mail_read") if who.agent else ("mayor", "desk_read")
    letters = [Letter.model_validate(x) for x in (await d.update(workflow, name, looked))["letters"]]
    if lacking := sorted(set(a.numbers) - {x.number for x in letters}):
        raise RgtError("not_found", f"there is no letter {lacking[0]}", "`rgt mail inbox` lists them")
    return ops.Letters(rows=letters)


async def _check(d: Reach, a: ops.None_, who: Identity, op_id: str) -> ops.Given:
    if not who.agent:
        raise RgtError("usage", "a person is given no mail", "`rgt mail inbox` lists it, `rgt mail read N` shows it")
    return ops.Given(text=await inject(d, who))


async def _broadcast(d: Reach, a: ops.Broadcast, who: Identity, op_id: str) -> ops.SentAll:
    rig = await d.rig(a.rig) if a.rig else ""
    rows = [r for r in await d.around.rows() if r.kind in ("polecat", "crew") and (not rig or r.rig == rig)]

    async def one(row: Row) -> ops.Sent:
        letter = ops.MailSend(to=row.id, text=a.text, subject=a.subject)
        try:
            return await _send(d, letter, who, f"{op_id}:{row.id}")
        except Exception as e:
            refusal = d.refusal(e)
            if refusal is None:
                raise
            return ops.Sent(to=row.id, state="refused", message=refusal.message)

    return ops.SentAll(rows=list(await asyncio.gather(*(one(r) for r in rows if workflow_of(r) != who.agent))))


HANDLERS: dict[str, Handler] = {
    "mail.send": _send,
    "mail.inbox": _inbox,
    "mail.read": _read,
    "mail.check": _check,
    "mail.broadcast": _broadcast,
}
