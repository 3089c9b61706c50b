"""Keeps the copy of the town fresh: the worker's feed, Temporal itself while there is no worker, and again from the
start whenever something breaks."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from contextlib import aclosing
from typing import Any

from rgt.client.here import Outside
from rgt.client.socket import SocketTown
from rgt.host.config import read_env
from rgt.lsp.town import Health, Town
from rgt.model.errors import RgtError
from rgt.model.home import Home

log = logging.getLogger(__name__)
PAUSE = 0.4
"""Seconds between two tries to reach the worker."""
PATIENCE = 1.5
"""Seconds without a worker after which Temporal itself is asked; a killed worker is back before."""


async def follow(town: Town, outside: Outside) -> None:
    """Keep `town` as it is, for ever. Nothing that goes wrong ends this."""
    since = time.monotonic()
    while True:
        try:
            async with aclosing(outside.socket.subscribe()) as changes:
                async for _, rows, whole in changes:
                    town.take(rows, whole)
                    town.feels(awake(town))
        except (RgtError, OSError) as e:
            error = e if isinstance(e, RgtError) else RgtError("unreachable", str(e))
        except Exception as e:
            # Such as rows of a newer worker: say so, and try again, for a restart may mend it.
            log.exception("the feed cannot be read")
            error = RgtError("version", f"the feed cannot be read: {type(e).__name__}", "restart the editor's server")
        if town.health.health == "ok":
            since = time.monotonic()
        town.feels(Health("error", missing(outside.home, error)))
        if error.code == "unreachable" and time.monotonic() - since > PATIENCE:
            await without_worker(town, outside)
            since = time.monotonic()
        await asyncio.sleep(PAUSE)


def awake(town: Town) -> Health:
    """How a town is whose worker answers."""
    boot = next(iter(town.rows("boot")), None)
    if boot is not None and boot.state == "down":
        return Health("warning", "the town sleeps — `rgt up`")
    c = town.counts()
    return Health("ok", f"{c['agents']} agents · {c['open']} open · {c['queue']} in queue · {c['needs']} need you")


def missing(home: Home, error: RgtError) -> str:
    """What is missing, and what to do."""
    if error.code == "unreachable" and not home.root.is_dir():
        return f"there is no town at {home.root} — `rgt start`"
    return error.line()


async def without_worker(town: Town, outside: Outside) -> None:
    """Follow Temporal itself, where it runs, until a worker answers again or Temporal does not."""
    if not read_env(outside.home).temporal_address:
        return
    # Importing Temporal's client takes a third of a second, in which editors want answers.
    feed = await asyncio.to_thread(importlib.import_module, "rgt.client.feed")
    try:
        client = await outside.temporal()
        live = feed.Live()
        async for change in feed.follow(client, wait=False):
            live.take(change)
        town.take(live.rows(), whole=True)
        town.feels(Health("warning", "no worker answers; what you see is from Temporal — `rgt start`"))
        following = asyncio.create_task(_on(town, feed, client, live.seq))
        try:
            while not await answers(outside.socket):
                await client.count_workflows("ExecutionStatus='Running'")
                await asyncio.sleep(PAUSE)
        finally:
            following.cancel()
            await asyncio.wait([following])
    except RgtError as e:
        log.debug("%s", e.message)
    except Exception as e:
        # Temporal's own errors cannot be named here without importing it.
        log.info("Temporal does not answer: %s", e)


async def _on(town: Town, feed: Any, client: Any, seq: int) -> None:
    """Follow the town's history; what came before `seq` is known."""
    live = feed.Live()
    live.listen(lambda at, row: town.take([row]) if at > seq else None)
    async for change in feed.follow(client):
        live.take(change)


async def answers(socket: SocketTown) -> bool:
    """Whether a worker listens."""
    try:
        async with aclosing(socket.subscribe()) as changes:
            await anext(changes)
    except (RgtError, OSError):
        return False
    return True
