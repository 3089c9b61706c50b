"""Opening a town: the workflows that every town has, made once, and found to be ours ever after."""

from __future__ import annotations

import asyncio
import os
import socket

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from rgt.client.reach import QUEUE, TASK, attributes
from rgt.model.config import TownConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.messages import HostName
from rgt.model.town import Boot, Host, Index, Mayor


async def open_town(client: Client, home: Home, host: str, config: TownConfig) -> None:
    """Start what every town has; refuse a town that belongs to another home."""
    town = await client.start_workflow(
        "town",
        Index(home=str(home.root)),
        id="town",
        task_queue=QUEUE,
        task_timeout=TASK,
        memo={"home": str(home.root)},
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=attributes("town"),
    )
    owner = (await town.query("snapshot", result_type=Index)).home
    if owner != str(home.root):
        raise RgtError("refused", f"this Temporal namespace is the town of {owner}", "set another `namespace`")
    size = HostName(host=host, agents=config.limits.max_polecats, slots=max(2, os.cpu_count() or 1))

    async def start(kind: str, id: str, state: Host | Boot | Mayor) -> None:
        await client.start_workflow(
            kind,
            state,
            id=id,
            task_queue=QUEUE,
            task_timeout=TASK,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=attributes(kind),
        )

    new_host = Host(name=host, agents=size.agents, slots=size.slots)
    await asyncio.gather(
        start("host", f"host/{host}", new_host), start("mayor", "mayor", Mayor()), start("boot", "boot", Boot())
    )
    await asyncio.gather(
        client.get_workflow_handle(f"host/{host}").signal("resize", size),
        client.get_workflow_handle("boot").signal("back", HostName(host=host)),
    )


def host_id() -> str:
    """Name of this machine in the town."""
    name = "".join(c if c.isalnum() else "-" for c in socket.gethostname().split(".")[0].lower()).strip("-")[:24]
    return name if name and name[0].isalpha() else f"h-{name or 'ost'}"
