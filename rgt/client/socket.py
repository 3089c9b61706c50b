"""The transport over the worker's gateway: JSON lines on a unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from rgt.client.town import new_op_id
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import Operation
from rgt.model.rows import Row

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
VERSION = "1"
PATIENCE = 20.0
"""Seconds until a worker that has said nothing counts as not there: what it can say, it says in a tenth of that."""
LIMIT = 64 << 20
"""Bytes of a line at most: a snapshot of a large town is one line."""


@dataclass(frozen=True)
class SocketTown:
    """A town asked through the gateway of its worker."""

    home: Home
    token: str = ""
    patience: float = PATIENCE

    async def call(self, operation: Operation[A, R], args: A, op_id: str = "") -> R:
        """Carry out one operation; `unreachable` when no worker answers, or none in time: then nobody knows whether it
        was done, and repeating it with the same `op_id` does no harm."""
        op_id = op_id or new_op_id()
        reader, writer = await self._open()
        try:
            request = {
                "v": VERSION,
                "id": 1,
                "op": operation.name,
                "args": args.model_dump(mode="json", exclude_unset=True, by_alias=True),
                "op_id": op_id,
                "token": self.token,
            }
            writer.write(json.dumps(request).encode() + b"\n")
            answer = await _line(reader, None if operation.lasting else self.patience)
        except RgtError as e:
            e.data["op_id"] = op_id
            raise
        finally:
            writer.close()
        if "error" in answer:
            raise RgtError.from_dict(answer["error"])
        return operation.result.model_validate(answer["ok"])

    async def subscribe(self) -> AsyncGenerator[tuple[int, list[Row], bool], None]:
        """The town as it changes: first (seq, every row, True), then (seq, [the changed row], False)."""
        reader, writer = await self._open()
        try:
            writer.write(json.dumps({"v": VERSION, "id": 1, "op": "sub", "token": self.token}).encode() + b"\n")
            patience: float | None = self.patience
            while True:
                message = await _line(reader, patience)
                patience = None
                if "error" in message:
                    raise RgtError.from_dict(message["error"])
                if "rows" in message:
                    yield message["seq"], [Row.model_validate(r) for r in message["rows"]], True
                else:
                    yield message["seq"], [Row.model_validate(message["row"])], False
        finally:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A unix socket's path bears about 100 bytes: connect from inside its directory when it is longer.
        path = str(self.home.socket)
        with contextlib.ExitStack() as stack:
            if len(os.fsencode(path)) > 100:
                fd = os.open(self.home.runtime, os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, fd)
                path = f"/proc/self/fd/{fd}/socket"
            try:
                return await asyncio.open_unix_connection(path, limit=LIMIT)
            except OSError as e:
                said = "no worker answers" if self.home.env_json.exists() else "the town does not run"
                raise RgtError("unreachable", said, "`rgt start`") from e


async def _line(reader: asyncio.StreamReader, patience: float | None) -> dict[str, Any]:
    try:
        async with asyncio.timeout(patience):
            line = await reader.readline()
    except TimeoutError as e:
        said = f"the worker has not answered within {patience:g} s; whether it was done is unknown"
        raise RgtError("unreachable", said, "see `rgt doctor`, and look before you repeat it") from e
    if not line.endswith(b"\n"):
        raise RgtError("unreachable", "the worker went away in the middle of its answer", "try again")
    return json.loads(line)  # type: ignore[no-any-return]
