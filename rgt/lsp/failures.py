"""What the merge queue has sent back, on the lines of files: open documents, and files that the town knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import to_fs_path

from rgt.host import config, shown
from rgt.host.shown import Shown
from rgt.lsp.mentions import span, units
from rgt.model.errors import RgtError
from rgt.model.linemap import lines
from rgt.model.problems import Problem
from rgt.model.rows import cut

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from rgt.lsp.server import RgtServer

LARGEST = 1_000_000
"""Bytes of a file that is not open and is looked at all the same."""
RELATED = 6
"""Other places that are named beside a diagnostic."""
LONG = 300
"""Characters of a message."""
SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}


@dataclass(frozen=True)
class Page:
    """A text in which something was found."""

    uri: str
    path: Path
    lines: list[str]
    encoding: str
    found: list[Shown]

    def range(self, one: Shown) -> types.Range:
        """The place of a problem, as the editor counts: what the gate has named of a line, else the line."""
        first, last = self._line(one.line), self._line(one.end_line)
        start, end = len(first) - len(first.lstrip()), len(last.rstrip())
        told = one.diagnostic
        if told is not None and told.column and not one.moved:
            start = min(told.column - 1, len(first))
            if told.end_column and (told.end_line or told.line) - told.line == one.end_line - one.line:
                end = min(told.end_column - 1, len(last))
        return types.Range(
            types.Position(one.line - 1, units(first, start, self.encoding)),
            types.Position(one.end_line - 1, units(last, end, self.encoding)),
        )

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if number <= len(self.lines) else ""


class Finder:
    """Finds the lines of problems; made once, since what git has said is remembered."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._shown = shown.Failures(server.home)

    async def everywhere(self, problems: list[Problem]) -> dict[str, Page]:
        """Every text in which something is found, by its URI."""
        found: dict[str, Page] = {}
        opened: set[Path] = set()
        for document in list(self._server.workspace.text_documents.values()):
            path = path_of(document)
            if path is not None:
                opened.add(path)
                if (page := await self.document(document, problems)) is not None:
                    found[document.uri] = page
        for problem in problems:
            for path in self._files(problem):
                if path not in opened and (text := _read(path)) is not None:
                    opened.add(path)
                    encoding = str(self._server.workspace.position_codec.encoding)
                    if (page := await self._page(path.as_uri(), path, text, encoding, problems)) is not None:
                        found[page.uri] = page
        return found

    async def document(self, document: TextDocument, problems: list[Problem]) -> Page | None:
        """What there is in an open document; None for nothing."""
        path = path_of(document)
        if path is None:
            return None
        encoding = str(document.position_codec.encoding)
        return await self._page(document.uri, path, document.source, encoding, problems)

    async def _page(self, uri: str, path: Path, text: str, encoding: str, problems: list[Problem]) -> Page | None:
        here = [p for p in problems if any(path.as_posix().endswith(f"/{name}") for name in _names(p))]
        found = await self._shown.at(path, text, here) if here else []
        return Page(uri, path, lines(text), encoding, found) if found else None

    def _files(self, problem: Problem) -> Iterator[Path]:
        """The files of a problem in its author's worktree and in the rig's own path."""
        for top in self.tops(problem):
            for name in sorted(_names(problem)):
                yield Path(os.path.realpath(top / name))

    def tops(self, problem: Problem) -> list[Path]:
        """The author's worktree and the rig's own path, as far as there are such."""
        rig = self._server.home.rig(problem.rig)
        name = problem.agent.rpartition("/")[2]
        found = [base / name for base in (rig.worktrees, rig.crew)] if name else []
        with suppress(RgtError):
            source = config.read_rig(self._server.home, problem.rig).source.path
            found += [Path(source)] if source else []
        return found


def path_of(document: TextDocument) -> Path | None:
    """The file of an open document; None when it is none."""
    name = to_fs_path(document.uri) if document.uri.startswith("file:") else None
    return Path(os.path.realpath(name)) if name else None


def diagnostic(server: RgtServer, page: Page, one: Shown, others: Iterable[Page], href: str) -> types.Diagnostic:
    """A problem as the editor shows it. `href` is the page of its item, `others` where else it shows."""
    found = types.Diagnostic(
        page.range(one),
        message(one),
        severity=SEVERITIES[one.diagnostic.severity] if one.diagnostic else types.DiagnosticSeverity.Error,
        source="rgt",
        code=one.problem.item,
    )
    if href and announced(server, "code_description_support"):
        found.code_description = types.CodeDescription(href=href)
    if announced(server, "related_information"):
        related = list(_related(page, one, others))[:RELATED]
        if href:
            title = f"{one.problem.item} {one.problem.title}".rstrip()
            related.append(types.DiagnosticRelatedInformation(types.Location(href, span(0)), title))
        found.related_information = related or None
    return found


def announced(server: RgtServer, name: str) -> bool:
    """Whether the editor shows this of a diagnostic; some say so only for those that are sent to them."""
    return any(server.editor.has(f"text_document.{way}.{name}") for way in ("publish_diagnostics", "diagnostic"))


def message(one: Shown) -> str:
    """What a person reads: `gate test: assert 4 == 3 (gt-3f8k2)`."""
    problem = one.problem
    if one.diagnostic is not None:
        told = f"gate {problem.gate}: {one.diagnostic.words() or problem.message}"
    else:
        told = f"conflict: {'the target' if one.mine else problem.agent or problem.item} has other lines here"
    told = cut(told, LONG)
    return f"{told} ({problem.item})" + ("; the line itself is not in this text" if one.moved else "")


def _related(page: Page, one: Shown, others: Iterable[Page]) -> Iterator[types.DiagnosticRelatedInformation]:
    """The same problem in other files; of a conflict that is the other side."""
    author = one.problem.agent or one.problem.item
    for other in others:
        for same in other.found:
            told = (same.diagnostic, same.clash) == (one.diagnostic, one.clash)
            if other is not page and told and same.problem.item == one.problem.item:
                where = f"the worktree of {author}" if same.mine else f"{other.path.parent.name}/{other.path.name}"
                title = f"the other side, in {where}" if one.clash and same.mine != one.mine else f"in {where}"
                yield types.DiagnosticRelatedInformation(types.Location(other.uri, other.range(same)), title)


def _names(problem: Problem) -> set[str]:
    """Files that a problem is in, relative to the top of the repository."""
    return {d.path for d in problem.diagnostics} | {c.path for c in problem.clashes}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= LARGEST else None
    except (OSError, UnicodeDecodeError):
        return None
