"""What is wrong with a town as Temporal has it: the part of `rgt doctor` that asks workflows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client, RPCError, WorkflowHandle, WorkflowQueryFailedError

import rgt
from rgt.client.socket import SocketTown
from rgt.client.temporal import connect
from rgt.host.config import Env, read_env, read_town
from rgt.host.install import Check
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.town import Boot, Index
from rgt.worker import namespace
from rgt.worker.founding import host_id, open_town

ASKED = 500
"""How many workflows are asked at most, those that are not work items first."""
AT_ONCE = 50
ANSWER_WITHIN = timedelta(seconds=5)


async def examine(home: Home) -> list[Check]:
    """Look at everything that only Temporal and the workflows know; nothing is changed."""
    env = read_env(home)
    if not env.temporal_address:
        return [Check(name="town", ok=None, cause="the town does not run", remedy="`rgt start`")]
    try:
        client = await connect(env.temporal_address, env.namespace)
    except RgtError as e:
        return [Check(name="temporal answers", ok=False, cause=e.message, remedy=e.hint)]
    found = [Check(name="temporal answers", ok=True, cause=f"{env.temporal_address}, namespace {env.namespace}")]
    for name, probe in PROBES.items():
        try:
            checks = [c.model_copy(update={"name": name}) async for c in probe(client, home, env)]
        except (RgtError, RPCError) as e:
            checks = [Check(name=name, ok=False, cause=f"could not be checked: {e}", remedy="see `rgt sessions`")]
        found += checks or [Check(name=name, ok=True)]
    return found


async def fix(home: Home, checks: list[Check]) -> list[str]:
    """Repair what is `fixable` in `checks` and say what was done, a line each."""
    wrong = [c.name for c in checks if not c.ok and c.fixable and c.name in FIXES]
    if not wrong:
        return []
    env = read_env(home)
    client = await connect(env.temporal_address, env.namespace)
    done = []
    for name in dict.fromkeys(wrong):
        try:
            done.append(f"{name}: {await FIXES[name](client, home)}")
        except (RgtError, RPCError) as e:
            done.append(f"{name}: not repaired: {e}")
    return done


async def _worker(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    try:
        await asyncio.wait_for(SocketTown(home).call(ops.NEEDS, ops.RigFilter()), 10)
    except (RgtError, TimeoutError) as e:
        cause = e.message if isinstance(e, RgtError) else "no answer within 10 s"
        yield Check.bad(cause, f"`rgt start`; what it last said is in {home.logs / 'worker.log'}")


async def _version(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    if env.version and env.version != rgt.__version__:
        cause = f"the town was started by rgt {env.version}, this is {rgt.__version__}"
        yield Check.bad(cause, "`rgt stop`, then `rgt start`")
    else:
        yield Check.good(rgt.__version__)


async def _attributes(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    if lacking := await namespace.missing_attributes(client):
        yield Check.bad(f"{', '.join(lacking)} are not registered", "`rgt doctor --fix`", fixable=True)


async def _retention(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    days, wanted = (await namespace.retention(client)).days, read_town(home).temporal.retention_days
    if days < wanted:
        remedy = "`rgt doctor --fix`" if env.temporal_managed else "let its administrator raise the retention"
        cause = f"ended things are kept {days} days, town.toml says {wanted}"
        yield Check.warn(cause, remedy, fixable=env.temporal_managed)
    else:
        yield Check.good(f"{days} days")


async def _owner(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    owner = (await _ask(client.get_workflow_handle("town"), "snapshot", Index)).home
    if owner != str(home.root):
        yield Check.bad(f"this namespace is the town of {owner}", "set another `namespace` in town.toml")


async def _open(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    running = {w.id async for w in client.list_workflows("ExecutionStatus='Running'")}
    wanted = {"town", "boot", "mayor"}
    if "boot" in running:
        boot = await _ask(client.get_workflow_handle("boot"), "show", dict[str, Any])
        state = Boot.model_validate(boot)
        wanted |= {f"host/{h}" for h in state.hosts} | set(state.crew)
        wanted |= {f"{kind}/{rig}" for rig in state.rigs for kind in ("rig", "witness", "refinery")}
    if lacking := sorted(wanted - running):
        shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        fixable = all(id.partition("/")[0] in ("boot", "mayor", "host", "rig") for id in lacking)
        remedy = "`rgt doctor --fix` opens them" if fixable else "remove the rig and add it again: its work is kept"
        yield Check.bad(f"not open: {shown}", remedy, fixable=fixable)
    else:
        yield Check.good(f"{len(running)} open")


async def _faults(client: Client, home: Home, env: Env) -> AsyncIterator[Check]:
    ids = [w.id async for w in client.list_workflows("ExecutionStatus='Running'") if w.id != "town"]
    ids.sort(key=lambda id: (id.startswith("work/"), id))
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(id: str) -> Check | None:
        async with gate:
            try:
                state = await _ask(client.get_workflow_handle(id), "show", dict[str, Any])
            except (RPCError, WorkflowQueryFailedError) as e:
                return Check.bad(f"{id} does not answer: {e}"[:200], f"see {home.logs / 'worker.log'}")
        said = state.get("faults") or []
        return Check.bad(f"{id} could not handle: {said[-1]}", "report it with this line") if said else None

    for check in await asyncio.gather(*(look(id) for id in ids[:ASKED])):
        if check is not None:
            yield check
    if len(ids) > ASKED:
        yield Check.warn(f"{len(ids) - ASKED} of {len(ids)} workflows were not asked", "`rgt work show ID` asks one")


async def _ask(handle: WorkflowHandle[Any, Any], query: str, result: type[Any]) -> Any:
    return await handle.query(query, result_type=result, rpc_timeout=ANSWER_WITHIN)


Probe = Callable[[Client, Home, Env], AsyncIterator[Check]]
PROBES: dict[str, Probe] = {
    "worker answers": _worker,
    "version": _version,
    "search attributes": _attributes,
    "retention": _retention,
    "owner": _owner,
    "workflows": _open,
    "faults": _faults,
}


async def _fix_attributes(client: Client, home: Home) -> str:
    await namespace.prepare(client)
    return "registered"


async def _fix_retention(client: Client, home: Home) -> str:
    days = read_town(home).temporal.retention_days
    await namespace.prepare(client, retention_days=days)
    return f"{days} days from now on"


async def _fix_open(client: Client, home: Home) -> str:
    hosts = [w.id async for w in client.list_workflows("RgtKind='host'")]
    await open_town(client, home, hosts[0].removeprefix("host/") if hosts else host_id(), read_town(home))
    return "opened what was missing"


FIXES: dict[str, Callable[[Client, Home], Awaitable[str]]] = {
    "search attributes": _fix_attributes,
    "retention": _fix_retention,
    "workflows": _fix_open,
}
