"""Waiting for what must become true, without sleeping for a guess."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def eventually(
    probe: Callable[[], T | Literal[False] | None], timeout: float = 10.0, every: float = 0.02, what: str = ""
) -> T:
    """The first true value of `probe`; an AssertionError with the last value after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what or probe}; last seen: {got!r}")
        time.sleep(every)


async def aeventually(
    probe: Callable[[], Awaitable[T | Literal[False] | None]],
    timeout: float = 10.0,
    every: float = 0.02,
    what: str = "",
) -> T:
    """As `eventually`, for a coroutine function."""
    end = time.monotonic() + timeout
    while True:
        got = await probe()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what or probe}; last seen: {got!r}")
        await asyncio.sleep(every)
