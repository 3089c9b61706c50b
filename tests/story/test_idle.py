"""B68: a town in which nothing is to be done does nothing."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from pydantic import BaseModel
from temporalio.client import Client

from rgt.client.temporal import connect
from rgt.host.config import read_env
from rgt.model.agents import Crew, Polecat, Witness
from rgt.model.entity import Entity
from rgt.model.refinery import Refinery
from rgt.model.rig import Rig
from rgt.model.town import Boot, Host, Mayor
from rgt.model.work import Work
from tests.eventually import aeventually
from tests.town import LiveTown, change, steps

MINUTE = 60.0
STATES: dict[str, type[Entity]] = {
    "work": Work,
    "rig": Rig,
    "refinery": Refinery,
    "witness": Witness,
    "polecat": Polecat,
    "agent": Crew,
    "host": Host,
    "boot": Boot,
    "mayor": Mayor,
}


async def histories(client: Client) -> dict[str, int]:
    """Length of the history of every workflow that is open."""
    return {w.id: w.history_length async for w in client.list_workflows("ExecutionStatus='Running'")}


async def lengths(client: Client) -> dict[str, int]:
    """As the workflows themselves say: visibility may lag."""
    found = {}
    for id in await histories(client):
        found[id] = (await client.get_workflow_handle(id).describe()).history_length
    return found


@pytest.mark.slow
async def test_B68_an_idle_town_adds_no_event_starts_no_agent_and_sleeps(town: LiveTown, repo: Path) -> None:
    """A minute of a town with a rig, a merged, an open and a closed item and an idle crew member: nothing happens."""
    town.add_rig("api", repo)
    spend = steps('do = "spend"\ntokens = 5000')
    merged, _, closed = (
        town.create("one", f"{spend}\n{change('one.txt', '1')}"),
        town.create("two"),
        town.create("three"),
    )
    town.sling(merged, target="api")
    town.rgt("crew", "create", "joe", "--rig", "api", "--runtime", "scripted")
    town.rgt("work", "close", closed)
    town.becomes(merged, "merged")
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)

    async def quiet() -> bool:
        before = await lengths(client)
        await asyncio.sleep(1.5)
        return before == await lengths(client)

    await aeventually(quiet, 60)
    worker = psutil.Process(town.pid("worker"))
    before, used, began = await lengths(client), worker.cpu_times(), time.monotonic()
    await asyncio.sleep(MINUTE)
    after, spent, took = await lengths(client), worker.cpu_times(), time.monotonic() - began
    assert after == before
    cpu = (spent.user + spent.system - used.user - used.system) / took
    assert cpu < 0.01, f"the worker used {cpu:.1%} of a core"
    assert worker.memory_info().rss < 150 << 20
    await nobody_wakes_within_the_hour(client)


async def nobody_wakes_within_the_hour(client: Client) -> None:
    """Each workflow's pure `next_wake(state)`."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    for id in await histories(client):
        kind = STATES.get(id.partition("/")[0])
        if kind is None:
            assert id == "town"
            continue
        state: BaseModel = kind.model_validate(await client.get_workflow_handle(id).query("show"))
        assert isinstance(state, Entity)
        wake = state.next_wake()
        assert not wake or datetime.fromisoformat(wake) > soon, f"{id} wakes at {wake}"
