"""The server: one editor on one side, the town on the other, features in between that know nothing of each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

from lsprotocol import types
from pydantic import BaseModel
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter
from pygls.workspace import TextDocument

import rgt
from rgt.client.here import Outside
from rgt.client.town import new_op_id
from rgt.host import processes
from rgt.lsp import features, link
from rgt.lsp.details import Details
from rgt.lsp.documents import Documents
from rgt.lsp.editor import Editor
from rgt.lsp.listening import tell
from rgt.lsp.mentions import Mention, Mentions
from rgt.lsp.offers import Offers
from rgt.lsp.registry import PREFIX, Command
from rgt.lsp.registry import link as link_to
from rgt.lsp.repairs import Protocol
from rgt.lsp.settings import Settings
from rgt.lsp.sink import DiagnosticSink
from rgt.lsp.stale import Stale
from rgt.lsp.town import Town
from rgt.model.home import Home
from rgt.model.operations import Operation

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
log = logging.getLogger(__name__)


class RgtServer(LanguageServer):
    """What features are given: the town, the editor, and how to offer something to it."""

    protocol: Protocol

    def __init__(self, outside: Outside) -> None:
        super().__init__("rgt", rgt.__version__, protocol_cls=Protocol, converter_factory=default_converter)
        self.outside = outside
        """The way to the town, and who we are in it."""
        self.town = Town()
        """The live copy, which answers everything else."""
        self.sink = DiagnosticSink(self)
        self.stale = Stale(self)
        self.mentions = Mentions()
        self.documents = Documents(self)
        self.settings = Settings(self)
        self.commands: dict[str, Command] = {}
        """The workspace commands that are announced."""
        self._offers = Offers()
        self._ended: asyncio.Future[int] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_command: list[Callable[[BaseModel], None]] = []
        self.details = Details(self)
        self._at_start: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._editor: Editor | None = None
        self._process: processes.Proc | None = None
        self.protocol.ended = self.end
        self.protocol.fm.feature(types.INITIALIZE)(partial(self.greet))
        self.protocol.fm.feature(types.INITIALIZED)(partial(self._initialized))

    @property
    def home(self) -> Home:
        """The home of the town."""
        return self.outside.home

    @property
    def editor(self) -> Editor:
        """The editor, once it has introduced itself: features are registered only then."""
        assert self._editor is not None
        return self._editor

    # --- for features

    def offer(self, method: str, handler: Callable[[Any], Any], options: Any = None) -> bool:
        """Answer a request or notification of the editor; False when it has not announced that it sends such.

        `handler` is given the parameters and must not wait for the network. Several features may answer the same
        request: lists are joined, hovers put one below the other (`rgt.lsp.offers`)."""
        if not self.editor.asks(method):
            return False
        self._offers.add(method, handler, options)
        return True

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something in the background: it is logged when it breaks, and ends with the server."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def on_text(self, take: Callable[[TextDocument], None]) -> None:
        """Call `take` with every document that is opened or edited."""

        def opened(params: types.DidOpenTextDocumentParams | types.DidChangeTextDocumentParams) -> None:
            if (document := self.document(params.text_document.uri)) is not None:
                take(document)

        self.offer(types.TEXT_DOCUMENT_DID_OPEN, opened)
        self.offer(types.TEXT_DOCUMENT_DID_CHANGE, opened)

    def on_close(self, take: Callable[[str], None]) -> None:
        """Call `take` with the URI of every document that is closed."""
        self.offer(types.TEXT_DOCUMENT_DID_CLOSE, lambda params: take(params.text_document.uri))

    def at_start(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call `begin` once the editor has said `initialized`: from then on requests may be sent to it."""
        self._at_start.append(begin)

    def document(self, uri: str) -> TextDocument | None:
        """An open document."""
        found: TextDocument | None = self.workspace.text_documents.get(unquote(uri))
        return found

    def mentions_of(self, uri: str) -> list[Mention]:
        """The items and agents that an open document names."""
        document = self.document(uri)
        return self.mentions.of(document) if document is not None else []

    def mention_at(self, uri: str, position: types.Position) -> Mention | None:
        """What an open document names at a position."""
        return next((m for m in self.mentions_of(uri) if m.holds(position)), None)

    def show_command(self, title: str, id: str) -> types.Command:
        """The command that shows an item or agent: the editor's own, if it has one, else ours."""
        return link_to("rgt.show" if self.editor.command("rgt.show") else f"{PREFIX}show", title, id=id)

    def markup(self, formats: str, text: str) -> types.MarkupContent:
        """Markdown, for an editor that has announced it at `formats`, else the same as plain text."""
        if types.MarkupKind.Markdown in (self.editor.get(formats) or ()):
            return types.MarkupContent(types.MarkupKind.Markdown, text)
        return types.MarkupContent(types.MarkupKind.PlainText, text.replace("**", "").replace("### ", ""))

    async def call(self, operation: Operation[A, R], args: A) -> R:
        """Ask the worker. Only commands and what runs in the background may wait for it."""
        return await self.outside.socket.call(operation, args, new_op_id())

    async def operate(self, operation: Operation[A, R], args: A) -> R:
        """Carry out an operation that acts; features that have asked for it are told the result."""
        result = await self.call(operation, args)
        tell(self._on_command, result)
        return result

    def on_command(self, listener: Callable[[BaseModel], None]) -> None:
        """Call `listener` with the result of every operation that was carried out for the editor."""
        self._on_command.append(listener)

    async def execute(self, command: str, argument: dict[str, Any]) -> Any:
        """Carry out one of our own workspace commands."""
        return await self.protocol.fm.commands[command](argument)

    async def register_at_editor(self, method: str, options: Any) -> None:
        """Register something at run time; only what the editor has announced so."""
        registration = types.Registration(id=f"rgt:{method}", method=method, register_options=options)
        try:
            await self.client_register_capability_async(types.RegistrationParams(registrations=[registration]))
        except JsonRpcException as e:
            log.info("the editor does not register %s: %s", method, e)

    def say(self, message: str, kind: types.MessageType) -> None:
        """A line for the person."""
        if self.editor.has("window.show_message"):
            self.window_show_message(types.ShowMessageParams(type=kind, message=message))

    def named(self, uri: str) -> str:
        """A URI in the spelling that the editor has used when it opened the document."""
        document = self.document(uri)
        return document.uri if document is not None else uri

    # --- the life of it

    def end(self, code: int) -> None:
        """End with this exit code; the first one counts."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(code)

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[asyncio.Future[int]]:
        """From start to end; gives the exit code to come."""
        self._ended = asyncio.get_running_loop().create_future()
        try:
            yield self._ended
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Errors go to the log; pygls would show them to the person."""
        log.debug("%s: %s", getattr(source, "__name__", source), error)

    def _reap(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (broken := task.exception()) is not None:
            log.error("%s broke", task.get_name(), exc_info=broken)

    def greet(self, params: types.InitializeParams) -> None:
        """Hear who the editor is, and register every feature for it."""
        self._editor = Editor(params)
        # None when it is not among our processes: it may be outside of this container.
        self._process = processes.identify(params.process_id) if params.process_id else None
        self.settings.begin(params.initialization_options)
        self.on_close(lambda uri: self.mentions.keep_only(self.workspace))
        for name, register in features.all():
            try:
                register(self)
            except Exception:
                log.exception("the feature %s could not be registered", name)
        self._offers.register(self.protocol.fm)

    async def _outlive(self, editor: processes.Proc) -> None:
        """End when the editor does, though somebody else may hold its end of the pipe open."""
        while not await processes.gone(editor, 3600.0):
            pass
        self.end(1)

    async def _initialized(self, params: types.InitializedParams) -> None:
        self.spawn(self.stale.run(), "stale")
        self.spawn(self.details.run(), "details")
        if self._process is not None:
            self.spawn(self._outlive(self._process), "editor")
        self.spawn(link.follow(self.town, self.outside), "link")
        for begin in self._at_start:
            self.spawn(begin(), "start")
