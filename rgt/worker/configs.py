"""Watching rig.toml files: the files are the authority, and rigs are told when they change."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError
from watchfiles import Change, awatch

from rgt.host.config import read_rig, read_town
from rgt.host.prices import read_prices
from rgt.model.budgets import BudgetDefaults
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.messages import RigChanged

log = logging.getLogger(__name__)
LOOK_AGAIN = 5_000
"""Milliseconds after which the watcher wakes by itself; it costs nothing measurable."""


async def watch_rigs(client: Client, home: Home) -> None:
    """Tell each rig its configuration now and after each change; run until cancelled."""
    home.rigs.mkdir(parents=True, exist_ok=True)
    while True:
        rigs = sorted(p for p in home.rigs.iterdir() if p.is_dir() and not p.name.startswith("."))
        await asyncio.gather(*(tell_rig(client, home, p.name) for p in rigs if (p / "rig.toml").is_file()))
        # Only the directories themselves: below them lie whole work trees.
        async for changes in awatch(home.rigs, *rigs, recursive=False, rust_timeout=LOOK_AGAIN, watch_filter=_matters):
            names = {Path(path).parent.name for _, path in changes if path.endswith("rig.toml")}
            await asyncio.gather(*(tell_rig(client, home, name) for name in names))
            if any(Path(path).parent == home.rigs for _, path in changes):
                break


async def watch_town(client: Client, home: Home) -> None:
    """Tell the mayor what town.toml says of budgets, now and after each change; run until cancelled."""
    home.config.mkdir(parents=True, exist_ok=True)
    await tell_mayor(client, home)
    watched = {str(home.town_toml), str(home.prices)}
    async for changes in awatch(home.config, recursive=False, rust_timeout=LOOK_AGAIN):
        if any(path in watched for _, path in changes):
            await tell_mayor(client, home)


def _matters(change: Change, path: str) -> bool:
    name = Path(path).name
    return name == "rig.toml" or (not name.startswith(".") and "." not in name)


async def tell_mayor(client: Client, home: Home) -> None:
    """Tell the mayor the budgets of town.toml, and the mistake in it or in the prices."""
    told = BudgetDefaults()
    try:
        told.budget = read_town(home).budget
        read_prices(home)
    except RgtError as e:
        told.mistake = e.line()
    try:
        await client.get_workflow_handle("mayor").signal("budget_defaults", told)
    except RPCError as e:
        log.info("the mayor: %s", e.message)


async def tell_rig(client: Client, home: Home, name: str) -> None:
    """Tell one rig what its rig.toml says; with a mistake in it the rig keeps what it had and shows the mistake."""
    try:
        changed = RigChanged(config=read_rig(home, name).model_dump(mode="json", by_alias=True))
    except RgtError as e:
        changed = RigChanged(config={}, error=e.line())
    try:
        await client.get_workflow_handle(f"rig/{name}").signal("reconfigure", changed)
    except RPCError as e:
        log.info("rig %s: %s", name, e.message)
