"""Letters between people and agents."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import typer

from rgt.cli.render import since
from rgt.cli.session import Session, session
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.mail import Letter
from rgt.model.times import epoch

mail = typer.Typer(help="Letters to agents and people.", no_args_is_help=True)
LOOK = 0.2
"""Seconds between two looks whether a letter was taken."""


def add_to(app: typer.Typer) -> None:
    """Add `mail` and `chat`."""
    app.add_typer(mail, name="mail")
    app.command()(chat)


@mail.command("send")
async def send(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="To whom: an address such as api/nux, mayor, or person.")],
    message: Annotated[str, typer.Argument(help="What it says, at most 64 KB; - reads it from stdin.")],
    subject: Annotated[str, typer.Option(help="What it is about.")] = "",
    reply_to: Annotated[int, typer.Option("--reply-to", help="Number of the letter that it answers.")] = 0,
    replace: Annotated[str, typer.Option(help="Take the place of an unread letter with the same word.")] = "",
) -> None:
    """Write to an agent or a person. Done means that the letter is stored."""
    s = session(ctx)
    letter = ops.MailSend(
        to=agent, text=s.text_or_stdin(message, exact=True), subject=subject, reply_to=reply_to, dedupe=replace
    )
    sent = await s.ask(ops.MAIL_SEND, letter)
    s.give(sent.model_dump(), _sent(s, sent))


async def chat(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="To whom: an address such as api/nux.")],
    message: Annotated[str, typer.Argument(help="What you say; - reads it from stdin.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it was taken, and exit by it.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 60.0,
) -> None:
    """Say something to an agent now. It hears it at the next thing it does, or is woken."""
    s = session(ctx)
    sent = await s.ask(ops.MAIL_SEND, ops.MailSend(to=agent, text=s.text_or_stdin(message, exact=True)))
    if wait and sent.number:
        sent.state = await _taken(s, sent, timeout)
        s.code = 0 if sent.state == "taken" else 1
    s.give(sent.model_dump(), _sent(s, sent))


async def _taken(s: Session, sent: ops.Sent, timeout: float) -> str:
    end = time.monotonic() + timeout
    while True:
        letters = (await s.town.call(ops.MAIL_INBOX, ops.MailBox(agent=sent.to))).rows
        state = next((x.state for x in letters if x.number == sent.number), "taken")
        if state == "taken" or time.monotonic() > end:
            return state
        await asyncio.sleep(LOOK)


def _sent(s: Session, sent: ops.Sent) -> str:
    number = f"  letter {sent.number}" if sent.number else ""
    return f"{sent.to}  {s.paint.state(sent.state)}{number}" + (f"  {sent.message}" if sent.message else "")


@mail.command("inbox")
async def inbox(
    ctx: typer.Context, agent: Annotated[str, typer.Option(help="Whose mailbox; default: yours.")] = ""
) -> None:
    """List letters, oldest first."""
    s = session(ctx)
    _list(s, (await s.ask(ops.MAIL_INBOX, ops.MailBox(agent=agent))).rows)


def _list(s: Session, letters: list[Letter]) -> None:
    cells = [
        (str(x.number), "" if x.state == "taken" else "new", x.sender, since(epoch(x.at)), x.subject or x.text)
        for x in letters
    ]
    cells = [(*c[:4], " ".join(c[4].split())) for c in cells]
    table = s.paint.table(("N", "", "FROM", "AGE", "ABOUT"), cells, flexible=4, state=1)
    s.give([letter_row(x) for x in letters], table or "no mail")


def letter_row(x: Letter) -> dict[str, Any]:
    """A letter in lists (`docs/json.md`)."""
    return x.model_dump(mode="json", include={"number", "sender", "subject", "text", "at", "thread", "state"})


@mail.command("read")
async def read(ctx: typer.Context, number: Annotated[int, typer.Argument(help="Number of the letter.")]) -> None:
    """Show a letter."""
    s = session(ctx)
    letter = (await s.ask(ops.MAIL_READ, ops.MailNumbers(numbers=[number]))).rows[0]
    s.give(letter_row(letter), _page(s, letter))


def _page(s: Session, x: Letter) -> str:
    about = f"  {x.subject}" if x.subject else ""
    return f"{s.paint.paint(f'{x.number}  {x.sender}{about}', 'bold')}  {x.at}\n\n{x.text}"


@mail.command("thread")
async def thread(
    ctx: typer.Context, number: Annotated[int, typer.Argument(help="Number of one of its letters.")]
) -> None:
    """Show a letter with all that answer each other in your mailbox."""
    s = session(ctx)
    letters = (await s.ask(ops.MAIL_INBOX, ops.MailBox())).rows
    first = next((x.thread for x in letters if x.number == number), None)
    if first is None:
        raise RgtError("not_found", f"there is no letter {number}", "`rgt mail inbox` lists them")
    found = [x for x in letters if x.thread == first]
    s.give([letter_row(x) for x in found], "\n\n".join(_page(s, x) for x in found))


@mail.command("broadcast")
async def broadcast(
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(help="What it says; - reads it from stdin.")],
    subject: Annotated[str, typer.Option(help="What it is about.")] = "",
    rig: Annotated[str, typer.Option(help="Only to agents of this rig.")] = "",
) -> None:
    """Write to all polecats and crew."""
    s = session(ctx)
    sent = (
        await s.ask(
            ops.MAIL_BROADCAST, ops.Broadcast(text=s.text_or_stdin(message, exact=True), subject=subject, rig=rig)
        )
    ).rows
    s.code = 1 if any(x.state == "refused" for x in sent) else 0
    s.give([x.model_dump() for x in sent], "\n".join(_sent(s, x) for x in sent) or "there are no agents")


@mail.command("check")
async def check(
    ctx: typer.Context,
    inject: Annotated[bool, typer.Option("--inject", help="Print nothing but the mail, for a hook.")] = False,
) -> None:
    """Take what waits for the agent that calls."""
    s = session(ctx)
    given = await s.ask(ops.MAIL_CHECK, ops.None_())
    if given.text or s.json or not inject:
        s.give(given.model_dump(), given.text or "no mail")
