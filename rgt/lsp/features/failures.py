"""What the merge queue has sent back, as diagnostics on the lines that failed, with what can be done about it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pydantic import Field
from pygls.workspace import TextDocument

from rgt.host.shown import Shown
from rgt.lsp.acts import as_actions, wants_fixes
from rgt.lsp.failures import Finder, Page, announced, diagnostic
from rgt.lsp.mending import WORKED_ON, new_fix
from rgt.lsp.registry import PREFIX, Command, add, link
from rgt.lsp.town import OVER, Health
from rgt.model import operations as ops
from rgt.model.errors import RgtError
from rgt.model.problems import ANSWERED, Problem
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
SOURCE = "rgt merge"
GATHER = 0.03
"""Seconds in which changes of the town are gathered."""
TYPING = 0.15
"""Seconds in which edits are gathered."""
GAP = 0.2
"""Seconds between two looks at least."""
AGAIN = 2.0
"""Seconds until a worker that gave no answer is asked again."""

FIX, LOG, SIDES = (f"{PREFIX}{name}" for name in ("fix", "openLog", "openSides"))
SHOWS = "window.show_document.support"


class Fix(ops.Args):
    """Makes a work item of what the merge queue has against another one, and slings it to the same rig."""

    id: str = Field(min_length=1, description="The item that was sent back.")
    path: str = Field(default="", description="The file that the person has pointed at, as the gate names it.")
    line: int = Field(default=0, ge=0, description="And the line in it, as the gate names it.")
    runtime: str = Field(default="", description="The runtime of its agent; empty for the town's own choice.")


def register(server: RgtServer) -> None:
    """Keep diagnostics of what was sent back, and offer what can be done about it."""
    failures = Failures(server)
    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    server.offer(types.TEXT_DOCUMENT_CODE_ACTION, failures.actions, options)
    add(server, Command(FIX, "Sling a fix for what was sent back", Fix, failures.fix))
    add(server, Command(LOG, "Open the whole output of the gate that said no", ops.Id, failures.open_log))
    add(server, Command(SIDES, "Open both sides of a conflict", ops.Id, failures.open_sides))


class Failures:
    """What is in the editor now, and the task that keeps it so."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._finder = Finder(server)
        self._problems: list[Problem] = []
        self._pages: dict[str, Page] = {}
        self._ask = self._all = self._failed = False
        self._edited: dict[str, None] = {}
        self._woken = asyncio.Event()
        server.town.on_change(self._changed)
        server.town.on_health(self._felt)
        server.on_text(self._typed)
        server.on_close(self._closed)
        server.at_start(self.run)

    # --- what makes it look

    def _changed(self, rows: list[Row]) -> None:
        known = {p.item for p in self._problems}
        if any(r.kind == "refinery" or (r.kind == "work" and (r.id in known or _matters(r))) for r in rows):
            self._ask = True
            self._woken.set()

    def _felt(self, health: Health) -> None:
        if self._failed and health.health == "ok":
            self._ask = True
            self._woken.set()

    def _typed(self, document: TextDocument) -> None:
        if self._problems:
            self._edited[document.uri] = None
            self._woken.set()

    def _closed(self, uri: str) -> None:
        # The file itself may have something, at other lines than the text that was given up.
        if uri in self._pages:
            self._all = True
            self._woken.set()

    # --- looking

    async def run(self) -> None:
        """Look whenever there is reason to, for ever."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER if self._ask or self._all else TYPING)
            self._woken.clear()
            ask, everywhere, edited = self._ask, self._ask or self._all, list(self._edited)
            self._ask, self._all, self._edited = False, False, {}
            try:
                if ask:
                    await self._fetch()
                if everywhere:
                    await self._look_everywhere()
                else:
                    for uri in edited:
                        await self._look_at(uri)
            except Exception:
                log.exception("what was sent back cannot be shown")
            await asyncio.sleep(GAP)

    async def _fetch(self) -> None:
        try:
            found = await self._server.call(ops.MQ_PROBLEMS, ops.RigFilter())
        except (RgtError, OSError) as e:
            self._failed = True
            self._server.spawn(self._again(), "what was sent back")
            log.debug("mq.problems: %s", e)
            return
        self._problems, self._failed = found.rows, False

    async def _again(self) -> None:
        """Ask once more in a while; with no worker, its return is the reason to."""
        await asyncio.sleep(AGAIN)
        self._felt(self._server.town.health)

    async def _look_everywhere(self) -> None:
        if self._problems or self._pages:
            self._pages = await self._finder.everywhere(self._problems)
            pages = await self._item_pages()
            self._server.sink.replace(SOURCE, {uri: self._diagnostics(p, pages) for uri, p in self._pages.items()})

    async def _look_at(self, uri: str) -> None:
        document = self._server.document(uri)
        page = await self._finder.document(document, self._problems) if document is not None else None
        if document is None:
            return
        if page is not None:
            self._pages[document.uri] = page
        elif self._pages.pop(document.uri, None) is None:
            return
        found = self._diagnostics(page, await self._item_pages()) if page is not None else []
        self._server.sink.put(SOURCE, document.uri, found)

    async def _item_pages(self) -> dict[str, str]:
        """The page of each item, where the editor can be told of it."""
        if not any(announced(self._server, n) for n in ("code_description_support", "related_information")):
            return {}
        items = {one.problem.item for page in self._pages.values() for one in page.found}
        found = {}
        for id in sorted(items):
            # A page that cannot be written is no reason to show nothing.
            with suppress(RgtError, OSError):
                found[id] = await self._server.documents.uri(f"/item/{id}.md")
        return found

    def _diagnostics(self, page: Page, items: dict[str, str]) -> list[types.Diagnostic]:
        others = list(self._pages.values())
        return [diagnostic(self._server, page, one, others, items.get(one.problem.item, "")) for one in page.found]

    # --- what can be done

    def actions(self, params: types.CodeActionParams) -> list[types.CodeAction | types.Command] | None:
        """What can be done about the problems in a range."""
        document = self._server.document(params.text_document.uri)
        page = self._pages.get(document.uri) if document is not None else None
        if page is None or not wants_fixes(params):
            return None
        first, last = params.range.start.line + 1, params.range.end.line + 1
        found: list[types.CodeAction | types.Command] = []
        for one in page.found:
            if one.line <= last and one.end_line >= first:
                ours = [d for d in params.context.diagnostics if d.source == "rgt" and d.code == one.problem.item]
                found += as_actions(self._server, list(self._commands(one)), ours or None)
        return found

    def _commands(self, one: Shown) -> Iterator[types.Command]:
        problem, town, editor = one.problem, self._server.town, self._server.editor
        row, agent = town.item(problem.item), town.working_on(problem.item)
        if agent is not None and editor.command("rgt.attach"):
            yield link("rgt.attach", f"Attach {agent.id}, the author", agent=agent.id)
        begun = self._begun(problem.item)
        if begun is not None:
            yield self._server.show_command(f"Show {begun.id}, the fix of {problem.item}", begun.id)
        elif row is not None and row.state not in WORKED_ON:
            place = {"path": one.diagnostic.path, "line": one.diagnostic.line} if one.diagnostic else {}
            yield link(FIX, f"Sling a fix for {problem.item}", id=problem.item, **place)
        if row is not None and row.state == "blocked":
            yield link(f"{PREFIX}{ops.MQ_RETRY.name}", f"Retry merge of {problem.item}", id=problem.item)
        if problem.log and editor.has(SHOWS):
            yield link(LOG, f"Open the log of gate {problem.gate}", id=problem.item)
        if one.clash is not None and editor.has(SHOWS):
            yield link(SIDES, "Show both sides of the conflict", id=problem.item)

    def _begun(self, item: str) -> Row | None:
        """A fix that is under way."""
        return next((r for r in self._server.town.fixes(item) if r.state not in OVER), None)

    async def _problem(self, id: str) -> Problem:
        """What there is against an item; refused when that is nothing."""
        found = (await self._server.call(ops.MQ_PROBLEMS, ops.RigFilter())).rows
        problem = next((p for p in found if p.item == id), None)
        if problem is None:
            raise RgtError("refused", f"the merge queue has nothing against {id[:40]}", "see `rgt mq problems`")
        return problem

    async def fix(self, args: Fix) -> dict[str, Any]:
        """Create the item and sling it."""
        problem = await self._problem(args.id)
        row, begun = self._server.town.item(args.id), self._begun(args.id)
        if begun is not None:
            raise RgtError("exists", f"{begun.id} is to fix {args.id} already", f"`rgt work show {begun.id}`")
        if row is not None and row.state in WORKED_ON:
            raise RgtError("refused", f"{args.id} is {row.state}: its author mends it", f"`rgt work show {args.id}`")
        wanted = (args.path, args.line or None)
        chosen = next((d for d in problem.diagnostics if wanted in ((d.path, d.line), (d.path, None))), None)
        if args.path and chosen is None:
            raise RgtError("usage", f"nothing failed at {args.path[:80]}:{args.line}", f"`rgt mq show {args.id}`")
        made = await self._server.call(ops.WORK_CREATE, new_fix(problem, chosen))
        id, answer = made.value["id"], {"fixes": args.id, "rig": problem.rig, "message": ""}
        try:
            sling = ops.Sling(ids=[id], target=problem.rig, runtime=args.runtime)
            state = (await self._server.operate(ops.SLING, sling)).rows[0].state
        except RgtError as e:
            # The item is there: that is no failure of the whole.
            state, answer["message"] = "open", f"{id} was not slung: {e.line()}"
        return {"id": id, "state": state, **answer}

    async def open_log(self, args: ops.Id) -> dict[str, Any]:
        """Open what the gate has printed."""
        problem = await self._problem(args.id)
        if not problem.log or not Path(problem.log).is_file():
            raise RgtError("not_found", f"there is no log of {args.id}", "logs are on the machine that tests")
        return await self._open([types.ShowDocumentParams(uri=Path(problem.log).as_uri(), take_focus=True)])

    async def open_sides(self, args: ops.Id) -> dict[str, Any]:
        """Open the target's lines and the author's, as files of this machine have them."""
        sides: dict[bool, types.ShowDocumentParams] = {}
        for page in self._pages.values():
            for one in page.found:
                if one.problem.item == args.id and one.clash is not None:
                    params = types.ShowDocumentParams(page.uri, take_focus=one.mine, selection=page.range(one))
                    sides.setdefault(one.mine, params)
        if len(sides) < 2:
            raise RgtError("not_found", f"no two files here show a conflict of {args.id[:40]}", "see `rgt mq show ID`")
        return await self._open([sides[False], sides[True]])

    async def _open(self, documents: list[types.ShowDocumentParams]) -> dict[str, Any]:
        shown = self._server.editor.has(SHOWS)
        for params in documents if shown else ():
            shown = (await self._server.window_show_document_async(params)).success and shown
        return {"uris": [params.uri for params in documents], "shown": shown}


def _matters(row: Row) -> bool:
    return row.state not in ANSWERED and row.state != "open"
