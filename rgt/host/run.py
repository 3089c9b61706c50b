"""Running other programs: argument lists, no stdin, a timeout, their own process group, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rgt.model.errors import RgtError


@dataclass(frozen=True)
class Done:
    """A program that ended: exit code (negative: killed by that signal) and what it printed."""

    code: int
    out: str
    err: str


async def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    stdin: bytes | None = None,
    errors: str = "replace",
) -> Done:
    """Run `argv` and wait; on timeout or cancellation its whole process group dies.

    `env` replaces the environment when given; `errors` is what becomes of output that is not UTF-8. Raises
    `RgtError("missing")` when the program is not there and `RgtError("failed")` on timeout; a non-zero exit is for the
    caller to judge.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as e:
        if cwd is not None and not cwd.is_dir():
            raise RgtError("not_found", f"directory {cwd} is gone") from e
        raise RgtError("missing", f"{argv[0]} is not installed", "see `rgt install --check`") from e
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(stdin)
    except TimeoutError as e:
        raise RgtError("failed", f"{argv[0]} gave no answer within {timeout:g} s: {' '.join(argv)[:200]}") from e
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(errors=errors), err.decode(errors="replace"))


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that `pid` leads; a group that is gone is fine."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
