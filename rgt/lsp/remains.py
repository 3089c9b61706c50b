"""`python -m rgt.lsp.remains`: what Temporal itself tells of a town that has no worker, as lines of JSON.

The server runs it only while it must: Temporal's client takes a third of a second to import, and thirty megabytes. It
ends with its input, and when Temporal does not answer any more."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from datetime import timedelta

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from rgt.client.feed import Live, follow
from rgt.client.here import here
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.rows import Row

LOOK = 2.0
"""Seconds between two looks whether Temporal answers."""


async def tell(client: Client) -> None:
    """Write the whole town, then every change; ends when Temporal does not answer."""
    live = Live()
    async for change in follow(client, wait=False):
        live.take(change)
    say(live.rows(), whole=True)
    following = asyncio.create_task(_on(client, live.seq))
    try:
        while not following.done():
            await client.workflow_service.get_system_info(
                GetSystemInfoRequest(), retry=False, timeout=timedelta(seconds=3)
            )
            await asyncio.wait([following], timeout=LOOK)
    finally:
        following.cancel()


async def _on(client: Client, seq: int) -> None:
    """Follow the town's history; what came before `seq` has been told."""
    live = Live()
    live.listen(lambda at, row: say([row]) if at > seq else None)
    async for change in follow(client):
        live.take(change)


def say(rows: Iterable[Row], whole: bool = False) -> None:
    """Write a line for `rgt.lsp.link`."""
    print(json.dumps({"whole": whole, "rows": [r.model_dump(mode="json") for r in rows]}), flush=True)


async def main() -> int:
    """Tell until one of the two sides goes away; gives the exit code."""
    # Our end of the pipe that the server holds: it is closed when the server is gone, however that went.
    asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 1024) or os._exit(0))
    try:
        outside, _ = here(Home.of(os.environ), os.environ)
        await tell(await outside.temporal())
    except (RgtError, RPCError) as e:
        print(e, file=sys.stderr)
    return 3


if __name__ == "__main__":
    os._exit(asyncio.run(main()))
