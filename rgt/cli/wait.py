"""Waiting for an outcome, by the change feed."""

from __future__ import annotations

import asyncio

from rgt.cli.session import Session
from rgt.model import operations as ops

ENDS = ("merged", "closed", "failed", "blocked", "open")
"""States in which `--wait` stops waiting."""


async def wait_for_item(s: Session, item: str) -> str:
    """Wait until the item is merged, closed, blocked or back; gives its state."""
    while True:
        state = str((await s.ask(ops.WORK_SHOW, ops.Id(id=item))).value["state"])
        if state in ENDS:
            return state
        await asyncio.sleep(0.1)
