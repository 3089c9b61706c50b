"""B90: every workflow type replays the histories that were recorded; a changed order of commands is found."""

from __future__ import annotations

import gzip
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from rgt.client.temporal import CONVERTER
from rgt.model.agents import Witness
from rgt.worker.sandbox import sandbox
from rgt.worker.workflows import ALL
from tests.town import LiveTown, change
from tests.worker.record import histories

HISTORIES = sorted((Path(__file__).parent.parent / "histories").glob("*.json.gz"))
ADVICE = """
A recorded history does not replay: an open workflow of a running town would get stuck at its next task.
Keep the old order of commands for old histories (`workflow.patched`), or, when no released version has histories
of this shape, record them anew: python -m tests.worker.record"""


@workflow.defn(name="witness", sandboxed=False)
class Changed:
    """A witness that begins with another command."""

    @workflow.run
    async def run(self, state: Witness) -> None:
        """Sleep instead of publishing a row."""
        await workflow.sleep(timedelta(seconds=1))


def read(file: Path) -> WorkflowHistory:
    """A recorded history."""
    text = gzip.decompress(file.read_bytes()).decode()
    return WorkflowHistory.from_json(file.name.partition(".")[0], text)


async def replay(history: WorkflowHistory, workflows: list[type]) -> None:
    """Replay one history; an AssertionError with advice when it does not."""
    replayer = Replayer(workflows=workflows, data_converter=CONVERTER, workflow_runner=sandbox())
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{history.workflow_id}: {result.replay_failure}\n{ADVICE}"


def test_every_workflow_type_is_recorded() -> None:
    """A new type needs a recording."""
    recorded = {read(f).events[0].workflow_execution_started_event_attributes.workflow_type.name for f in HISTORIES}
    assert recorded == {getattr(w, "__temporal_workflow_definition").name for w in ALL}


@pytest.mark.parametrize("file", HISTORIES, ids=lambda f: f.name.partition(".")[0])
async def test_B90_recorded_history_replays(file: Path) -> None:
    """Byte for byte the commands of today's code."""
    await replay(read(file), ALL)


async def test_B90_a_changed_order_of_commands_is_found() -> None:
    """The check itself can fail."""
    file = next(f for f in HISTORIES if "witness" in f.name)
    with pytest.raises(AssertionError, match="does not replay"):
        await replay(read(file), [Changed])


async def test_B90_a_busy_hour_replays(town: LiveTown, repo: Path) -> None:
    """Twenty slings at once, kills in between: whatever order things came in live, they come in it again."""
    town.add_rig("api", repo, max_polecats="8")
    items = [town.create(f"item {n}", change(f"{n}.txt", str(n))) for n in range(12)]
    town.sling(*items, target="api")
    os.kill(int(town.working()[0]["pid"]), signal.SIGKILL)
    for item in items:
        town.becomes(item, "merged")
    for history in await histories(town):
        await replay(history, ALL)
