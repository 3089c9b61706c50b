"""Running a gate: the one place where a shell line is run, the one that the owner of the rig wrote."""

from __future__ import annotations

import asyncio
import errno
import os
import time
import uuid
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rgt.host import processes
from rgt.host.git import LOCAL
from rgt.host.run import kill_group
from rgt.model.gateoutcome import classify, tail
from rgt.model.queue import GateResult, GateSpec

LOG_LIMIT = 20_000_000
"""Bytes of output that are kept; of what comes after them only the end is."""
END_KEPT = 64_000
"""Bytes of the end of the output that are kept in any case."""
BEAT = 1.0
"""Seconds between two calls of `beat`."""
MARK = "RGT_GATE"
"""Environment variable by which every process of a gate is found again, wherever it went."""


async def run_gate(
    spec: GateSpec, tree: Path, log: Path, env: Mapping[str, str], beat: Callable[[int], None]
) -> GateResult:
    """Run a gate's command in the directory `tree` and judge how it ended.

    The output goes to the file `log` (cut at 20 MB, with a note and the last 64 KB); `beat` hears about once a second
    how many bytes were printed. The environment is the worker's without `GTR_*`, `RGT_*`, git's and tmux's variables,
    and `env` over it. At the end, by itself, by timeout or by cancellation, every process of the gate is killed, also
    those that left its process group. No exception but `CancelledError` comes out: what went wrong on this machine is
    an `infra_error`.
    """
    start = time.monotonic()
    nonce = uuid.uuid4().hex
    log.parent.mkdir(parents=True, exist_ok=True)

    def result(code: int | None, judged: tuple[str, str], end: bytes = b"") -> GateResult:
        outcome, reason = judged
        return GateResult.model_validate({
            "name": spec.name, "outcome": outcome, "reason": reason, "exit_code": code, "log": str(log),
            "seconds": round(time.monotonic() - start, 3), "tail": tail(end),
        })  # fmt: skip

    try:
        output = _Output(log)
    except OSError as e:
        return result(None, ("infra_error", _disk(e)))
    with output:
        try:
            process = await asyncio.create_subprocess_exec(
                "sh", "-c", spec.run, cwd=tree, env=gate_env(env, nonce), start_new_session=True,
                stdin=DEVNULL, stdout=output.write_end, stderr=STDOUT,
            )  # fmt: skip
        except OSError as e:
            return result(None, ("infra_error", f"cannot start: {e.strerror}"))
        output.started()
        try:
            code = await _wait(process, spec.timeout_seconds, output, beat)
        finally:
            await _leave_nothing(process, nonce)
        output.drain()
        beat(output.size)
        if code is None:
            return result(None, ("infra_error", f"timeout after {spec.timeout_seconds:g} s"), output.end)
        if output.trouble:
            return result(code, ("infra_error", _disk(output.trouble)), output.end)
        judged = classify(code, spec.run, output.end.decode(errors="replace"))
        if judged[1] == "no tests collected" and output.size > len(output.end):
            # Somebody ran no tests at the end; did anybody run some before?
            whole = await asyncio.to_thread(log.read_text, errors="replace")
            judged = classify(code, spec.run, whole)
        return result(code, judged, output.end)


def gate_env(env: Mapping[str, str], nonce: str) -> dict[str, str]:
    """Environment of a gate: nothing in it leads back to the town, to its tmux server or to another repository."""
    ours = ("GTR_", "RGT_", "TMUX")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(ours) and k not in LOCAL}
    return {**clean, **env, MARK: nonce}


async def _wait(process: Process, timeout: float, output: _Output, beat: Callable[[int], None]) -> int | None:
    """Exit code of the shell, None when it took longer than `timeout` seconds."""
    ended = asyncio.ensure_future(process.wait())
    stop = time.monotonic() + timeout
    try:
        while (left := stop - time.monotonic()) > 0:
            done, _ = await asyncio.wait({ended}, timeout=min(BEAT, left))
            if done:
                return ended.result()
            beat(output.size)
        return None
    finally:
        ended.cancel()


async def _leave_nothing(process: Process, nonce: str) -> None:
    """Kill what is left of the gate: its process group, then whoever carries its mark."""
    leader = processes.identify(process.pid) or processes.Proc(process.pid, 0)
    kill_group(process.pid)
    if processes.find_by_env(MARK, nonce):
        await processes.end(leader, grace=0.0, mark={MARK: nonce})
    await process.wait()


def _disk(e: OSError) -> str:
    return "disk full" if e.errno in (errno.ENOSPC, errno.EDQUOT) else f"cannot write the log: {e.strerror}"


class _Output:
    """What a gate prints: a pipe whose read end is emptied into the log by the event loop."""

    def __init__(self, log: Path) -> None:
        self.size = 0
        """Bytes printed so far."""
        self.end = b""
        """The last bytes printed."""
        self.trouble: OSError | None = None
        """Why the log could not be written."""
        self._log = log.open("wb", buffering=0)
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._kept = 0

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.get_running_loop().remove_reader(self._read_end)
        os.close(self._read_end)
        self._close_write_end()
        if self.size > self._kept:
            note = f"\n[rgt: {self.size - self._kept} bytes were left out; the last {len(self.end)} follow]\n"
            self._write(note.encode() + self.end)
        with suppress(OSError):
            self._log.close()

    def started(self) -> None:
        """The child has its copy of the write end: from now on read."""
        self._close_write_end()
        asyncio.get_running_loop().add_reader(self._read_end, self._read)

    def drain(self) -> None:
        """Take what is still in the pipe."""
        while self._read():
            continue

    def _close_write_end(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def _read(self) -> bool:
        try:
            data = os.read(self._read_end, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            # At its end the pipe stays readable for ever; the loop must not hear of it again.
            asyncio.get_running_loop().remove_reader(self._read_end)
            return False
        self.size += len(data)
        self.end = (self.end + data)[-END_KEPT:]
        if self._kept < LOG_LIMIT:
            data = data[: LOG_LIMIT - self._kept]
            self._kept += len(data)
            self._write(data)
        return True

    def _write(self, data: bytes) -> None:
        if self.trouble:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[self._log.write(view) :]
        except OSError as e:
            self.trouble = e
