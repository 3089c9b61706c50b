"""pytest: a plugin of ours writes down where each test failed, whatever the command line says about output.

It is found through an entry point beside it on PYTHONPATH and not by its name: where a gate sets a PYTHONPATH of its
own or runs without one, pytest does not miss it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from rgt.host.parsers.files import Files
from rgt.host.parsers.port import LARGEST, Findings, Run
from rgt.model.diagnostics import Diagnostic

PLUGIN = Path(__file__).with_name("pytest_plugin.py")
# Compiled under a name that is no file: coverage does not measure it.
MODULE = """\
try:
    exec(compile({source!r}, "<rgt>", "exec"), globals())
except Exception:  # A Python too old for it: then nothing is written down.
    pass
"""
METADATA = "Metadata-Version: 2.1\nName: rgt-places\nVersion: 0\n"
ENTRY_POINTS = "[pytest11]\nrgt_places = rgt_places\n"


class Pytest:
    """Failures of tests, fixtures and collection, at the deepest line inside the repository."""

    name = "pytest"
    exact = True

    def prepare(self, run: Run) -> dict[str, str]:
        """Lay the plugin where Python finds it."""
        where = run.reports / "python"
        info = where / "rgt_places-0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (where / "rgt_places.py").write_text(MODULE.format(source=PLUGIN.read_text()))
        (info / "METADATA").write_text(METADATA)
        (info / "entry_points.txt").write_text(ENTRY_POINTS)
        path = [p for p in (os.environ.get("PYTHONPATH", ""), str(where)) if p]
        return {
            "PYTHONPATH": os.pathsep.join(path),
            "RGT_PLACES": str(self._report(run)),
            "RGT_PLACES_ROOT": str(run.tree),
        }

    async def read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
        """What the plugin has written."""
        return Findings(await asyncio.to_thread(lambda: list(self._rows(run, files))))

    def _report(self, run: Run) -> Path:
        return run.reports / "pytest.jsonl"

    def _rows(self, run: Run, files: Files) -> Iterator[Diagnostic]:
        report = self._report(run)
        if not report.is_file():  # No pytest has failed; what a test has put there instead is not waited for.
            return
        with report.open("rb") as file:
            lines = file.read(LARGEST).splitlines()
        for line in lines:
            try:
                row = json.loads(line)
                # Python's strings may hold halves of characters, which no text does.
                said = {k: row[k].encode(errors="replace").decode() for k in ("path", "message", "test")}
                found = Diagnostic(source="pytest", line=row["line"], **said)
            except (ValueError, TypeError, KeyError, AttributeError, ValidationError):
                continue  # The last line of a report that was cut, or one that a test has written.
            if path := files.find(found.path):
                yield found.model_copy(update={"path": path})
