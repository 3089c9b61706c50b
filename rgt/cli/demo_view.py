"""What a person sees of the demo while it runs: a story per item, drawn as a tree or told in plain lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rgt.cli.render import STATES
from rgt.model.queue import Verdict
from rgt.model.rows import Row, cut

FAR = {"queued": 0.05, "assigned": 0.15, "in_progress": 0.3, "submitted": 0.6, "merging": 0.75, "merged": 1.0}
"""How far an item is in each state."""
ACTIVE = ("assigned", "in_progress", "submitted", "merging")
DOING = {
    "open": "",
    "queued": "waits for a place",
    "assigned": "{agent} gets a worktree and a session",
    "in_progress": "{agent} works",
    "submitted": "in the merge queue",
    "merging": "the merge queue tests it",
    "merged": "merged",
}


@dataclass(frozen=True)
class Beat:
    """One thing that happened to an item, `at` so many seconds after the start."""

    at: float
    state: str
    text: str

    def style(self) -> str:
        """Colour of the line."""
        return {"rejected": "red", "merged": "green"}.get(self.state, "")


@dataclass
class Act:
    """One item of the demo, as it stands and what became of it so far."""

    id: str
    title: str
    state: str = "open"
    agent: str = ""
    attempt: int = 0
    far: float = 0.0
    beats: list[Beat] = field(default_factory=list)


@dataclass
class Story:
    """The whole demo, fed with rows of the town and verdicts of the merge queue."""

    doing: str = "starting a town of its own"
    acts: dict[str, Act] = field(default_factory=dict)
    refinery: str = ""
    finished: bool = False

    def begin(self, id: str, title: str) -> None:
        """A new item."""
        self.acts[id] = Act(id, title)

    def take(self, row: Row, at: float) -> Beat | None:
        """A row of the town changed; gives what that tells a person, if anything."""
        if row.kind == "refinery":
            self.refinery = f"tests {row.item}" if row.item else row.state
        act = self.acts.get(row.id) if row.kind == "work" else None
        if act is None or (row.state, row.attempt) == (act.state, act.attempt):
            return None
        again = row.attempt > 1
        act.state, act.attempt, act.agent = row.state, row.attempt, row.agent.partition("/")[2] or act.agent
        act.far = max(act.far, FAR.get(row.state, 0.0))
        text = {
            "assigned": "" if again else f"{act.agent} gets a worktree and a session",
            "in_progress": f"{act.agent} starts again, told what was wrong" if again else f"{act.agent} starts to work",
            "submitted": f"{act.agent} says done" + (" again" if again else ""),
            "merging": "the merge queue tests it on top of main",
            "merged": "tests pass: merged",
            "blocked": row.alert or "blocked",
        }.get(row.state, "")
        return self._add(act, Beat(at, row.state, text)) if text else None

    def sent_back(self, verdict: Verdict, at: float) -> Beat:
        """The merge queue did not take an item."""
        act = self.acts[verdict.item]
        if verdict.kind == "conflict":
            why = f"conflict in {', '.join(verdict.files)}"
        else:
            why = failed_test(verdict) or verdict.message
        return self._add(act, Beat(at, "rejected", f"sent back: {cut(why, 70)}"))

    def _add(self, act: Act, beat: Beat) -> Beat:
        act.beats.append(beat)
        return beat

    @property
    def done(self) -> bool:
        """Whether everything is merged."""
        return bool(self.acts) and all(a.state == "merged" for a in self.acts.values())

    @property
    def stuck(self) -> str:
        """Why it cannot end well any more; empty when it can."""
        for act in self.acts.values():
            if act.state in ("blocked", "failed", "closed"):
                return f"{act.id} is {act.state}: {act.beats[-1].text if act.beats else act.title}"
        return ""


def failed_test(verdict: Verdict) -> str:
    """The first failing test that a gate's output names."""
    for gate in verdict.gates:
        for line in gate.tail.splitlines():
            if line.startswith(("FAIL: ", "ERROR: ")):
                return " ".join(line.split()[:2])
    return ""


def clock(seconds: float) -> str:
    """`00:04`."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def plain(at: float, id: str, state: str, text: str) -> str:
    """A line for logs and pipes: `00:04 gt-7k2ab merged     tests pass: merged`."""
    return f"{clock(at)} {id:<8} {state:<11} {text}".rstrip()


def draw(story: Story, at: float, brief: bool = False) -> RenderableType:
    """The story as a tree with progress, `at` seconds after its start; `brief`: of each item only the last word."""
    merged = sum(a.state == "merged" for a in story.acts.values())
    total = sum(a.far for a in story.acts.values()) / max(len(story.acts), 1)
    head = Table.grid(padding=(0, 1))
    if story.finished:
        head.add_row(Text("●", "green"), *_heading(story, merged, total, at))
    else:
        head.add_row(Spinner("dots", style="cyan"), *_heading(story, merged, total, at))
    tree = Tree(head, guide_style="dim")
    for act in story.acts.values():
        _branch(tree, act, brief)
    if story.acts:
        tree.add(Text.assemble(("refinery", "bold"), f"  {story.refinery}", style="dim"))
    return Group(tree, Text())


def _heading(story: Story, merged: int, total: float, at: float) -> Iterable[RenderableType]:
    yield Text("rgt demo", "bold")
    yield Text(clock(at), "dim")
    yield ProgressBar(total=1.0, completed=total, width=24, complete_style="cyan", finished_style="green")
    yield Text(f"{merged} of {len(story.acts)} merged" if story.acts else story.doing)


def _branch(tree: Tree, act: Act, brief: bool) -> None:
    colour = {"dim": "dim", "": "default"}.get(STATES.get(act.state, ""), STATES.get(act.state, "default"))
    row = Table.grid(padding=(0, 1))
    row.add_column(width=9)
    row.add_column(width=34, no_wrap=True)
    mark = Spinner("dots", style=colour) if act.state in ACTIVE else Text("✓" if act.state == "merged" else "·", colour)
    row.add_row(
        Text(act.id, "bold"), Text(act.title), mark, Text(DOING.get(act.state, act.state).format(agent=act.agent))
    )
    branch = tree.add(row)
    for beat in act.beats[-1:] if brief else act.beats:
        branch.add(Text.assemble((f"{clock(beat.at)} ", "dim"), (beat.text, beat.style())))
