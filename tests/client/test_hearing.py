"""What the hooks of agents say is told to their workflows when it is news, and never in floods."""

from __future__ import annotations

from typing import Any

import pytest

from rgt.client import hearing
from rgt.client.handlers.hooks import said
from rgt.client.hearing import AT_ONCE, Hearing, doing
from rgt.model.messages import AgentEvent
from rgt.model.rows import Row
from tests.eventually import aeventually

NUX = "polecat/api/nux"


class Workflow:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[AgentEvent] = []

    async def __call__(self, agent: str, event: AgentEvent) -> None:
        self.heard.append(event)

    @property
    def kinds(self) -> list[str]:
        return [e.kind for e in self.heard]


def event(kind: Any, generation: int = 1, why: str = "") -> AgentEvent:
    return AgentEvent(kind=kind, generation=generation, why=why)


async def test_only_changes_are_told_and_failures_always() -> None:
    ears, nux = Hearing(), Workflow()
    for kind in ("session_start", "busy", "busy", "stop", "idle", "busy", "failed", "failed", "session_end"):
        await ears.note(NUX, event(kind), nux)
    assert nux.kinds == ["stop", "busy", "failed", "failed"]


async def test_an_older_process_is_not_listened_to() -> None:
    ears, nux = Hearing(), Workflow()
    await ears.note(NUX, event("stop", 2), nux)
    await ears.note(NUX, event("busy", 1), nux)
    assert nux.kinds == ["stop"]
    await ears.note(NUX, event("busy", 3), nux)
    assert nux.kinds == ["stop"], "of a new process its workflow thinks that it works"


async def test_the_generations_of_another_attempt_begin_anew() -> None:
    ears, nux = Hearing(), Workflow()
    await ears.note(NUX, event("stop", 2), nux)
    ears.begin(NUX, 1)
    assert not ears.knows(NUX, 1), "not heard yet"
    await ears.note(NUX, event("stop", 2), nux)
    await ears.note(NUX, event("waiting", 1, "x"), nux)
    assert nux.kinds == ["stop", "waiting"]
    assert ears.knows(NUX, 1)


async def test_a_worker_that_was_just_born_goes_by_the_row() -> None:
    ears, nux = Hearing(), Workflow()
    ears.voice(NUX, 1, doing([Row(kind="polecat", id="api/nux", state="limited")], "api/nux"))
    await ears.note(NUX, event("busy"), nux)
    assert nux.kinds == ["busy"]


async def test_B69_a_flood_is_told_in_drops_and_ends_with_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "WITHIN", 0.5)
    ears, nux = Hearing(), Workflow()
    for _ in range(500):
        await ears.note(NUX, event("stop"), nux)
        await ears.note(NUX, event("busy"), nux)
    await ears.note(NUX, event("waiting", why="x"), nux)
    assert len(nux.heard) == AT_ONCE

    async def told() -> bool:
        return nux.kinds[-1] == "waiting"

    await aeventually(told)
    assert len(nux.heard) == AT_ONCE + 1


@pytest.mark.parametrize(
    ("name", "data", "kind", "why"),
    [
        ("SessionStart", {}, "session_start", ""),
        ("PostToolUse", {"tool_name": "Bash"}, "busy", ""),
        ("Stop", {}, "stop", ""),
        ("StopFailure", {"error": "rate_limit"}, "failed", "rate_limit"),
        ("StopFailure", {}, "failed", "unknown"),
        ("PermissionRequest", {"tool_name": "Bash"}, "busy", ""),
        ("Elicitation", {"message": "which?"}, "waiting", "which?"),
        ("Notification", {"notification_type": "permission_prompt", "message": "may I?"}, "waiting", "may I?"),
        ("Notification", {"notification_type": "idle_prompt", "message": "zzz"}, None, ""),
        ("FileChanged", {}, None, ""),
        ("PreCompact", {}, None, ""),
        ("Nonsense", {"error": "x"}, None, ""),
    ],
)
def test_what_an_event_of_a_runtime_says(name: str, data: dict[str, Any], kind: str | None, why: str) -> None:
    found = said(name, data, 3)
    assert (found.kind, found.why, found.generation) == (kind, why, 3) if kind and found else found is None
