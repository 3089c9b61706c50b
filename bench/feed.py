"""A state changes → whoever listens has the line: one change at a time, and fifty at once."""

from __future__ import annotations

import asyncio
import threading
import time
from queue import SimpleQueue
from typing import Any

from temporalio.api.enums.v1 import EventType

from bench.figures import Figure
from bench.harness import Gateway, count, live, many_items
from rgt.client.temporal import connect
from rgt.host.config import read_env
from tests.town import LiveTown


def run() -> list[Figure]:
    """Measure from the moment in which the item's workflow began to make the change, as its history has it."""
    with live() as town:
        ids = many_items(town, 60)
        feed = Listener(town)
        asking = Gateway(town)
        lone, asked, floor = [], [], []
        for index in range(count(50) + 1):
            began = time.time()
            asking.call("work.show", id=ids[0])
            shown = time.time()
            title = f"quiet {index}"
            asking.call("work.edit", id=ids[index % 10], title=title)
            came = feed.until(title)
            if index:
                floor.append((shown - began) * 1e3)
                asked.append((came - shown) * 1e3)
                lone.append((came - changed_at(town, ids[index % 10])) * 1e3)
            time.sleep(0.05)
        each = [took for turn in range(count(5)) for took in burst(town, feed, asking, ids[10:60], turn)]
        for gateway in (asking, feed.gateway):
            gateway.close()
    return [
        Figure("state change → feed line, one at a time", lone, limits={"p95": 25}),
        Figure("the command that changes it → feed line", asked, "one query", floor),
        Figure("state change → feed line, 50 at once", each, limits={"p95": 150}),
    ]


def burst(town: LiveTown, feed: Listener, asking: Gateway, ids: list[str], turn: int) -> list[float]:
    """Change all items at once; milliseconds from each change to its line."""
    titles = [f"burst {turn} {index}" for index in range(len(ids))]
    for id, title in zip(ids, titles, strict=True):
        asking.send("work.edit", id=id, title=title)
    for _ in ids:
        asking.read()
    return [(feed.until(title) - changed_at(town, id)) * 1e3 for id, title in zip(ids, titles, strict=True)]


def changed_at(town: LiveTown, id: str) -> float:
    """When the last update of an item was begun, in seconds since the epoch: the start of its workflow task."""
    return asyncio.run(_changed_at(town, id))


async def _changed_at(town: LiveTown, id: str) -> float:
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)
    started, changed = 0.0, 0.0
    async for event in client.get_workflow_handle(f"work/{id}").fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            started = event.event_time.ToNanoseconds() / 1e9
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            changed = started
    return changed


class Listener:
    """A subscriber that notes when each row came."""

    def __init__(self, town: LiveTown) -> None:
        self.gateway = Gateway(town)
        self.gateway.send("sub")
        self.gateway.read()
        self.seen: dict[str, float] = {}
        self.came: SimpleQueue[tuple[float, dict[str, Any]]] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.gateway.lines:
            at = time.time()
            self.came.put((at, self.gateway.parse(line)))

    def until(self, title: str) -> float:
        """When the row with this title came."""
        while title not in self.seen:
            at, message = self.came.get(timeout=30)
            self.seen.setdefault(message["row"]["title"], at)
        return self.seen[title]
