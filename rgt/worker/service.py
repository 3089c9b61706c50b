"""The worker: Temporal workers, the feed, the watcher of agents and the gateway, built and run together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from rgt.client import temporal
from rgt.client.direct import Direct
from rgt.client.feed import Live
from rgt.client.reach import QUEUE, workflow_of
from rgt.client.town import Answerer
from rgt.host import trees
from rgt.host.config import read_env, read_town, write_env
from rgt.host.processes import environ, identify
from rgt.host.runtimes import presets
from rgt.host.sessions import Session
from rgt.host.supervisor import WRONG_CONFIGURATION
from rgt.host.tmux import Tmux
from rgt.host.watching import Watcher
from rgt.model.config import Role
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.messages import SessionEvent
from rgt.model.rows import Row
from rgt.model.runtime import choose
from rgt.worker import namespace
from rgt.worker.accounting import Accounting
from rgt.worker.activities.agents import AgentActivities
from rgt.worker.activities.rigs import RigActivities
from rgt.worker.activities.town import TownActivities
from rgt.worker.bells import Bells
from rgt.worker.configs import watch_rigs, watch_town
from rgt.worker.founding import host_id, open_town
from rgt.worker.gateway import Gateway
from rgt.worker.pools import Pools
from rgt.worker.sandbox import sandbox
from rgt.worker.tending import Tending, signal_agent
from rgt.worker.workflows import ALL

log = logging.getLogger(__name__)
STICKY = timedelta(seconds=2)
LATELY = 10_000
"""Milliseconds after its last change in which an item may still be busy."""
AT_ONCE = 10
"""Workflow tasks that the worker takes at the same time. With a hundred, each of a hundred changes is told when all are
made; with ten, the first are told while the last still wait. No activity that a task waits for may ask a workflow."""
SETTLED_WITHIN = 2.0
"""Seconds that a worker waits, when it is told to end, for what its entities are at."""


class Here:
    """This machine, as the operations see it."""

    def __init__(self, home: Home, host: str, live: Live) -> None:
        self.home = home
        self.host = host
        self.live = live

    async def rows(self) -> list[Row]:
        """Every row, from the live copy."""
        await self.live.ready.wait()
        return self.live.rows()

    async def seen(self, row: str, rev: int) -> None:
        """Wait until the live copy holds this change."""
        if row:
            await self.live.seen(row, rev)

    def branch(self, worktree: str) -> str:
        """The branch checked out in a worktree."""
        tree = trees.at(self.home, Path(worktree)) if worktree else None
        return trees.branch(tree) if tree else ""

    async def head(self, worktree: str) -> str:
        """The commit checked out in a worktree."""
        tree = trees.at(self.home, Path(worktree)) if worktree else None
        return await trees.head(tree) if tree else ""

    def default_runtime(self, role: str) -> str:
        """The configured runtime of agents."""
        return choose(read_town(self.home), None, role).runtime

    def fallback(self, role: str) -> str:
        """The configured runtime that takes over."""
        return str(getattr(read_town(self.home).roles, role, Role()).fallback)

    def runtimes(self) -> dict[str, bool]:
        """Known runtimes, and whether each can start here."""
        return presets.available(self.home)


async def serve(home: Home, answer: Answerer, rgt_bin: Path, host: str = "") -> None:
    """Run the worker of `home` until SIGTERM; raises `RgtError` when the town cannot be reached or is another's."""
    config = read_town(home)
    key = home.key.read_text().strip()
    host = host or host_id()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await _connected(home, stop)
    if client is None:
        return
    retention_days = config.temporal.retention_days if read_env(home).temporal_managed else 0
    await namespace.prepare(client, retention_days=retention_days)
    live = Live()
    tmux = Tmux(home.agents_tmux, home.tmux_conf)
    here = Here(home, host, live)
    direct = Direct(client, here)
    tending = Tending(client, home, tmux, direct.hearing, here.rows)
    accounting = Accounting(client, home)
    direct.hearing.event = accounting.heard

    async def seen(kind: str, session: Session) -> None:
        accounting.seen(kind, session)
        await tending.seen(kind, session)

    watcher = Watcher(tmux, seen, on_look=tending.look)
    town = TownActivities(client, home, key, host)
    pools = Pools(home)
    agents = AgentActivities(client, home, key, tmux, watcher, tending, accounting, pools, rgt_bin)
    rigs = RigActivities(home)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pools.close)
        await _reset_sticky(client)
        await stack.enter_async_context(_town_worker(client, town))
        await stack.enter_async_context(_host_worker(client, host, agents, tending, rigs))
        await open_town(client, home, host, config)
        feed = asyncio.create_task(live.run(client))
        stack.callback(feed.cancel)
        for watching in (watch_rigs, watch_town):
            stack.callback(asyncio.create_task(watching(client, home)).cancel)
        await live.ready.wait()
        stack.push_async_callback(_settled, client, live)
        bells = Bells(live, tending.ring)
        stack.callback(bells.close)
        gateway = Gateway(home, key, direct, live, answer, direct.hearing)
        await gateway.open()
        stack.push_async_callback(gateway.close)
        accounting.open(live)
        stack.push_async_callback(accounting.close)
        stack.push_async_callback(tending.close)
        stack.push_async_callback(watcher.close)
        _record(home)
        await _adopt(client, watcher, live.rows(), host)
        log.info("ready")
        await stop.wait()


async def _connected(home: Home, stop: asyncio.Event) -> Client | None:
    """A client of the town's Temporal, once it answers; None when the worker is to stop before."""
    env = read_env(home)
    connecting = temporal.connect_patiently(env.temporal_address, env.namespace, managed=env.temporal_managed)
    waiting = asyncio.create_task(connecting)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not waiting.done():
        waiting.cancel()
        return None
    return await waiting


def _town_worker(client: Client, town: TownActivities) -> Worker:
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=ALL,
        activities=[town.tell, town.plan, town.admit, town.check_proof, town.ended_state, town.reopen_rigs],
        workflow_runner=sandbox(),
        max_cached_workflows=5000,
        max_concurrent_workflow_tasks=AT_ONCE,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


def _host_worker(client: Client, host: str, agents: AgentActivities, tending: Tending, rigs: RigActivities) -> Worker:
    return Worker(
        client,
        task_queue=f"host.{host}",
        activities=[
            agents.start_agent,
            agents.end_agent,
            agents.start_crew,
            agents.end_crew,
            agents.remove_crew,
            rigs.found_rig,
            rigs.recycle,
            rigs.put_away,
            rigs.refine,
        ],
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def _reset_sticky(client: Client) -> None:
    """Make the server forget the queues of a worker that died: else the first answer waits for their time-out."""
    ids = [w.id async for w in client.list_workflows("ExecutionStatus='Running'")]

    async def reset(id: str) -> None:
        request = ResetStickyTaskQueueRequest(namespace=client.namespace, execution=WorkflowExecution(workflow_id=id))
        try:
            await client.workflow_service.reset_sticky_task_queue(request)
        except RPCError as e:
            log.debug("%s: %s", id, e.message)

    ids.sort(key=lambda id: id != "town")
    await asyncio.gather(*(reset(id) for id in ids))


async def _settled(client: Client, live: Live) -> None:
    """Wait until nothing is being thought about: a task that the server hands to a worker that is about to leave is
    lost, and its entity would answer the next worker only after `reach.TASK`."""
    since = time.time() * 1e3 - LATELY
    ids = {"town", *(workflow_of(row) for row in live.rows() if row.kind != "work" or row.updated > since)}

    async def busy(id: str) -> bool:
        try:
            seen = await client.get_workflow_handle(id).describe(rpc_timeout=timedelta(seconds=1))
        except RPCError:
            return False
        return seen.raw_description.HasField("pending_workflow_task")

    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN):
            while any(await asyncio.gather(*map(busy, ids))):  # noqa: ASYNC110 (nobody would set an event)
                await asyncio.sleep(0.01)


async def _adopt(client: Client, watcher: Watcher, rows: list[Row], host: str) -> None:
    """Take over the agents of this machine; those of which nothing is left, as after a reboot, are told missing."""
    found = {session.pid for session in await watcher.adopt()}
    for row in rows:
        agent = workflow_of(row)
        if row.kind not in ("polecat", "crew") or not row.pid or row.pid in found:
            continue
        if environ(row.pid).get("GTR_AGENT") != agent:
            await signal_agent(client, agent, SessionEvent(kind="missing", pid=row.pid, host=host))


def _record(home: Home) -> None:
    """Say in env.json that this worker runs."""
    env = read_env(home)
    me = identify(os.getpid())
    env.worker_pid, env.worker_start = (me.pid, me.started) if me else (0, 0)
    write_env(home, env)


def run(work: Awaitable[None]) -> int:
    """Run the worker's coroutine with logs on stderr; gives the exit code, 64 when trying again is no use."""
    logging.basicConfig(
        stream=sys.stderr,
        level=os.environ.get("RGT_LOG", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("temporalio").setLevel("WARNING")
    try:
        asyncio.run(_awaited(work))
    except RgtError as e:
        print(f"rgt: {e.line()}", file=sys.stderr, flush=True)
        return e.exit_code if e.code in ("unreachable", "failed") else WRONG_CONFIGURATION
    return 0


async def _awaited(work: Awaitable[None]) -> None:
    await work
