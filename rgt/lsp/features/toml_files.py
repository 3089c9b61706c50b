"""town.toml, rig.toml and runtime presets while a person writes them: what `rgt.lsp.toml` knows, as editors want it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from rgt.lsp.toml.completing import Item
from rgt.lsp.toml.fixing import Fix
from rgt.lsp.toml.kinds import FileKind, kind_of
from rgt.lsp.toml.outline import Symbol
from rgt.lsp.toml.service import Service
from rgt.lsp.toml.words import of_runtimes
from rgt.model.lines import Lines, Unit
from rgt.model.toml import Problem
from rgt.model.toml_reader import Span

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

SOURCE = "rgt toml"
TRIGGERS = ["[", ".", "=", '"', "'", "{", ","]
"""Characters after which an editor asks what can come."""
UNITS: dict[types.PositionEncodingKind, Unit] = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16",
    types.PositionEncodingKind.Utf32: "utf-32",
}
KINDS = {
    "key": types.CompletionItemKind.Property,
    "table": types.CompletionItemKind.Module,
    "value": types.CompletionItemKind.Value,
}
T = TypeVar("T")


def register(server: RgtServer) -> None:
    """Offer what there is for the TOML files of the town."""
    files = Files(server)
    server.on_text(files.check)
    server.on_close(files.forget)
    server.offer(types.TEXT_DOCUMENT_DID_SAVE, files.saved)
    actions = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    server.offer(
        types.TEXT_DOCUMENT_COMPLETION, files.completions, types.CompletionOptions(trigger_characters=TRIGGERS)
    )
    server.offer(types.TEXT_DOCUMENT_HOVER, files.hover)
    if server.editor.has("text_document.code_action.code_action_literal_support"):
        server.offer(types.TEXT_DOCUMENT_CODE_ACTION, files.actions, actions)
    if server.editor.has("text_document.document_symbol.hierarchical_document_symbol_support"):
        server.offer(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, files.symbols)
    server.offer(types.TEXT_DOCUMENT_FOLDING_RANGE, files.folds)


class Page:
    """One open file of ours, with places as its editor counts them."""

    def __init__(self, document: TextDocument, service: Service) -> None:
        self.uri, self.text, self.service = document.uri, document.source, service
        self.lines = Lines(self.text)
        self.unit = UNITS[types.PositionEncodingKind(document.position_codec.encoding)]

    def offset(self, at: types.Position) -> int:
        """Where a position is in the text."""
        return self.lines.offset(at.line, at.character, self.unit)

    def range(self, span: Span) -> types.Range:
        """A piece of the text as a range."""
        start, end = (types.Position(*self.lines.position(at, self.unit)) for at in span)
        return types.Range(start, end)

    def diagnostic(self, problem: Problem) -> types.Diagnostic:
        """A problem as editors show it."""
        warns = types.DiagnosticSeverity.Warning if problem.kind == "word" else types.DiagnosticSeverity.Error
        message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
        return types.Diagnostic(self.range(problem.span), message, severity=warns, code=problem.kind, source="rgt")


class Files:
    """The open TOML files of the town."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._kinds: dict[str, tuple[FileKind, str] | None] = {}
        """Kind of each open document and the name of its file."""
        self._services: dict[str, Service] = {}

    def check(self, document: TextDocument) -> None:
        """Say what is wrong in a document that was opened or edited."""
        if (page := self._page(document, anew=True)) is not None:
            found = [page.diagnostic(problem) for problem in page.service.diagnostics(page.text)]
            self._server.sink.put(SOURCE, document.uri, found)

    def saved(self, params: types.DidSaveTextDocumentParams) -> None:
        """With a preset, what others may name has changed."""
        kind = self._kinds.get(params.text_document.uri)
        if kind is None or not kind[0].named:
            return
        for uri in list(self._services):
            if (document := self._server.document(uri)) is not None:
                self.check(document)

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._services.pop(uri, None)
        if self._kinds.pop(uri, None) is not None:
            self._server.sink.put(SOURCE, uri, [])

    def completions(self, params: types.CompletionParams) -> list[types.CompletionItem] | None:
        """What can be written at a place."""
        page = self._open(params.text_document.uri)
        if page is None:
            return None
        found = page.service.completions(page.text, page.offset(params.position))
        return [self._item(page, item, order) for order, item in enumerate(found)]

    def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What is meant by what stands at a place."""
        page = self._open(params.text_document.uri)
        found = page.service.hover(page.text, page.offset(params.position)) if page else None
        if page is None or found is None:
            return None
        return types.Hover(self._marked(found.text, "text_document.hover.content_format"), page.range(found.span))

    def actions(self, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        """What can be done about the problems of a range."""
        page = self._open(params.text_document.uri)
        only = params.context.only
        if page is None or (only and types.CodeActionKind.QuickFix not in only and "" not in only):
            return None
        span = Span(page.offset(params.range.start), page.offset(params.range.end))
        return [_action(page, fix) for fix in page.service.fixes(page.text, span)]

    def symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
        """The outline."""
        return self._of(params.text_document.uri, lambda p: [_symbol(p, s) for s in p.service.symbols(p.text)])

    def folds(self, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
        """What can be folded."""
        return self._of(
            params.text_document.uri, lambda p: [types.FoldingRange(*fold) for fold in p.service.folds(p.text)]
        )

    def _of(self, uri: str, answer: Callable[[Page], T]) -> T | None:
        page = self._open(uri)
        return answer(page) if page else None

    def _open(self, uri: str) -> Page | None:
        document = self._server.document(uri)
        return self._page(document) if document else None

    def _page(self, document: TextDocument, anew: bool = False) -> Page | None:
        """The document as one of ours; `anew`: with the runtimes that there are now."""
        if document.uri not in self._kinds:
            self._kinds[document.uri] = self._kind(document.uri)
        kind = self._kinds[document.uri]
        if kind is None:
            return None
        service = self._services.get(document.uri)
        if service is None or anew:
            service = self._services[document.uri] = self._service(*kind)
        return Page(document, service)

    def _kind(self, uri: str) -> tuple[FileKind, str] | None:
        name = to_fs_path(uri)
        if not name:
            return None
        home, path = self._server.home.root, Path(name)
        kind = kind_of(path, home) or kind_of(path.resolve(), home.resolve())
        return (kind, path.stem) if kind else None

    def _service(self, kind: FileKind, name: str) -> Service:
        from rgt.host.runtimes.presets import valid

        return Service(kind.model, of_runtimes(valid(self._server.home)), name if kind.named else "")

    def _item(self, page: Page, item: Item, order: int) -> types.CompletionItem:
        snippet = item.snippet and self._server.editor.has("text_document.completion.completion_item.snippet_support")
        formats = types.InsertTextFormat
        return types.CompletionItem(
            label=item.label,
            kind=KINDS[item.kind],
            detail=item.detail or None,
            documentation=self._marked(item.doc, "text_document.completion.completion_item.documentation_format"),
            sort_text=f"{order:04}",
            filter_text=item.typed_as(page.text[slice(*item.span)]),
            insert_text_format=formats.Snippet if snippet else formats.PlainText,
            text_edit=types.TextEdit(page.range(item.span), item.snippet if snippet else item.text),
        )

    def _marked(self, text: str, capability: str) -> types.MarkupContent:
        kind = types.MarkupKind.Markdown
        if kind not in (self._server.editor.get(capability) or ()):
            kind, text = types.MarkupKind.PlainText, text.replace("**", "").replace("`", "")
        return types.MarkupContent(kind, text)


def _action(page: Page, fix: Fix) -> types.CodeAction:
    edits = [types.TextEdit(page.range(edit.span), edit.text) for edit in fix.edits]
    return types.CodeAction(
        title=fix.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[page.diagnostic(problem) for problem in fix.problems],
        is_preferred=fix.preferred or None,
        edit=types.WorkspaceEdit(changes={page.uri: edits}),
    )


def _symbol(page: Page, symbol: Symbol) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        name=symbol.name,
        kind=types.SymbolKind.Property if symbol.inner is None else types.SymbolKind.Object,
        range=page.range(symbol.span),
        selection_range=page.range(symbol.key),
        detail=symbol.detail or None,
        children=[_symbol(page, inner) for inner in symbol.inner or ()],
    )
