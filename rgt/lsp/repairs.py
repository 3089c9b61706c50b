"""What pygls 2.1.1 does wrong, put right in one place. `tests/lsp/test_repairs.py` shows each defect in pygls as it is:
when one of those tests fails, pygls has mended it and the repair of that number goes."""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any
from weakref import ref

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import JsonRPCRequestMessage, JsonRPCResponseMessage, LanguageServerProtocol, lsp_method
from pygls.workspace import TextDocument, Workspace

from rgt.model.errors import RgtError

log = logging.getLogger(__name__)
LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
"""Lines as the protocol has them."""
REQUEST_FAILED = -32803
"""The protocol's code for a request that was right and could not be carried out."""


class Futures(dict[Any, Any]):
    """Repair 5: `shutdown` goes through these while it cancels them, and cancelling removes them."""

    def items(self) -> Any:
        """A copy."""
        return list(super().items())


class Document(TextDocument):
    """Repair 9: `str.splitlines` ends lines at form feeds and other signs too, at which no editor does, so that every
    edit behind one hits the wrong place."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends."""
        return LINES.findall(self.source)


class Documents(Workspace):
    """A workspace of such documents."""

    def _create_text_document(self, *args: Any, **kwargs: Any) -> TextDocument:
        made = super()._create_text_document(*args, **kwargs)
        made.__class__ = Document
        return made


def failure(e: RgtError) -> JsonRpcException:
    """A refusal of the town as an error response: one line for people, the whole as data."""
    kind = JsonRpcInvalidParams.CODE if e.code == "usage" else REQUEST_FAILED
    return JsonRpcException(e.line(), kind, e.as_dict())


def _cancel_too(inner: ref[Future[Any]], outer: Future[Any]) -> None:
    if outer.cancelled() and (running := inner()) is not None:
        running.cancel()


class Protocol(LanguageServerProtocol):
    """The protocol of pygls with eleven repairs. `ended` is told how the process shall end."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self._request_futures = Futures()
        self.ended: Callable[[int], None] = lambda code: None
        self._begun = False

    # --- what comes in

    def receive(self, body: bytes) -> None:
        """Take one message. Repair 7: whatever is wrong with a request, it is answered."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as e:
            self._refuse(None, JsonRpcParseError(f"this is no JSON: {str(e)[:80]}"))
            return
        id = data.get("id") if isinstance(data, dict) else None
        named = isinstance(id, str | int) and not isinstance(id, bool)
        if not isinstance(data, dict) or data.get("jsonrpc") != self.VERSION or ("id" in data and not named):
            known = id if named else None
            self._refuse(known, JsonRpcInvalidRequest("a message is an object with jsonrpc 2.0 and an id or a method"))
            return
        if "method" not in data:
            self._answered(id, data)
        elif not isinstance(data["method"], str):
            self._refuse(id, JsonRpcInvalidRequest("a method is a name"))
        elif (refusal := self._untimely(data["method"])) is not None:
            if id is not None:
                self._refuse(id, refusal)
        else:
            self._take(id, data)

    def oversized(self, length: int) -> None:
        """A message was too long to be read."""
        self._refuse(None, JsonRpcInvalidRequest(f"a message of {length} bytes is too long"))

    def hung_up(self) -> None:
        """The editor is gone."""
        self.ended(0 if self._shutdown else 1)

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Why this is not the time for a message. Repair 8: pygls answers no request that comes after `shutdown`."""
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("the server is shut down")
        if method == types.INITIALIZE:
            return JsonRpcInvalidRequest("the server is initialized") if self._begun else None
        if not self._begun:
            return JsonRpcServerNotInitialized("first comes `initialize`")
        known = method in self.fm.builtin_features or method in self.fm.features or method == types.CANCEL_REQUEST
        return None if known else JsonRpcMethodNotFound.of(method[:60])

    def _take(self, id: Any, data: dict[str, Any]) -> None:
        method = data["method"]
        kind = self.get_message_type(method) or JsonRPCRequestMessage
        if id is not None and not any(a.name == "id" for a in kind.__attrs_attrs__):
            self._refuse(id, JsonRpcInvalidRequest(f"{method} is a notification and has no answer"))
            return
        try:
            message = self._converter.structure(data, kind)
        except Exception as e:
            log.debug("a message of a wrong form: %s", method)
            if id is not None:
                said = f"the parameters of {method} have a wrong form"
                self._refuse(id, JsonRpcInvalidParams(said, data={"cause": type(e).__name__}))
            return
        if method == types.INITIALIZE:
            self._begun = True
        try:
            self.handle_message(message)
        except Exception as e:
            # Nothing that one message does may end the connection.
            log.exception("%s broke", method)
            if id is not None:
                self._refuse(id, JsonRpcException(f"{type(e).__name__}: {e}"[:300]))

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        # Repair 11: a name that cannot be one ended the connection.
        if isinstance(msg_id, str | int):
            super()._handle_cancel_notification(msg_id)

    def _answered(self, id: Any, data: dict[str, Any]) -> None:
        if id not in self._request_futures:
            return
        try:
            # Repair 6: the type of an answer that is an error was kept for ever.
            kind = self._result_types.pop(id, None) or JsonRPCResponseMessage
            message = self._converter.structure(data, types.ResponseErrorMessage if "error" in data else kind)
            self._handle_response(id, getattr(message, "result", None), getattr(message, "error", None))
        except Exception:
            future = self._request_futures.pop(id, None)
            if future is not None and not future.done():
                future.set_exception(JsonRpcInvalidRequest("the editor's answer has a wrong form"))

    def _refuse(self, id: Any, error: JsonRpcException) -> None:
        self._send_data({"jsonrpc": self.VERSION, "id": id, "error": {"code": error.code, "message": error.message}})

    # --- what is carried out

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: dict[str, Any] | None = None
    ) -> None:
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        inner = self._request_futures.get(msg_id)
        if inner is None:
            return
        # Repair 1: futures of notifications and of what generators call were kept for ever.
        # Neither callback may hold its own future: a future keeps them, and its answer would wait for the collector.
        inner.add_done_callback(partial(self._forget, msg_id))
        # Repair 2: cancelling a command left what it does running.
        if isinstance(callback, partial) and (outer := callback.keywords.get("result_future")) is not None:
            outer.add_done_callback(partial(_cancel_too, ref(inner)))

    def _send_handler_result(self, future: Any, *, msg_id: Any) -> None:
        broken = None if future.cancelled() else future.exception()
        if isinstance(broken, RgtError):
            broken = failure(broken)
        if isinstance(broken, JsonRpcException):
            # A refusal is an answer, and no bug whose traceback anybody wants.
            self._request_futures.pop(msg_id, None)
            self._send_response(msg_id, error=broken.to_response_error())
            return
        super()._send_handler_result(future, msg_id=msg_id)

    def _forget(self, msg_id: Any, future: Any) -> None:
        if self._request_futures.get(msg_id) is future:
            self._request_futures.pop(msg_id)

    def _run_generator(self, future: Any, *, gen: Any, result_future: Future[Any]) -> None:
        # Repair 3: a handler that was cancelled raised into the event loop, and its request was never answered.
        if future is not None and future.cancelled():
            result_future.cancel()
            return
        super()._run_generator(future, gen=gen, result_future=result_future)

    def _handle_response(self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None) -> None:
        # Repair 4: a late answer to what nobody waits for any more raised (pygls #621).
        future = self._request_futures.get(msg_id)
        if future is not None and future.done():
            self._request_futures.pop(msg_id, None)
            return
        super()._handle_response(msg_id, result, error)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer `initialize`."""
        result: types.InitializeResult = yield from super().lsp_initialize(params)
        # Repair 10: the builder of capabilities does not know of documents that the server has.
        content, told = types.WORKSPACE_TEXT_DOCUMENT_CONTENT, params.capabilities.workspace
        wanted = told.text_document_content if told is not None else None
        if content in self.fm.features and wanted is not None and not wanted.dynamic_registration:
            assert result.capabilities.workspace is not None
            result.capabilities.workspace.text_document_content = self.fm.feature_options[content]
        made = self.workspace
        self._workspace = Documents(
            made.root_uri, made._sync_kind, params.workspace_folders or [], made.position_encoding
        )
        return result

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        """Carry out a command. Its handler is given the arguments as they came, and checks them itself."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            near = difflib.get_close_matches(params.command, self.fm.commands, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "see docs/lsp.md"
            raise RgtError("usage", f"there is no command {params.command[:60]!r}", hint)
        return (yield handler, tuple(params.arguments or ()), None)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]  # a handler needs no steps
        """Leave. pygls raises `SystemExit` here, which its own loop swallows: the exit code was always 0."""
        self.ended(0 if self._shutdown else 1)
