"""What is done about an agent that does not work: it waits for a person, for a limit, for a server, or for nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.costs import Amount, later, total
from rgt.model.mail import Mailed
from rgt.model.messages import AgentEvent, SessionEvent
from rgt.model.spending import Used
from rgt.model.times import iso

ACTIVITIES = {
    "session_start": "",
    "busy": "",
    "session_end": "",
    "idle": "idle",
    "stop": "idle",
    "waiting": "waiting",
    "failed": "failed",
    "stuck": "stuck",
}
"""What an agent does, by what its hooks said last; empty for working."""
SHOWN = ("idle", "waiting", "limited", "failed", "stuck")
"""What a row shows in the place of `working`."""
FOR_A_PERSON = ("authentication_failed", "billing_error", "oauth_org_not_allowed", "model_not_found")
"""Failures that no waiting mends."""
LIMITED = tuple(timedelta(minutes=n) for n in (5, 10, 20, 40, 60))
"""How long a rate limit is waited for whose end nobody knows, by how often it was tried."""
FAILED = tuple(timedelta(seconds=n) for n in (30, 60, 120, 300, 600, 1800))
"""How long a server that fails is waited for."""
TRIES = 6
"""After so many rings without a turn that ends well, a person is told."""
ANSWER = timedelta(minutes=2)
"""How long one may do nothing after it was told to go on, before a person is told."""
DIALOG_SECONDS = 60.0


class Care(Model):
    """Why an agent does not work, when something is done about it, and what a person should know."""

    why: str = ""
    wake: str = ""
    """When its workflow does the next thing; empty for never."""
    rings: int = 0
    """How often it was rung since a turn of it ended well."""
    told: bool = False
    """The town has something to say to it on that account, or has said it, and nothing was heard of it since."""
    alert: str = ""
    dialog_seconds: float = DIALOG_SECONDS
    """How long it may wait for a person before that one is told."""
    idle_minutes: float = 0.0
    """How long its turn may be over with its item not done, before a person is told; 0 for ever."""

    def heard(self, c: AgentEvent, at: str) -> str:
        """Its hooks said something; gives what it does now (`ACTIVITIES`, or `limited`)."""
        now, word = datetime.fromisoformat(at), ACTIVITIES[c.kind]
        self.why, self.wake, self.alert, self.told = c.why[:200], "", "", False
        if word == "idle":
            self.rings = 0
            self.wake = iso(now + timedelta(minutes=self.idle_minutes)) if self.idle_minutes else ""
        elif word == "waiting":
            self.wake = iso(now + timedelta(seconds=self.dialog_seconds))
        elif word == "stuck":
            self.wake, self.alert = at, f"stuck: {self.why}"
        elif word == "failed" and self.why == "rate_limit":
            word = "limited"
            self.wake = _later(c.until, now) or iso(now + _nth(LIMITED, self.rings))
        elif word == "failed" and self.why in FOR_A_PERSON:
            self.alert = f"cannot go on: {self.why}"
        elif word == "failed":
            self.wake = iso(now + _nth(FAILED, self.rings))
        if self.rings >= TRIES and word in ("limited", "failed"):
            self.alert = f"cannot go on: {self.why} again and again"
        return word

    def due(self, word: str, at: str) -> str:
        """The time of `wake` has come for one that is `word`; gives what it is to be told, if anything."""
        self.wake = ""
        if word == "waiting":
            self.alert = f"waits for a person: {self.why or 'a dialog'}"
        elif word == "idle":
            self.alert = "its turn is over, and its item is not done"
        elif self.told:
            self.alert = f"was told to go on, and does nothing ({self.why})"
        elif word in RINGS:
            if word != "stuck":
                self.rings, self.told = self.rings + 1, True
            return RINGS[word].format(why=self.why)
        return ""

    def heard_it(self, at: str) -> None:
        """It certainly has what it was to be told."""
        if self.told:
            self.wake = iso(datetime.fromisoformat(at) + ANSWER)


class Living(Mailed):
    """State of an agent that has a process: whether that lives, what it does, and what is done about it."""

    nonce: str = ""
    """Marks the process that counts."""
    generation: int = 0
    pid: int = 0
    dead: bool = False
    status: str = ""
    """How its last process ended."""
    unborn: str = ""
    """What its screen showed, when its process never said that it is up."""
    activity: str = ""
    """What its hooks last said: idle, waiting, limited, failed, stuck; empty for working."""
    care: Care = Field(default_factory=Care)
    used: dict[str, list[int]] = Field(default_factory=dict)
    """Account book → what it has used for what it is at (`rgt.model.costs.Amount`)."""

    @property
    def cost(self) -> Amount:
        """What it has used: a polecat for its item, a crew member in all."""
        return total(self.used.values())

    def spent(self, c: Used) -> None:
        """The worker has read what it has used."""
        before = self.used.get(c.book)
        self.used[c.book] = later(before, c.amount) if before else c.amount
        if self.used[c.book] != before:
            self.changed()

    @property
    def at_work(self) -> bool:
        """Whether its process should be there and nobody is ending it."""
        raise NotImplementedError

    @property
    def doing(self) -> str:
        """What a row shows in the place of its state; empty when that is all there is to show."""
        return self.activity if self.at_work and self.activity in SHOWN else ""

    def next_wake(self) -> str:
        return min(filter(None, (self.care.wake, self.mailbox.due())), default="") if self.at_work else ""

    @property
    def alert(self) -> str:
        """What a person should know of it."""
        return self.care.alert or self.mail_alert

    def is_dead(self, c: SessionEvent) -> None:
        """Its process has ended, or counts as ended."""
        self.dead, self.unborn = True, c.text
        self.status = f"signal {c.signal}" if c.signal else f"exit {c.status}" if c.status is not None else c.kind

    def agent_event(self, c: AgentEvent) -> None:
        """Its hooks say what it does."""
        if c.generation and c.generation != self.generation:
            return
        before = (self.activity, self.care.model_copy())
        self.activity = self.care.heard(c, self.updated_at)
        if self.activity:
            # Whatever it was to be told was for another occasion.
            self.mailbox.say("", "")
        if before != (self.activity, self.care):
            self.changed()

    def due(self) -> None:
        """The time has come to do something about what it does."""
        self.changed()
        if (late := self.mailbox.due()) and late <= self.updated_at:
            self.mailbox.late = True
        elif text := self.care.due(self.activity, self.updated_at):
            self.mailbox.say(text, self.updated_at)

    def mail_claim(self, c: m.MailClaim) -> dict[str, Any]:
        return {"text": ""} if c.generation not in (0, self.generation) else super().mail_claim(c)

    def mail_had(self, c: m.MailHad) -> None:
        told = self.mailbox.word is not None
        super().mail_had(c)
        if told and self.mailbox.word is None:
            self.care.heard_it(self.updated_at)

    @property
    def unborn_line(self) -> str:
        """Why its process never was up, in one line: the first of `unborn` and the end of the rest."""
        first, _, rest = self.unborn.partition("\n")
        end = " ".join(rest.split())
        return f"{first[:200]}: …{end[-300:]}" if len(end) > 300 else f"{first[:200]}: {end}" if end else first[:500]

    def renewed(self) -> None:
        """Another process follows: nothing is known of it."""
        self.activity, self.unborn = "", ""
        self.mailbox.session_died()
        self.care = Care(dialog_seconds=self.care.dialog_seconds, idle_minutes=self.care.idle_minutes)


RINGS = {
    "limited": "The rate limit should be over. Go on with your work where you were.",
    "failed": "Your last turn was cut off ({why}). Go on with your work where you were.",
    "stuck": "Nothing was heard of you for a while ({why}). If you wait for something that may never come, end it; "
    "if you cannot go on, ask with `rgt escalate`.",
}
"""What an agent is told when its mailbox has it from the town (`rgt.model.mail.Word`)."""


def _nth(steps: tuple[timedelta, ...], n: int) -> timedelta:
    return steps[min(n, len(steps) - 1)]


def _later(until: str, now: datetime) -> str:
    """`until` when it is a time after `now`, else nothing."""
    try:
        at = datetime.fromisoformat(until)
    except ValueError:
        return ""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return iso(at) if at > now else ""


_EPOCH = re.compile(r"\|(\d{10})\b")
_CLOCK = re.compile(r"resets?\s+(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm)(?:\s*\(([A-Za-z_/]+)\))?", re.I)


def limit_end(data: dict[str, Any], now: datetime) -> str:
    """When a rate limit ends, by what a runtime says of it; empty when it does not say.

    Known are `until` (ISO or seconds since the epoch), `…|1760000000` and `resets 3pm (Europe/Berlin)` in a text.
    """
    try:
        end = _limit_end(data, now)
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):
        return ""
    return iso(end) if end else ""


def _limit_end(data: dict[str, Any], now: datetime) -> datetime | None:
    until = data.get("until")
    if isinstance(until, int | float) and until > 0:
        return datetime.fromtimestamp(until, UTC)
    if isinstance(until, str) and until:
        return datetime.fromisoformat(until)
    for text in (data.get("error_details"), data.get("message"), data.get("last_assistant_message")):
        if isinstance(text, str) and (found := _EPOCH.search(text)):
            return datetime.fromtimestamp(int(found[1]), UTC)
        if isinstance(text, str) and (clock := _CLOCK.search(text)):
            return _next(clock, now)
    return None


def _next(clock: re.Match[str], now: datetime) -> datetime:
    """The next time that a clock shows this."""
    if not 0 < int(clock[1]) <= 12:
        raise ValueError(f"no clock shows {clock[0]}")
    zone = ZoneInfo(clock[4]) if clock[4] else now.astimezone().tzinfo
    hour = int(clock[1]) % 12 + (12 if clock[3].lower() == "pm" else 0)
    here = now.astimezone(zone)
    at = here.replace(hour=hour, minute=int(clock[2] or 0), second=0, microsecond=0)
    return at if at > here else at + timedelta(days=1)
