"""The plain output of a gate: problem matchers, our own and the rig's, and what languages print of a crash."""

from __future__ import annotations

import functools
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rgt.host.parsers.files import Files
from rgt.host.parsers.port import Findings, Run
from rgt.host.run import run as run_program
from rgt.model.diagnostics import Diagnostic

SCAN = Path(__file__).with_name("scan.py")
BUILT_IN = Path(__file__).with_name("matchers.toml")
SECONDS = 2.0
"""Work that one matcher may be; what it has found until then counts."""
TIMEOUT = 120.0
"""Seconds after which the whole look is given up, on a machine that has no time for it."""


class Output:
    """What the gate has printed, read by a program that can be stopped."""

    name = "output"
    exact = False

    def prepare(self, run: Run) -> dict[str, str]:
        """Nothing: tools print what they print."""
        return {}

    async def read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
        """Problems with files of the repository. Crashes are read only when nobody knows better what they were."""
        asked = {
            "log": str(run.log),
            "matchers": [*(_named(m, n) for n, m in enumerate(run.matchers, 1)), *built_in()],
            "traces": not known,
            "seconds": SECONDS,
        }
        done = await run_program(
            [sys.executable, "-I", "-S", str(SCAN)], stdin=json.dumps(asked).encode(), timeout=TIMEOUT
        )
        if done.code:
            raise OSError(f"the scan of the output ended with {done.code}: {done.err.strip()[-300:]}")
        found = Findings()
        for line in done.out.splitlines():
            row = json.loads(line)
            if slow := row.get("slow"):
                found.notes.append(f"matcher {slow} took too long and was stopped; its expression backtracks")
            elif one := _diagnostic(row, files):
                found.diagnostics.append(one)
        return found


@functools.cache
def built_in() -> tuple[dict[str, Any], ...]:
    """The matchers of `matchers.toml`."""
    tables = tomllib.loads(BUILT_IN.read_text(encoding="utf-8"))["matcher"]
    return tuple(_named(table, n) for n, table in enumerate(tables, 1))


def _named(matcher: Mapping[str, Any], number: int) -> dict[str, Any]:
    patterns = matcher["pattern"]
    name = matcher.get("name") or f"number {number} of rig.toml"
    return {**matcher, "name": name, "pattern": patterns if isinstance(patterns, list) else [patterns]}


def _diagnostic(row: Mapping[str, Any], files: Files) -> Diagnostic | None:
    for given, line, column, end_line, end_column in row["places"]:
        if path := files.find(given):
            more = {key: row.get(key, "") for key in ("severity", "code", "message", "source", "test")}
            return Diagnostic(path=path, line=line, column=column, end_line=end_line, end_column=end_column, **more)
    return None
