"""Becoming the worker: in the foreground, or under the supervisor that keeps it.

The supervisor of the worker imports what the worker runs and forks it, so that one that was killed is back at once:
the imports are three quarters of a start."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator

from rgt.host import supervisor
from rgt.model.home import Home


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """For imports: what comes in here is never looked through for garbage, now or later, when agents would wait."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load(home: Home, host: str = "") -> Callable[[], int]:
    """Import all that a worker needs; gives the function that is the worker, which answers command lines of others
    with the very same code as they have. It must leave no thread running: the function may be called after a fork."""
    with kept():
        from rgt.cli.answer import answer
        from rgt.cli.app import program
        from rgt.cli.lifecycle import rgt_bin
        from rgt.client.town import Call
        from rgt.worker.service import run, serve

        program()

    async def answer_for(call: Call) -> tuple[int, str, str]:
        done = await answer(call, home)
        return done.code, "".join(done.out), "".join(done.err)

    return lambda: run(serve(home, answer_for, rgt_bin(), host))


def prepare() -> None:
    """Build what the first worker has built one by one, for the next, which is to answer at once."""
    from rgt.model.base import build

    with kept():
        build()


if __name__ == "__main__":
    sys.exit(supervisor.main(sys.argv[1:], functools.partial(load, Home.of(os.environ)), prepare))
