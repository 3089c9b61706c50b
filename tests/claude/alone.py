"""Claude Code as the town starts it, without a town around it: no gateway, so its hooks keep what they have to say."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rgt.host import sessions
from rgt.host.runtimes import claude_state
from rgt.host.runtimes.presets import load_preset
from rgt.host.sessions import Launch, Session
from rgt.host.tmux import Tmux
from rgt.model.guard import policy_for
from rgt.model.runtime import Choice, Mode
from tests.claude.stub import Stub
from tests.eventually import eventually
from tests.runtimes.stage import Stage

ADDRESS = "alone/claude"


@dataclass
class Alone:
    """One Claude Code in tmux."""

    stage: Stage
    tmux: Tmux
    api: Stub
    session: Session | None = None
    starts: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Of the session."""

    async def start(self, prompt: str, mode: Mode = "start", **more: Any) -> Session:
        """Start it as the town does."""
        worktree = str(self.stage.worktree)
        home, agent_dir = str(self.stage.home.root), str(self.stage.agent_dir)
        policy = policy_for(
            "polecat", worktree=worktree, branch="b", hub="", target="main", home=home, agent_dir=agent_dir
        )
        preset = load_preset(self.stage.home, "claude")
        given = {"prompt": prompt, "settings": {"base_url": self.api.url}, "session": self.id, "policy": policy, **more}
        root = self.stage.root
        prepared = self.stage.prepare(preset, mode, Choice("claude"), **given)
        town = {"RGT_AGENT_DIR": agent_dir, "GTR_ROOT": str(root / "gtr"), "CLAUDE_CODE_MAX_RETRIES": "1"}
        self.starts += 1
        launch = Launch(
            agent=f"polecat/{ADDRESS}",
            address=ADDRESS,
            generation=self.starts,
            nonce=str(uuid.uuid4()),
            cwd=worktree,
            argv=prepared.argv,
            env={**os.environ, **prepared.env, **town},
        )
        self.session = await sessions.launch(self.tmux, launch)
        return self.session

    @property
    def state(self) -> tuple[str, str]:
        """What it says that it does."""
        assert self.session
        return claude_state.read(self.stage.agent_dir, self.session.pid)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What its hooks have kept of an event."""
        spool = self.stage.agent_dir / "spool"
        kept = [json.loads(f.read_text()) for f in sorted(spool.glob("*")) if not f.name.endswith(".new")]
        return [event for event in kept if event["event"] == name]

    def made(self, name: str) -> bool:
        """Whether there is such a file in the worktree."""
        return (self.stage.worktree / name).exists()

    async def until(self, what: str, probe: Callable[[], object], seconds: float = 40) -> None:
        """Wait; a failure shows the screen."""
        try:
            await asyncio.to_thread(eventually, lambda: bool(probe()), seconds, 0.1, what)
        except AssertionError as e:
            screen = await self.tmux.capture(f"gtr-{ADDRESS}")
            shown = "\n".join(line for line in screen.splitlines() if line.strip())
            asked = [self.api.said(m) for b in self.api.bodies[-1:] for m in b["messages"]]
            raise AssertionError(f"{what}\n{shown}\n{str(asked)[-2000:]}") from e
