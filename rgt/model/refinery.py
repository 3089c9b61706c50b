"""The merge queue of one rig as a state: entries, the run, the target's recorded head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rgt.model import messages as m
from rgt.model.base import Model
from rgt.model.entity import Entity
from rgt.model.errors import RgtError
from rgt.model.queue import Entry, Job, Verdict
from rgt.model.rows import Row
from rgt.model.times import epoch

INFRA_PAUSES = (1.0, 4.0)
"""Seconds before a run is tried again after an infra_error; after the last try the queue is parked."""
VERDICTS = 50
PLACED = 10
"""Verdicts of the latest that keep their diagnostics; of older ones, and of an item's earlier ones, the logs remain."""


class Queued(Model):
    """An entry and how it stands."""

    entry: Entry
    state: Literal["queued", "testing"] = "queued"
    tries: int = 0
    reason: str = ""
    withdrawn: bool = False
    """Its run goes on and may still land; there will not be another one."""


class Refinery(Entity):
    """State of a refinery's workflow."""

    config: m.RefineryStart
    queue: list[Queued] = Field(default_factory=list)
    recorded: str = ""
    """The target's head as it was last seen."""
    paused: str = ""
    """Why nothing is tested or landed: a person must look. Empty: at work."""
    asleep: bool = False
    slots: int = 0
    asked: bool = False
    verdicts: list[Verdict] = Field(default_factory=list)
    """The newest last."""
    alert: str = ""
    ended: bool = False

    @property
    def workflow(self) -> str:
        """Workflow id."""
        return f"refinery/{self.config.rig}"

    def row(self) -> Row:
        running = next((q.entry for q in self.queue if q.state == "testing"), None)
        return Row(
            kind="refinery",
            id=f"{self.config.rig}/refinery",
            rev=self.rev,
            state="down" if self.asleep else "paused" if self.paused else "testing" if running else "idle",
            rig=self.config.rig,
            item=running.item if running else "",
            attempt=len(self.queue),
            created=epoch(self.created_at),
            updated=epoch(self.updated_at),
            alert=self.paused or self.alert,
            gone=self.ended,
        )

    def entry_rows(self) -> list[Row]:
        """One row per entry, for `rgt mq list`."""
        return [
            Row(
                kind="entry",
                id=q.entry.id,
                rev=self.rev,
                state="parked" if self.paused and q.state == "queued" else q.state,
                title=q.entry.title,
                rig=self.config.rig,
                agent=q.entry.agent,
                item=q.entry.item,
                priority=q.entry.priority,
                attempt=q.entry.attempt,
                created=epoch(q.entry.submitted_at),
                updated=epoch(self.updated_at),
            )
            for q in self.queue
        ]

    def start(self) -> None:
        """Ask for a gate slot once; it is kept."""
        if not self.asked:
            self.asked = True
            wanted = m.SlotWanted(rig=self.config.rig, total=1)
            self.tell(f"host/{self.config.host}", "slot_wanted", wanted)
        self.changed()

    def granted(self, c: m.Slot) -> None:
        """The host lends this many slots."""
        self.slots = c.total

    def submitted(self, c: m.Submitted) -> None:
        """A new entry; a newer head of the same item takes the place of the older one."""
        e = c.entry
        if any(q.entry.id == e.id for q in self.queue):
            for q in self.queue:
                q.tries, q.reason = 0, ""
                q.withdrawn = q.withdrawn and q.entry.id != e.id
            self.paused = ""
            self.changed()
            return
        self._take_out(e.item)
        self.queue.append(Queued(entry=e))
        self.changed()

    def withdrawn(self, c: m.Withdrawn) -> None:
        """An entry is taken out; one that is being tested may still land."""
        self._take_out(c.item)
        self.changed()

    def _take_out(self, item: str) -> None:
        self.queue = [q for q in self.queue if q.entry.item != item or q.state == "testing"]
        for q in self.queue:
            q.withdrawn = q.withdrawn or q.entry.item == item

    def reconfigure(self, c: m.RefineryConfig) -> None:
        """The rig's configuration changed: what was parked is tried again."""
        self.config = c.config
        self.paused = ""
        self.changed()

    def pause(self, c: m.Close) -> None:
        """A person stops the queue."""
        self.paused = c.reason or "paused by a person"
        self.changed()

    def resume(self, c: m.Empty) -> None:
        """A person lets the queue go on."""
        if not self.paused:
            raise RgtError("refused", f"the queue of {self.config.rig} is not paused", "see `rgt mq list`")
        self.paused = ""
        for q in self.queue:
            q.tries, q.reason = 0, ""
        self.changed()

    def end(self, c: m.Empty) -> None:
        """The rig leaves the town."""
        self.ended = True
        self.changed()

    def down(self, c: m.Empty) -> None:
        """Landings wait."""
        self.asleep = True
        self.changed()

    def up(self, c: m.Empty) -> None:
        """Landings go on."""
        self.asleep = False
        self.changed()

    @property
    def ready(self) -> bool:
        """Whether a run may start now."""
        return bool(self.queue) and not self.paused and not self.asleep and self.slots > 0

    def job(self, entries: list[Entry]) -> Job:
        """The run that tests `entries`."""
        c = self.config
        return Job(
            rig=c.rig,
            target=c.target,
            strategy=c.strategy,
            landing=c.landing,
            source=c.source,
            entries=entries,
            gates=c.gates,
            no_gates=c.no_gates,
            matchers=c.matchers,
            recorded=self.recorded,
        )

    def testing(self, entry: Entry) -> None:
        """A run has begun."""
        for q in self.queue:
            if q.entry.id == entry.id:
                q.state = "testing"
        self.tell(f"work/{entry.item}", "merging", m.Merging(head=entry.head))
        self.changed()

    def settle(self, entry: Entry, v: Verdict) -> float:
        """Take the verdict of a run; gives the seconds to wait before the next run."""
        queued = next((q for q in self.queue if q.entry.id == entry.id), None)
        if v.target_head:
            self.recorded = v.target_head
        self.verdicts = _remembered(self.verdicts, v)
        work = f"work/{entry.item}"
        pause = 0.0
        if v.kind in ("merged", "failed", "conflict", "refused", "lost") or (queued and queued.withdrawn):
            self.queue = [q for q in self.queue if q.entry.id != entry.id]
        if v.kind == "merged":
            self.alert = v.follow
            self.tell(work, "merged", m.Merged(head=entry.head, sha=v.sha, carries=v.carries))
        elif v.kind in ("failed", "conflict", "refused"):
            self.tell(work, "rejected", m.Rejected(head=entry.head, verdict=v, max_attempts=self.config.max_attempts))
        elif v.kind == "lost":
            self.tell(work, "parked", m.Parked(head=entry.head, reason=v.message, lost=True))
        elif queued is not None and not queued.withdrawn:
            queued.state, queued.reason = "queued", v.message
            if v.kind == "infra_error" and queued.tries < len(INFRA_PAUSES):
                pause = INFRA_PAUSES[queued.tries]
                queued.tries += 1
            elif v.kind != "moved":
                self.paused = v.message
                self.tell(work, "parked", m.Parked(head=entry.head, reason=v.message))
        self.changed()
        return pause


def _remembered(verdicts: list[Verdict], new: Verdict) -> list[Verdict]:
    """The newest verdicts, of which few have diagnostics: the state travels whole."""
    kept = [*(v.without_places() if v.item == new.item else v for v in verdicts), new][-VERDICTS:]
    placed = [n for n, v in enumerate(kept) if v is not v.without_places()]
    old = set(placed[:-PLACED])
    return [v.without_places() if n in old else v for n, v in enumerate(kept)]
