"""Keeps the copy of the town fresh: the worker's feed, Temporal itself while there is no worker, and again from the
start whenever something breaks."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass

from rgt.client.here import Outside
from rgt.client.socket import LIMIT, SocketTown
from rgt.host.config import read_env
from rgt.host.daemon import daemon_child, daemon_pid
from rgt.lsp.town import Health, Town
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.rows import Row

log = logging.getLogger(__name__)
PAUSE = 0.4
"""Seconds between two tries to reach the worker."""
LOOK = 0.5
"""Seconds between two looks whether Temporal runs."""
PATIENCE = 1.5
"""Seconds without a worker after which Temporal itself is asked; a killed worker is back before."""


async def follow(town: Town, outside: Outside) -> None:
    """Keep `town` as it is, for ever. Nothing that goes wrong ends this."""
    since = time.monotonic()
    while True:
        error = await _with_worker(town, outside)
        if town.health.health == "ok":
            since = time.monotonic()
        town.feels(missing(outside.home, error))
        if error.code == "unreachable" and time.monotonic() - since > PATIENCE:
            try:
                await without_worker(town, outside)
            except Exception:
                log.exception("Temporal cannot be read")
            since = time.monotonic()
        await asyncio.sleep(PAUSE)


async def _with_worker(town: Town, outside: Outside) -> RgtError:
    """Follow the worker's feed as long as it lasts; gives why it did not go on."""
    watching: asyncio.Task[None] | None = None
    temporal = Temporal()
    try:
        async with aclosing(outside.socket.subscribe()) as changes:
            async for _, rows, whole in changes:
                town.take(rows, whole)
                if not temporal.away:
                    town.feels(awake(town))
                watching = watching or asyncio.create_task(watch_temporal(town, outside, temporal))
    except RgtError as e:
        return e
    except OSError as e:
        return RgtError("unreachable", str(e))
    except Exception as e:
        # Such as rows of a newer worker: say so, and try again, for a restart may mend it.
        log.exception("the feed cannot be read")
        return RgtError("version", f"the feed cannot be read: {type(e).__name__}", "restart the editor's server")
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])
    return RgtError("unreachable", "the worker went away", "`rgt start`")


@dataclass
class Temporal:
    """Whether our own Temporal is away."""

    away: bool = False


async def watch_temporal(town: Town, outside: Outside, temporal: Temporal) -> None:
    """Say so while a Temporal of our own is away: the feed is only silent then, and commands fail."""
    if not read_env(outside.home).temporal_managed:
        return
    pid = daemon_child(outside.home, "temporal")
    while True:
        await asyncio.sleep(LOOK)
        now = daemon_child(outside.home, "temporal")
        if now is not None and now == pid:
            continue
        temporal.away = True
        said = "Temporal was killed and comes back; commands wait for it — `rgt doctor`"
        town.feels(Health("warning", said, "away"))
        while not await _commands_work(outside):  # noqa: ASYNC110 (nobody would set an event)
            await asyncio.sleep(PAUSE)
        pid = daemon_child(outside.home, "temporal")
        temporal.away = False
        town.feels(awake(town))


async def _commands_work(outside: Outside) -> bool:
    try:
        async with asyncio.timeout(3):
            await outside.socket.call(ops.LOG, ops.LogArgs(limit=1))
    except (RgtError, OSError, TimeoutError):
        return False
    return True


def awake(town: Town) -> Health:
    """How a town is whose worker answers."""
    boot = next(iter(town.rows("boot")), None)
    if boot is not None and boot.state == "down":
        return Health("warning", "the town sleeps — `rgt up`", "asleep")
    c = town.counts()
    said = f"{c['agents']} agents · {c['open']} open · {c['queue']} in queue · {c['needs']} need you"
    return Health("ok", said, "up")


def missing(home: Home, error: RgtError) -> Health:
    """What is missing, and what to do. A worker comes back by itself as long as its supervisor lives."""
    if not home.root.is_dir():
        said = f"there is no town at {home.root} — `rgt start`" if error.code == "unreachable" else error.line()
        return Health("error", said, "none")
    return Health("error", error.line(), "away" if daemon_pid(home, "worker") else "stopped")


async def without_worker(town: Town, outside: Outside) -> None:
    """Follow Temporal itself, where it runs, until a worker answers again or Temporal does not."""
    if not read_env(outside.home).temporal_address:
        return
    pipe = asyncio.subprocess.PIPE
    remains = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "rgt.lsp.remains", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL,
        limit=LIMIT,
    )  # fmt: skip
    reading = asyncio.create_task(_read(town, remains))
    try:
        while not reading.done() and not await answers(outside.socket):
            await asyncio.wait([reading], timeout=PAUSE)
    finally:
        reading.cancel()
        with suppress(ProcessLookupError):
            remains.kill()
        await remains.wait()


async def _read(town: Town, remains: asyncio.subprocess.Process) -> None:
    assert remains.stdout is not None
    while line := await remains.stdout.readline():
        told = json.loads(line)
        town.take([Row.model_validate(r) for r in told["rows"]], told["whole"])
        town.feels(Health("warning", "no worker answers; what you see is from Temporal — `rgt start`", "away"))


async def answers(socket: SocketTown) -> bool:
    """Whether a worker listens."""
    try:
        async with aclosing(socket.subscribe()) as changes:
            await anext(changes)
    except (RgtError, OSError):
        return False
    return True
