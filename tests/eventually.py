"""Waiting for what must become true, without sleeping for a guess.

Between two looks lies twice the time that one takes, so that what is waited for has the machine."""

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
        begun = time.monotonic()
        got = probe()
        if got:
            return got
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"not within {timeout} s: {what or probe}; last seen: {got!r}")
        time.sleep(max(every, 2 * (now - begun)))


async def aeventually(
    probe: Callable[[], Awaitable[T | Literal[False] | None]],
    timeout: float = 10.0,
    every: float = 0.02,
    what: str = "",
) -> T:
    """As `eventually`, for a coroutine function."""
    end = time.monotonic() + timeout
    while True:
        begun = time.monotonic()
        got = await probe()
        if got:
            return got
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"not within {timeout} s: {what or probe}; last seen: {got!r}")
        await asyncio.sleep(max(every, 2 * (now - begun)))
