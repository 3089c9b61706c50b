"""The gateway: a unix socket that answers command lines of the CLI and JSON lines of editors and scripts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from rgt.client.feed import Live
from rgt.client.hearing import Hearing
from rgt.client.town import Answerer, Bound, Call, Server, new_op_id
from rgt.host.callers import must_be_person
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.operations import OPERATIONS, HookAnswer
from rgt.model.rows import Row
from rgt.model.tokens import Identity, identify

log = logging.getLogger(__name__)
VERSION = "1"
LARGEST = 1 << 20
"""Bytes of a request at most."""
OUT, ERR, END = 1, 2, 0
BACKLOG = 1000
"""Changes a slow subscriber may be behind before it is cut off; it connects again and gets a snapshot."""


class Gateway:
    """Serves the socket of one home."""

    def __init__(self, home: Home, key: str, server: Server, live: Live, answer: Answerer, hearing: Hearing) -> None:
        self.home = home
        self.key = key
        self.server = server
        self.live = live
        self.answer = answer
        self.hearing = hearing
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. The worker's directory is the home's `runtime`, so that long paths do not matter."""
        os.chdir(self.home.runtime)
        with contextlib.suppress(FileNotFoundError):
            os.unlink("socket.new")  # noqa: PTH108 (a relative path: unix sockets bear about 100 bytes)
        self._listening = await asyncio.start_unix_server(self._connected, "socket.new", backlog=512)
        os.chmod("socket.new", 0o600)  # noqa: PTH101
        os.rename("socket.new", "socket")  # noqa: PTH104

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._listening is not None:
            self._listening.close()
            with contextlib.suppress(FileNotFoundError):
                self.home.socket.unlink()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            pid = _peer(writer)
            first = await reader.readexactly(1)
            if first == b"\0":
                await self._command_line(reader, writer, pid)
            else:
                await self._json_lines(first, reader, writer, pid)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError, ValueError) as e:
            log.debug("a connection ended: %r", e)
        except Exception:
            log.exception("a connection failed")
        finally:
            writer.close()

    def _who(self, token: str, pid: int) -> Identity:
        """Who calls. Without a token it is a person, unless the call comes from inside an agent's session."""
        if token:
            return identify(self.key, token)
        if pid:
            must_be_person(self.home, pid)
        return Identity()

    # --- command lines: NUL-joined `v, op_id, cwd, columns, colour, token, argc, argv…`, the rest is stdin

    async def _command_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int) -> None:
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        if length > LARGEST:
            return
        fields = (await reader.readexactly(length)).decode(errors="surrogateescape").split("\0")
        if fields[0] != VERSION or len(fields) < 7:
            _frame(writer, ERR, b"version\n")
            _end(writer, 3)
            await writer.drain()
            return
        _, op_id, cwd, columns, colour, token, argc = fields[:7]
        argv = fields[7 : 7 + int(argc)]
        stdin = await _rest(reader) if "-" in argv else b""
        try:
            who = self._who(token, pid)
            call = Call(
                argv=argv,
                town=Bound(self.server, who),
                who=who,
                cwd=cwd,
                columns=int(columns),
                colour=colour[:1] == "1",
                ascii=colour[1:] == "a",
                stdin=stdin,
                op_id=op_id,
            )
            code, out, err = await self.answer(call)
        except RgtError as e:
            said = json.dumps({"error": e.as_dict()}) if "--json" in argv else f"rgt: {e.line()}"
            code, out, err = e.exit_code, "", said + "\n"
        if out:
            _frame(writer, OUT, out.encode(errors="surrogateescape"))
        if err:
            _frame(writer, ERR, err.encode(errors="surrogateescape"))
        _end(writer, code)
        await writer.drain()

    # --- JSON lines

    async def _json_lines(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int
    ) -> None:
        lock = asyncio.Lock()
        subscriptions: set[asyncio.Task[None]] = set()
        operations: set[asyncio.Task[None]] = set()
        receipts: list[str] = []

        async def send(message: dict[str, Any]) -> None:
            async with lock:
                writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
                await writer.drain()

        try:
            while line := first + await reader.readline():
                first = b""
                try:
                    request = _object(line)
                except RgtError as e:
                    await send({"id": None, "error": e.as_dict()})
                    continue
                tasks = subscriptions if request.get("op") == "sub" else operations
                task = asyncio.create_task(self._one(request, send, pid, receipts))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            for task in subscriptions:
                task.cancel()
            # What a caller has asked is done though it has left: a hook says that it has printed, and ends.
            await asyncio.gather(*operations, return_exceptions=True)
            self.hearing.hooks_gone(receipts)

    async def _one(
        self,
        request: dict[str, Any],
        send: Callable[[dict[str, Any]], Awaitable[None]],
        pid: int,
        receipts: list[str],
    ) -> None:
        id = request.get("id")
        try:
            if str(request.get("v", VERSION)) != VERSION:
                raise RgtError("version", f"this worker speaks version {VERSION}", "use the rgt of the same version")
            who = self._who(str(request.get("token", "")), pid)
            if request.get("op") == "sub":
                await self._subscribe(request, send)
                return
            name = str(request.get("op"))
            operation = OPERATIONS.get(name)
            if operation is None:
                raise RgtError("usage", f"there is no operation {name[:40]!r}", "see docs/json.md")
            args = operation.args.model_validate(request.get("args") or {})
            result = await self.server.serve(operation, args, who, str(request.get("op_id") or new_op_id()))
            if isinstance(result, HookAnswer) and result.receipt:
                receipts.append(result.receipt)
            await send({"id": id, "ok": result.model_dump(mode="json")})
        except RgtError as e:
            await send({"id": id, "error": e.as_dict()})
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(p) for p in first["loc"])
            await send({"id": id, "error": RgtError("usage", f"{where}: {first['msg']}").as_dict()})
        except ConnectionError:
            return
        except Exception as e:
            log.exception("operation failed: %s", str(request.get("op"))[:40])
            await send({"id": id, "error": RgtError("internal", f"{type(e).__name__}: {e}"[:300]).as_dict()})

    async def _subscribe(self, request: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        queue: asyncio.Queue[tuple[int, Row]] = asyncio.Queue(BACKLOG)
        behind = asyncio.Event()

        def take(seq: int, row: Row) -> None:
            try:
                queue.put_nowait((seq, row))
            except asyncio.QueueFull:
                behind.set()

        leave = self.live.listen(take)
        try:
            if request.get("since") != self.live.seq:
                rows = [r.model_dump(mode="json") for r in self.live.rows()]
                await send({"id": request.get("id"), "seq": self.live.seq, "rows": rows})
            while not behind.is_set():
                seq, row = await queue.get()
                await send({"seq": seq, "row": row.model_dump(mode="json")})
        finally:
            leave()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What the caller sends until it closes its side, at most `LARGEST` bytes."""
    parts, size = [], 0
    while size <= LARGEST and (part := await reader.read(65536)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _object(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as e:
        raise RgtError("usage", "a request is one line of JSON", "see docs/json.md") from e
    if not isinstance(request, dict):
        raise RgtError("usage", "a request is a JSON object", "see docs/json.md")
    return request


def _frame(writer: asyncio.StreamWriter, channel: int, data: bytes) -> None:
    writer.write(struct.pack("!BI", channel, len(data)) + data)


def _end(writer: asyncio.StreamWriter, code: int) -> None:
    _frame(writer, END, bytes([code & 0xFF]))


def _peer(writer: asyncio.StreamWriter) -> int:
    """Pid of the caller; a caller of another user is refused. 0 where the system does not tell the pid."""
    connection = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid not in (os.getuid(), 0):
        raise ConnectionError(f"a process of user {uid} was refused")
    return int(pid)
