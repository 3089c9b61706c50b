"""Agents of both runtimes in one town: each does what a test says, and shows what has reached it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgt.model import operations as ops
from tests.claude import stub
from tests.claude.conftest import RIG
from tests.claude.stub import Stub
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown, steps

RUNTIMES = ("scripted", "claude")


@dataclass
class Does:
    """One step, as each runtime is told of it; TOML for scripted, what the stub of the model says for Claude Code."""

    scripted: str
    claude: Any


def run(line: str, **more: Any) -> Does:
    """Run a shell line as a tool."""
    return Does(f'do = "run"\nok = "any"\ncmd = {json.dumps(line)}', {"bash": line, **more})


def say(text: str) -> Does:
    """End the turn."""
    return Does(f'do = "say"\ntext = {json.dumps(text)}', {"text": text})


DONE = Does('do = "done"', {"bash": "rgt done --summary finished"})


@dataclass
class Player:
    """An agent of one runtime with an item."""

    town: LiveTown
    api: Stub
    runtime: str
    item: str
    agent: Inside

    @property
    def address(self) -> str:
        return self.agent.env["GTR_ADDRESS"]

    @property
    def row(self) -> dict[str, Any]:
        """Its row; empty when it has left."""
        return next((a for a in self.town.agents() if a["item"] == self.item), {})

    def becomes(self, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until its row has one of these states."""
        return eventually(
            lambda: self.row if self.row.get("state") in states else None, seconds, 0.1, f"{states}: {self.row}"
        )

    def shown(self) -> dict[str, Any]:
        """The state of its workflow."""
        found: dict[str, Any] = self.town.ask("agents", "show", self.address)
        return found

    def needs(self) -> list[str]:
        """What of it waits for a person."""
        return [n["what"] for n in self.town.ask("needs") if n["id"] == self.address]

    def texts(self) -> str:
        """All that has reached it: its screen, or what its model was asked last of this item."""
        if self.runtime == "scripted":
            return self.town.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", f"=gtr-{self.address}:")
        ours = [b for b in list(self.api.bodies) if b.get("tools") and self.item in str(b["messages"])]
        return "\n".join(text for b in ours[-1:] for m in b["messages"] for text in self.api.said(m))

    def given(self, text: str) -> int:
        """How often a text has reached it."""
        return self.texts().count(text)

    def letters(self) -> list[tuple[int, str]]:
        """Numbers and states of what is in its mailbox."""
        rows = self.town.call(ops.MAIL_INBOX, ops.MailBox(agent=self.address)).rows
        return [(x.number, x.state) for x in rows]

    def has(self, name: str, seconds: float = 60) -> str:
        """The text of a file that it makes in its worktree."""
        eventually((self.agent.cwd / name).exists, seconds, 0.05, f"{name}: {self.texts()[-2000:]}")
        return (self.agent.cwd / name).read_text()

    def write(self, name: str, text: str) -> None:
        (self.agent.cwd / name).write_text(text, newline="")

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """The town cannot ring it meanwhile."""
        launch = self.agent.directory / "launch.json"
        away = launch.rename(launch.with_name("away.json"))
        try:
            yield
        finally:
            away.rename(launch)


@dataclass
class Players:
    """Makes agents of one runtime."""

    town: LiveTown
    api: Stub
    runtime: str
    items: list[str] = field(default_factory=list)

    def play(self, title: str, *does: Does) -> Player:
        """An item whose agent does these steps, one after the other."""
        item = self.sling(title, *does)
        return Player(self.town, self.api, self.runtime, item, agent_of(self.town, item))

    def sling(self, title: str, *does: Does, rig: str = RIG) -> str:
        """An item that an agent will have."""
        if self.runtime == "scripted":
            item = self.town.create(title, steps(*(d.scripted for d in does)))
        else:
            item = self.town.create(title, description=stub.script(*(d.claude for d in does)))
        self.items.append(item)
        self.town.rgt("sling", item, "--target", rig, "--runtime", self.runtime)
        return item

    def rig(self, name: str, **table: Any) -> str:
        """A rig in which the runtime is started in another way."""
        name = f"{name}-{self.runtime}"
        make_repo(self.town.root / name)
        source = {"path": str(self.town.root / name)}
        self.town.found_rig(name, source=source, no_gates=True, runtime={self.runtime: table})
        return name

    def gate(self, name: str) -> tuple[Path, Does]:
        """A step that lasts until a file is made, and that file."""
        go = self.town.root / f"go-{name}-{self.runtime}"
        return go, run(f"touch at-$GTR_WORK_ITEM; until test -e {go}; do sleep 0.05; done")

    def limit(self, seconds: int) -> tuple[int, Does]:
        """A step at which a rate limit is met, and when that ends."""
        end = int(time.time()) + seconds
        told = {"type": "rate_limit_error", "message": f"You have reached your limit|{end}"}
        return end, Does(f'do = "limit"\nseconds = {seconds}', {"status": 429, "times": 2, **told})

    def leave(self) -> None:
        """End those that still work."""
        for item in self.items:
            if self.town.item(item)["state"] not in ("merged", "closed"):
                self.town.rgt("work", "close", item)
        for item in self.items:
            nobody_has(self.town, item)
