"""`rgt demo`: three scripted agents on a sample repository, from sling to merged, and git's own word for it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from rgt.cli.demo_town import PassingTown, leave, passing_town, until_signalled
from rgt.cli.demo_view import Beat, Story, draw, plain
from rgt.cli.lifecycle import rgt_bin
from rgt.cli.session import session
from rgt.client.town import Town
from rgt.host import daemon
from rgt.host.git import git, try_git
from rgt.host.run import run
from rgt.host.sample import DEMO_ITEMS, GATE, make_sample
from rgt.model import operations as ops
from rgt.model.config import RigConfig
from rgt.model.errors import RgtError
from rgt.model.rows import Row

RIG = "till"
TALL = 32
"""Lines of a terminal in which the whole tree has room while it changes."""
PATIENCE = 180.0
"""Seconds after which a demo that has not ended is called a failure."""


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)


async def demo(
    ctx: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the town running, to look around in.")] = False,
) -> None:
    """See the whole loop in a town of its own. Three scripted agents, tests, a failure, a conflict, three merges."""
    s = session(ctx)
    s.must_be_local("rgt demo")
    if s.who.agent:
        raise RgtError("denied", f"a {s.who.role} may not start a town", "ask with `rgt escalate`")
    console = Console(stderr=s.json, highlight=False)
    show: Show = Silence(console) if s.quiet else Screen(console) if console.is_terminal else Lines(console)
    ended = await until_signalled(
        play(show, keep), lambda: print("stopping …", file=sys.stderr) if console.is_terminal else None
    )
    if s.json:
        s.give(ended.json(), "")
    elif not s.quiet:
        farewell(console, ended)


class Show(Protocol):
    """Where a demo is watched."""

    def watching(self, story: Story, since: float) -> contextlib.AbstractContextManager[None]:
        """Show `story`, which began at monotonic time `since`, as long as the block runs."""

    def tell(self, id: str, beat: Beat) -> None:
        """Something has happened to an item (no id: to the demo itself)."""


@dataclass
class Ended:
    """A demo that went well."""

    passing: PassingTown
    kept: bool
    seconds: float
    items: list[dict[str, Any]]
    tests: str
    """What the sample's own tests say about the target."""
    graph: str
    head: str

    def json(self) -> dict[str, Any]:
        """The answer of `rgt demo --json` (`docs/json.md`)."""
        return {
            "ok": True,
            "seconds": round(self.seconds, 1),
            "items": self.items,
            "target": {"branch": "main", "head": self.head, "tests": self.tests},
            "kept": self.kept,
            "repository": str(self.passing.repository),
            "home": str(self.passing.home.root),
        }


async def play(show: Show, keep: bool) -> Ended:
    """The whole demo; raises unless all three items are in the target's history and the target passes its tests."""
    story, since = Story(), time.monotonic()
    with show.watching(story, since):

        def progress(doing: str) -> None:
            story.doing = doing
            show.tell("", Beat(time.monotonic() - since, "", doing))

        async with passing_town(progress) as passing:
            if keep:
                leave(passing)
            try:
                async with asyncio.timeout(PATIENCE):
                    await make_sample(passing.repository)
                    base = await git(passing.repository, "rev-parse", "main")
                    await _act(passing, story, show, since)
                    items = await _items(passing.town, story)
                    heads = [str(item["sha"]) for item in items]
                    tests = await verify(passing.repository, base, heads, passing.root / "checkout")
            except TimeoutError as e:
                raise RgtError("failed", f"the demo did not end within {PATIENCE:g} s", _last_words(passing)) from e
            graph = await git(
                passing.repository,
                "log",
                "--graph",
                "--format=%C(auto)%h%d %s %C(dim)· %an%C(reset)",
                "--color=always",
                "main",
            )
            story.finished = True
            return Ended(
                passing=passing,
                kept=keep,
                seconds=time.monotonic() - since,
                items=[{"id": i["id"], "title": i["title"], "sha": i["sha"], "attempts": i["attempt"]} for i in items],
                tests=tests,
                graph=graph,
                head=await git(passing.repository, "rev-parse", "main"),
            )


async def verify(repository: Path, base: str, merged: Sequence[str], checkout: Path) -> str:
    """Have git say that each commit of `merged` is new in main since `base`, and a fresh checkout that its tests pass.

    Gives what the tests said; raises `failed` when any of it is not so.
    """
    new = (await git(repository, "rev-list", f"{base}..main")).split()
    for sha in merged:
        if not sha or sha not in new or (await try_git(repository, "merge-base", "--is-ancestor", sha, "main")).code:
            raise RgtError("failed", f"commit {sha[:12] or '(none)'} is not in the history of main", "this is a bug")
    if len(set(merged)) != len(merged):
        raise RgtError("failed", "two items claim the same commit", "this is a bug")
    await git(repository.parent, "clone", "--quiet", "--no-local", "--branch", "main", str(repository), str(checkout))
    tested = await run(["/bin/sh", "-c", GATE], cwd=checkout, timeout=60)
    ran = re.search(r"^Ran ([1-9]\d*) tests?\b", tested.err, re.MULTILINE)
    if tested.code or ran is None:
        said = (tested.err.strip() or tested.out.strip() or "nothing").splitlines()[-1]
        raise RgtError("failed", f"the tests of main do not pass: {said}", f"`{GATE}` ended with {tested.code}")
    return f"{ran[1]} tests pass"


async def _act(passing: PassingTown, story: Story, show: Show, since: float) -> None:
    """Make a rig and the items, sling them, and watch until all are merged; raises when one cannot be any more."""
    town = passing.town
    gate = {"name": "test", "run": GATE}
    config = RigConfig.model_validate(
        {"source": {"path": str(passing.repository)}, "strategy": "merge", "gate": [gate]}
    )
    await town.call(ops.RIG_ADD, ops.RigAdd(name=RIG, config=config))
    for item in DEMO_ITEMS:
        args = ops.WorkCreate(title=item.title, description=item.description, priority=item.priority, rig=RIG)
        made = (await town.call(ops.WORK_CREATE, args)).value
        story.begin(made["id"], item.title)
        show.tell(made["id"], Beat(time.monotonic() - since, "open", item.title))
    async with contextlib.aclosing(town.subscribe()) as changes:
        await anext(changes)
        await town.call(ops.SLING, ops.Sling(ids=list(story.acts), target=RIG, runtime="scripted"))
        async for _, rows, _ in changes:
            for row in rows:
                await _tell(town, story, show, row, since)
            if story.stuck:
                raise RgtError("failed", story.stuck, _last_words(passing))
            if story.done:
                return


async def _tell(town: Town, story: Story, show: Show, row: Row, since: float) -> None:
    act = story.acts.get(row.id) if row.kind == "work" else None
    if act is not None and row.state in ("queued", "blocked") and act.state in ("submitted", "merging"):
        verdict = (await town.call(ops.MQ_SHOW, ops.Id(id=row.id))).verdicts[-1]
        show.tell(row.id, story.sent_back(verdict, time.monotonic() - since))
    if beat := story.take(row, time.monotonic() - since):
        show.tell(row.id, beat)


async def _items(town: Town, story: Story) -> list[dict[str, Any]]:
    return [(await town.call(ops.WORK_SHOW, ops.Id(id=id))).value for id in story.acts]


def _last_words(passing: PassingTown) -> str:
    """The end of the worker's log, which goes away with the town."""
    with contextlib.suppress(OSError):
        lines = daemon.log_file(passing.home, "worker").read_text(errors="replace").splitlines()
        return f"the worker's last words: {lines[-1][:300]}" if lines else ""
    return ""


class Screen:
    """A terminal: a tree that changes in place."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextlib.contextmanager
    def watching(self, story: Story, since: float) -> Iterator[None]:
        """Draw the tree ten times a second; its last state stays."""

        def now() -> RenderableType:
            low = not story.finished and self.console.height < TALL
            return draw(story, time.monotonic() - since, brief=low)

        with Live(console=self.console, get_renderable=now, refresh_per_second=10):
            yield

    def tell(self, id: str, beat: Beat) -> None:
        """The tree shows it."""


class Lines:
    """A pipe or a log: a line for each thing that happens."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextlib.contextmanager
    def watching(self, story: Story, since: float) -> Iterator[None]:
        """Nothing to draw."""
        yield

    def tell(self, id: str, beat: Beat) -> None:
        """Print it."""
        self.console.print(Text(plain(beat.at, id, beat.state, beat.text)), soft_wrap=True)


class Silence(Lines):
    """Nobody watches."""

    def tell(self, id: str, beat: Beat) -> None:
        """Nothing."""


def farewell(console: Console, ended: Ended) -> None:
    """How it ended, by git's account; where everything is; what to try next."""
    passing, rig = ended.passing, ended.passing.home.rig(RIG)
    console.print(
        Text.assemble(
            ("✓ ", "green"), f"all {len(ended.items)} items are in the history of main and, in a fresh checkout of it, "
            f"{ended.tests}  ({ended.seconds:.0f} s)\n",
        ),
        soft_wrap=True,
    )  # fmt: skip
    console.print(Text.from_ansi(ended.graph), soft_wrap=True)
    places = {
        "repository": passing.repository,
        "town": passing.home.root,
        "branches, kept work": rig.hub,
        "logs of the tests": rig.runs,
        "logs of the town": passing.home.logs,
    }
    if ended.kept:
        console.print(Text("\nThe town runs on. Where everything is:", "bold"))
        _list(console, {name: str(path) for name, path in places.items()})
        _next(console, f". {passing.env_file}", look_around(ended))
    else:
        console.print(Text(f"\nThe town is stopped and {passing.root} removed. Where everything was:", "bold"))
        _list(console, {name: str(path.relative_to(passing.root)) for name, path in places.items()})
        known = shutil.which("rgt") == str(rgt_bin())
        _next(console, "" if known else f'export PATH={shlex.quote(str(rgt_bin().parent))}:"$PATH"', NEXT)


NEXT = {
    "rgt demo --keep": "the same, and look around in it",
    "rgt install --check": "what this machine has for real agents",
    "rgt start": "a town of your own",
    "rgt rig add api --path .": "with the repository you are in",
}


def look_around(ended: Ended) -> dict[str, str]:
    """What to try in a town that was kept."""
    return {
        "rgt status": "the town as a tree",
        "rgt work list": "the three items",
        f"rgt mq show {ended.items[-1]['id']}": "what the merge queue said to the one in conflict",
        "rgt log": "everything that happened",
        f'rgt work create "Sell tea" --rig {RIG}': "work of your own; then",
        f"rgt sling @last --target {RIG} --runtime scripted": "an agent that is a shell; then",
        f"rgt attach {RIG}/nux": "work in it; Ctrl+\\ leaves, `rgt done` finishes",
        f"rgt stop && rm -r {ended.passing.root}": "end it",
    }


def _next(console: Console, first: str, commands: dict[str, str]) -> None:
    console.print(Text("\nWhat to try next:", "bold"))
    if first:
        console.print(f"  {first}", soft_wrap=True, markup=False)
    _list(console, commands)


def _list(console: Console, lines: dict[str, str]) -> None:
    width = min(50, max(len(left) for left in lines))
    for left, right in lines.items():
        console.print(Text.assemble(f"  {left.ljust(width)}  ", (right, "dim")), soft_wrap=True)
