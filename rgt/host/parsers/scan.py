"""A program of its own that finds problems in a gate's output: problem matchers, and what languages print of a crash.

It is run by the Python of the town with nothing but the standard library, so that an expression that never ends can be
stopped: input is one JSON object (`log`, `matchers`, `traces`, `seconds`), output a JSON object a line. Every line has
`places`, the deepest first, of which those outside the repository are still to be dropped; or `slow`, a matcher that
was given up.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
END = 1_000_000
"""Bytes of the beginning, and as many of the end, of the output that are looked at."""
WIDTH = 2_000
"""Characters of a line that are looked at."""
MOST = 500
"""Problems that one matcher may find."""
GROUPS = ("file", "location", "line", "column", "endLine", "endColumn", "severity", "code", "message", "test")
SEVERITIES = {"e": "error", "f": "error", "w": "warning", "i": "info", "n": "info", "h": "info"}

Row = dict[str, Any]


def main() -> None:
    """Read, look, write."""
    asked = json.load(sys.stdin)
    lines = read_lines(Path(asked["log"]))
    looks: list[tuple[str, Callable[[list[str]], Iterator[Row]]]] = [
        (matcher["name"], functools.partial(matched, matcher)) for matcher in asked["matchers"]
    ]
    looks += [(f"for traces of {look.__name__}", look) for look in TRACES if asked["traces"]]
    for name, look in looks:
        try:
            with at_most(asked["seconds"]):
                for row in itertools.islice(look(lines), MOST):
                    sys.stdout.write(json.dumps(row) + "\n")
        except TimeoutError:
            sys.stdout.write(json.dumps({"slow": name}) + "\n")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End the block with TimeoutError after so many seconds of work; Python's `re` looks for signals while it tries."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def read_lines(log: Path) -> list[str]:
    """The lines of a log without terminal codes, of a very long one those of its beginning and end."""
    with log.open("rb") as file:
        data = file.read(END)
        size = log.stat().st_size
        if size > END:
            file.seek(max(END, size - END))
            data += (b"\n" if size > 2 * END else b"") + file.read(END)
    text = ANSI.sub("", data.decode(errors="replace")).replace("\r\n", "\n")
    return [line[:WIDTH] for line in text.split("\n")]


def matched(matcher: Row, lines: list[str]) -> Iterator[Row]:
    """The problems that a VS Code problem matcher finds: its patterns match lines that follow each other."""
    given = matcher["pattern"]
    patterns = [(re.compile(p["regexp"]), groups_of(p, len(given) == 1), p) for p in given]
    first, rest = patterns[0], patterns[1:]
    at = 0
    while at < len(lines):
        values = captured(lines[at], first)
        at += 1
        if values is None:
            continue
        if not rest:
            yield from problem(values, matcher)
            continue
        for pattern in rest[:-1]:
            found = captured(lines[at], pattern) if at < len(lines) else None
            if found is None:
                break
            values |= found
            at += 1
        else:
            while at < len(lines) and (found := captured(lines[at], rest[-1])) is not None:
                yield from problem(values | found, matcher)
                at += 1
                if not rest[-1][2].get("loop"):
                    break


def groups_of(pattern: Row, alone: bool) -> dict[str, int]:
    """Which group of a pattern is what; a lone expression without any has file, line, column and the whole line."""
    given = {name: pattern[name] for name in GROUPS if pattern.get(name) is not None}
    return given if given or not alone else {"file": 1, "line": 2, "column": 3, "message": 0}


def captured(line: str, pattern: tuple[re.Pattern[str], dict[str, int], Row]) -> Row | None:
    """What the groups of a pattern hold in a line; None when it does not match."""
    found = pattern[0].search(line)
    if found is None:
        return None
    values: Row = {n: found[g] for n, g in pattern[1].items() if g <= pattern[0].groups and found[g]}
    if pattern[2].get("kind") == "file":
        values["whole"] = True
    return values


def problem(values: Row, matcher: Row) -> Iterator[Row]:
    """One problem with its place, when the patterns have given one."""
    if not values.get("file"):
        return
    numbers = [0, 0, 0, 0]
    if "location" in values:
        given = re.findall(r"\d+", values["location"])[:4]
        numbers[: len(given)] = [number(n) for n in given]
    for slot, name in enumerate(("line", "column", "endLine", "endColumn")):
        if name in values:
            numbers[slot] = number(values[name])
    if not numbers[0] and not values.get("whole"):
        return
    where = matcher.get("fileLocation", "relative")
    file = values["file"].strip()
    if isinstance(where, list) and len(where) > 1 and not file.startswith("/"):
        base = re.sub(r"^\$\{\w+\}/?", "", where[1]).strip("/")
        file = f"{base}/{file}" if base else file
    yield {
        "places": [[file, *numbers]],
        "severity": SEVERITIES.get(values.get("severity", "")[:1].lower(), matcher.get("severity", "error")),
        "code": values.get("code", ""),
        "message": values.get("message", ""),
        "test": values.get("test", ""),
        "source": matcher.get("source") or matcher.get("owner") or matcher["name"],
    }


def number(text: str) -> int:
    """A line or column; 0 when it is none that a file could have."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def crash(source: str, frames: list[list[Any]], message: str, test: str = "") -> Row:
    """A problem with the frames that lead to it, the deepest first."""
    return {"places": frames, "severity": "error", "message": message, "source": source, "test": test}


def python(lines: list[str]) -> Iterator[Row]:
    """Tracebacks of Python, also of unittest, whose heading names the test."""
    frames: list[list[Any]] = []
    test = ""
    for line in lines:
        text = line.lstrip(" |+-") if line[:1] in " |" else line
        if heading := re.match(r"(?:ERROR|FAIL): (\w+) \(([\w.]+)\)", text):
            test = heading[2] if heading[2].endswith(f".{heading[1]}") else f"{heading[2]}.{heading[1]}"
            frames = []
        elif text.startswith("Traceback (most recent call last)"):
            frames = []
        elif frame := re.match(r'File "(.+)", line (\d+)', text):
            frames.insert(0, [frame[1], number(frame[2]), 0, 0, 0])
        elif frames and re.match(r"[A-Za-z_][\w.]*(?:: .*)?$", text) and line[:2] != "  ":
            yield crash("python", frames, text, test)
            frames, test = [], ""


def pytest(lines: list[str]) -> Iterator[Row]:
    """Failures as pytest prints them, for runs that our plugin did not see: of errors that came of others, the last."""
    frames: list[list[Any]] = []
    causes: list[list[Any]] = []
    said, test, ended = "", "", False
    for line in [*lines, "___ end of lines ___"]:
        if heading := re.match(r"_{3,} (?:ERROR \w+ )?(\S.*\S) _{3,}$", line):
            if said and (frames or causes):
                yield crash("pytest", [*frames, *causes], said, test)
            frames, causes = [], []
            said, test, ended = "", heading[1], False
        elif line.startswith(("During handling of the above exception", "The above exception was the direct cause")):
            frames, causes = [], [*frames, *causes]
            said, ended = "", False
        elif line.startswith("E  ") and not said:
            said = line[1:].strip()
        elif not said and (frame := re.match(r"(\S.*\.py):(\d+): (?:in \S+)?$", line)):
            frames.insert(0, [frame[1], number(frame[2]), 0, 0, 0])
        elif said and not ended and (end := re.match(r"(\S.*\.py):(\d+): \w+$", line)):
            frames.insert(0, [end[1], number(end[2]), 0, 0, 0])
            ended = True


def go(lines: list[str]) -> Iterator[Row]:
    """Panics of Go."""
    said, test = "", ""
    frames: list[list[Any]] = []
    for line in [*lines, ""]:
        if failed := re.match(r" *--- FAIL: (\S+)", line):
            test = failed[1]
        elif panic := re.match(r"(?:panic|fatal error): (.+?)(?: \[recovered.*)?$", line):
            said, frames = panic[1], []
        elif said and (frame := re.match(r"\t(\S.*\.go):(\d+)(?: \+0x[0-9a-f]+)?$", line)):
            frames.append([frame[1], number(frame[2]), 0, 0, 0])
        elif frames and not line.strip():
            yield crash("go", frames, said, test)
            said, frames = "", []
    if frames:
        yield crash("go", frames, said, test)


VITEST = re.compile(r"\s*❯ (?:.* )?([^\s()]+):(\d+):(\d+)$")
NODE = re.compile(r"\s+at (?:.*\()?((?:file://)?[^()\s][^()]*?):(\d+):(\d+)\)?$")
JAVA = re.compile(r"\s+at (?:[\w.@-]+/)*((?:\w+\.)*)[\w$]+\.[\w$<>]+\((\w+\.(?:java|kt|scala|groovy)):(\d+)\)$")


def stacks(lines: list[str]) -> Iterator[Row]:
    """Stacks of Node, of jest, of vitest and of the JVM: an error, then the frames below it."""
    said, test = "", ""
    frames: list[list[Any]] = []
    for line in [*lines, ""]:
        node, java = NODE.match(line) or VITEST.match(line), JAVA.match(line)
        if node:
            frames.append([node[1], number(node[2]), number(node[3]), 0, 0])
        elif java:
            frames.append([java[1].replace(".", "/") + java[2], number(java[3]), 0, 0, 0])
        elif frames and not line.lstrip().startswith(("at ", "...", "^")):
            if said:
                yield crash("test" if test else "stack", frames, said, test)
            said, test, frames = "", "", []
        if heading := re.match(r" +(?:● |FAIL  \S+ > )(\S.*)$", line):
            said, test = "", heading[1]
        elif test and not said:
            said = line.strip()
        elif error := re.match(r"\s*(?:Caused by: |Uncaught )?([\w.$]*(?:Error|Exception|Failure)\b.*)", line):
            said = error[1] if not frames else said


TRACES = (python, pytest, go, stacks)

if __name__ == "__main__":
    main()
