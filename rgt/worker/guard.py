"""How errors leave an activity, and how it says that it lives."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from temporalio import activity

from rgt.model.errors import RgtError
from rgt.worker.entity import as_failure

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
BEAT = 1.0


def guarded(
    function: Callable[Concatenate[S, P], Awaitable[T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """An activity that heartbeats every second; a refusal is final, anything else is tried again."""

    @functools.wraps(function)
    async def wrapper(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
        beating = asyncio.create_task(_beat())
        try:
            return await function(self, *args, **kwargs)
        except RgtError as e:
            raise as_failure(e) from e
        finally:
            beating.cancel()

    return cast(Callable[Concatenate[S, P], Coroutine[Any, Any, T]], wrapper)


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT)
