"""The town as documents: `rgt:/town.md`, `/item/<id>.md`, `/mq/<rig>.md`, `/needs.md`, `/agent/<address>.log`,
`/item/<id>.diff` and `/run/<id>.log`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rgt.host.sessions import session_name
from rgt.host.tmux import Tmux
from rgt.lsp import runs, worktrees
from rgt.lsp.details import Detail
from rgt.lsp.town import OVER, Town
from rgt.model.costs import brief
from rgt.model.errors import RgtError
from rgt.model.rows import Row

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

SCHEME = "rgt"
PATH = re.compile(
    r"/(?:(town|needs)\.md|(item|mq)/([\w-]+)\.md|(agent)/([\w/-]+)\.log|run/(?P<run>[\w-]+)\.log|item/(?P<diff>[\w-]+)\.diff)"
)
SCROLLBACK = 2000
"""Lines of an agent's terminal."""
FILES = 200
"""Documents at most that are kept as files."""


class Documents:
    """Writes them, and knows how this editor can open them."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self._written: dict[str, str] = {}

    @property
    def virtual(self) -> bool:
        """Whether the editor can open `rgt:` itself; else documents are written as files for it."""
        return self._server.editor.has("workspace.text_document_content") or self._server.editor.hears("documents")

    def path_of(self, uri: str) -> str:
        """The document that a URI means, `/town.md` for one; empty when it is none of ours."""
        parts = urlsplit(uri)
        path = unquote(parts.path)
        if parts.scheme == SCHEME:
            return path if PATH.fullmatch(path) else ""
        below = f"{self._server.home.runtime}/documents"
        return path.removeprefix(below) if parts.scheme == "file" and path.startswith(f"{below}/") else ""

    def must_be(self, uri: str) -> str:
        """As `path_of`; refused when there is no such document."""
        path = self.path_of(uri)
        if not path:
            known = (
                "rgt:/town.md, /needs.md, /item/ID.md, /item/ID.diff, /run/ID.log, /mq/RIG.md and /agent/ADDRESS.log"
            )
            raise RgtError("not_found", f"there is no document {uri[:80]!r}", f"there are {known}")
        return path

    async def uri(self, path: str) -> str:
        """The URI by which this editor opens a document."""
        if self.virtual:
            return f"{SCHEME}:{path}"
        file = self._server.home.runtime / "documents" / path[1:]
        if not self._server.home.runtime.is_dir():
            raise RgtError("unreachable", "there is no town", "`rgt start`")
        text = await self.text(path)
        if self._written.pop(path, None) != text or not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_text(text)
        self._written[path] = text
        while len(self._written) > FILES:
            self._written.pop(next(iter(self._written)))
        return file.as_uri()

    async def rewrite(self) -> None:
        """Bring files that were written up to date."""
        for path in list(self._written):
            await self.uri(path)

    async def text(self, path: str) -> str:
        """What a document says now."""
        found = PATH.fullmatch(path)
        town = self._server.town
        if found is None:
            raise RgtError("not_found", f"there is no document {path[:80]!r}", "see docs/lsp.md")
        if found[4]:
            return await self._terminal(found[5])
        if not town.known:
            return f"# No town\n\n{town.health.message}\n"
        if found["run"]:
            return runs.text(self._server, found["run"])
        if found["diff"]:
            return await worktrees.diff(self._server, found["diff"])
        if found[1]:
            return town_page(town) if found[1] == "town" else needs_page(town)
        if found[2] == "mq":
            return queue_page(town, found[3])
        row = town.item(found[3])
        return f"# {found[3]}\n\nThe town does not know it.\n" if row is None else self.item(row)

    def item(self, row: Row) -> str:
        """The document of an item."""
        return item_page(self._server.town, row, self._server.details.item(row.id))

    async def _terminal(self, address: str) -> str:
        row = self._server.town.agent(address)
        tmux = Tmux(self._server.home.agents_tmux, self._server.home.tmux_conf)
        text = await tmux.capture(session_name(row.id if row else address), SCROLLBACK)
        return text.rstrip("\n") + "\n" if text.strip() else f"{address} shows nothing.\n"


def path_of(row: Row) -> str:
    """The document that tells most of what a row is about."""
    if row.kind == "work":
        return f"/item/{row.id}.md"
    if row.kind in ("polecat", "crew"):
        return f"/agent/{row.id}.log"
    return f"/mq/{row.rig}.md" if row.rig else "/town.md"


# --- pages


def town_page(town: Town) -> str:
    """Everything at a glance."""
    c = town.counts()
    lines = ["# Town", "", f"{c['agents']} agents, {c['open']} open items, {c['queue']} in the merge queues."]
    lines += _section("Needs you", _needs(town))
    for rig in sorted(town.rows("rig"), key=lambda r: r.id):
        agents = sorted((r for r in town.rows("polecat", "crew") if r.rig == rig.id), key=lambda r: r.id)
        lines += ["", f"## Rig {rig.id}", "", f"{rig.state}, target `{rig.title}`"]
        lines += _listed("Agents", [f"@{r.id} · {words(r)} {r.item} {r.title}".rstrip() for r in agents])
        lines += _listed("Merge queue", _queue(town, rig.id))
    work = sorted((r for r in town.rows("work") if r.state not in OVER), key=lambda r: (r.priority, r.created))
    lines += _section("Open work", [f"- [ ] {_item(r)}" for r in work])
    over = sorted((r for r in town.rows("work") if r.state in OVER), key=lambda r: -r.updated)
    lines += _section("Done", [f"- [x] {_item(r)}" for r in over[:50]])
    return "\n".join(lines) + "\n"


def needs_page(town: Town) -> str:
    """What waits for a person."""
    return "\n".join(["# Needs you", "", *(_needs(town) or ["Nothing."])]) + "\n"


def queue_page(town: Town, rig: str) -> str:
    """A merge queue."""
    refinery = next((r for r in town.rows("refinery") if r.rig == rig), None)
    if refinery is None:
        return f"# Merge queue of {rig}\n\nThere is no such rig.\n"
    lines = [f"# Merge queue of {rig}", "", f"{refinery.state}. {refinery.alert}".rstrip()]
    lines += ["", *(_queue(town, rig) or ["Empty."])]
    over = [r for r in town.rows("work") if r.rig == rig and r.state == "merged"]
    lines += _section("Merged", [f"- {_item(r)}" for r in sorted(over, key=lambda r: -r.updated)[:20]])
    return "\n".join(lines) + "\n"


def item_page(town: Town, row: Row, detail: Detail | None) -> str:
    """An item: first how it is, then what it is."""
    title = str((detail.value if detail else {}).get("title") or row.title)
    lines = [f"# {row.id} {title}", "", *(f"- {fact}" for fact in facts(town, row, detail))]
    if row.alert:
        lines += ["", f"> {row.alert}"]
    if detail is None:
        return "\n".join([*lines, ""])
    value = detail.value
    lines += _section("Description", [str(value.get("description") or "").rstrip()])
    lines += _section("Accepted when", [str(value.get("accept") or "").rstrip()])
    verdict = value.get("verdict")
    if verdict and verdict.get("kind") != "merged":
        lines += _section(f"The merge queue said: {verdict['kind']}", [_quoted(verdict.get("message") or "")])
    attempts = value.get("attempts") or []
    lines += _section("Attempts", [f"- {a['number']}: {a['outcome']}" for a in attempts])
    lines += _section("Notes", [f"- {note}" for note in value.get("notes") or []])
    lines += _section("Events", [f"- {e.at[11:19]} {e.what} {e.detail}".rstrip() for e in detail.events])
    return "\n".join(lines) + "\n"


def facts(town: Town, row: Row, detail: Detail | None) -> Iterator[str]:
    """How an item is, a line each."""
    place = town.place(row.id)
    yield f"**{words(row)}**" + (f", place {place} in the queue" if place else "") + f", since {_since(row)}"
    agent = town.working_on(row.id)
    if agent is not None:
        yield ", ".join(filter(None, (f"agent @{agent.id}", words(agent), brief(agent.cost, agent.tokens))))
    elif row.agent:
        yield f"agent @{row.agent}"
    if row.rig:
        yield f"rig {row.rig}, {row.priority}" + (f", attempt {row.attempt}" if row.attempt else "")
    if row.fixes:
        yield f"fixes {row.fixes}"
    for fix in town.fixes(row.id):
        yield f"fixed by {fix.id}, {words(fix)}"
    if row.needs:
        yield f"waits for {', '.join(row.needs)}"
    if detail is not None and detail.value.get("branch"):
        yield f"branch `{detail.value['branch']}`"
    if detail is not None and detail.value.get("sha"):
        yield f"merged as `{detail.value['sha'][:10]}`"


def words(row: Row) -> str:
    """A state for people."""
    return row.state.replace("_", " ")


def _item(row: Row) -> str:
    return f"{row.id} · {words(row)} · {row.title}"


def _queue(town: Town, rig: str) -> list[str]:
    return [f"{place}. {r.item} · {words(r)} · {r.title}" for place, r in town.queue(rig)]


def _needs(town: Town) -> list[str]:
    return [f"- [ ] {n.id} · {n.what} · `{n.command}`" for n in town.needs()]


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if any(lines) else []


def _listed(title: str, lines: list[str]) -> list[str]:
    return ["", f"### {title}", "", *(line if line[0].isdigit() else f"- {line}" for line in lines)] if lines else []


def _quoted(text: str) -> str:
    return "\n".join(["```text", text.rstrip().replace("```", "'''"), "```"])


def _since(row: Row) -> str:
    # The moment and not the age, which would change a page in which nothing has changed.
    return time.strftime("%H:%M", time.localtime(row.updated / 1000))
