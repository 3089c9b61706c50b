"""Markdown pages as tests see them: their blocks, their links, and consoles that are run."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rgt.cli.app import program

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^(```+)(\w*)\n(.*?)^\1\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of a console block, and what the page says that it prints (`…` stands for anything)."""

    line: int
    command: str
    prints: str


def blocks(page: Path, *languages: str) -> list[tuple[int, str]]:
    """Line and text of the page's fenced blocks in these languages."""
    text = page.read_text()
    return [(text.count("\n", 0, m.start()) + 2, m[3]) for m in FENCE.finditer(text) if m[2] in languages]


def console(page: Path) -> list[Step]:
    """The steps of all console blocks: `$ ` begins a command, `> ` goes on with it, the rest is what it prints."""
    steps: list[Step] = []
    for first, text in blocks(page, "console"):
        for number, line in enumerate(text.splitlines(), first):
            if line.startswith("$ "):
                steps.append(Step(number, line[2:], ""))
            elif line.startswith("> ") or line == ">":
                step = steps.pop()
                steps.append(Step(step.line, f"{step.command}\n{line[2:]}", ""))
            else:
                step = steps.pop()
                steps.append(Step(step.line, step.command, f"{step.prints}{line}\n"))
    return steps


def matches(shown: str, printed: str) -> bool:
    """Whether a page's account of an output is right: `…` stands for anything, runs of blanks for each other."""
    parts = [re.escape(" ".join(part.split())) for part in shown.split("…")]
    return (
        re.fullmatch(r"\s*" + r".*?".join(f"{p}\\s*" for p in parts), " ".join(printed.split()), re.DOTALL) is not None
    )


def run_step(step: Step, where: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a step in the directory that the one before left; `where` holds the note of it."""
    note = where / ".cwd"
    at = note.read_text().strip() if note.exists() else str(where)
    script = f"{step.command}\ncode=$?; pwd > '{note}'; exit $code"
    done = subprocess.run(
        ["sh", "-c", script], cwd=at, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


def is_command(line: str) -> bool:
    """Whether the command tree has the words at the start of this line, and the options in it."""
    at = program()
    words = shlex.split(line.replace("…", " ").replace("'", " "), comments=True)[1:]
    while words and hasattr(at, "commands") and not words[0].startswith("-"):
        found = at.commands.get(words.pop(0))
        if found is None:
            return False
        at = found
    known = {name for parameter in at.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return all(w.partition("=")[0] in known | {"--json", "-q", "--help"} for w in words if re.match(r"--?[a-z]", w))
