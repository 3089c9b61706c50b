"""JUnit XML: the report file that the rig names for a gate."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from junitparser import JUnitXml, TestCase, TestSuite
from junitparser.junitparser import JUnitXmlError

from rgt.host.parsers import scan
from rgt.host.parsers.files import Files
from rgt.host.parsers.port import LARGEST, Findings, Run
from rgt.model.diagnostics import Diagnostic

REPORTS = 50
"""Files that one pattern may mean."""
PLACE = re.compile(r"([\w./@+-]+\.\w+):(\d{1,8})(?::(\d{1,8}))?")


class JUnit:
    """Failed and broken test cases, at the deepest place that their text names, else where the report puts them."""

    name = "junit"
    exact = True

    def prepare(self, run: Run) -> dict[str, str]:
        """Nothing: the gate's own command writes the report."""
        return {}

    async def read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
        """What the reports of this run say; what pytest has told us itself is not read again."""
        if not run.report:
            return Findings()
        return await asyncio.to_thread(self._read, run, files, known)

    def _read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
        found = Findings()
        reports = [p for p in sorted(run.tree.glob(run.report)) if p.is_file() and p.stat().st_mtime >= run.started - 2]
        if not reports:
            found.notes.append(f"it wrote no {run.report}")
        if len(reports) > REPORTS:
            found.notes.append(f"of {len(reports)} reports {REPORTS} were read")
        for report in reports[:REPORTS]:
            name = report.relative_to(run.tree)
            if why := unreadable(report):
                found.notes.append(f"{name} is not read: {why}")
                continue
            try:
                found.diagnostics += (d for case in cases(report, known) for d in failures(case, files))
            except (JUnitXmlError, ParseError, ValueError, TypeError, AttributeError) as e:
                found.notes.append(f"{name} is no JUnit report: {str(e)[:100] or type(e).__name__}")
        return found


def unreadable(report: Path) -> str:
    """Why a file is better not given to an XML parser; empty when it may be."""
    if report.stat().st_size > LARGEST:
        return f"it is larger than {LARGEST // 1_000_000} MB"
    # Reports have no declarations; what has them may make a parser eat memory.
    return "it declares a document type" if b"<!DOCTYPE" in report.read_bytes() else ""


def cases(report: Path, known: frozenset[str]) -> Iterator[TestCase]:
    """The test cases of a report, of suites in suites too, and of a root that holds them without a suite."""
    xml = JUnitXml.fromfile(str(report))
    stack: list[JUnitXml | TestSuite] = [xml]
    while stack:
        at = stack.pop()
        if at.name == "pytest" and "pytest" in known:
            continue
        # The cases of a suite, and those that node's runner puts beside the suites.
        yield from at.iterchildren(TestCase)  # type: ignore[no-untyped-call]
        stack += reversed(list(at.iterchildren(TestSuite)))  # type: ignore[no-untyped-call]


def failures(case: TestCase, files: Files) -> Iterator[Diagnostic]:
    """A diagnostic for each failure and error of a case that has a place in the repository."""
    test = ".".join(dict.fromkeys(part.strip() for part in (case.classname, case.name) if part and part.strip()))
    for result in case.result:
        if result._tag not in ("failure", "error"):
            continue
        text = result.text or ""
        path, line, column, there = place(text, files) or stated(case, files)
        if path:
            said = result.message or ""
            if said.lower() in ("", "failed"):
                said = there or next((x.strip() for x in text.splitlines() if x.strip()), "failed")
            yield Diagnostic(path=path, line=line, column=column, message=said, source="junit", test=test)


Named = tuple[str, int, int, str]
"""File, line, column, and what was said there."""


def place(text: str, files: Files) -> Named | None:
    """The deepest place in the repository that a failure's text names: of a stack when there is one."""
    lines = [line[: scan.WIDTH] for line in text.splitlines()[:2_000]]
    for look in scan.TRACES:
        for row in look(lines):
            for given, line, column, _, _ in row["places"]:
                if path := files.find(given):
                    return path, line, column, row["message"]
    for line_text in lines:
        for named in PLACE.finditer(line_text):
            if path := files.find(named[1]):
                return path, int(named[2]), int(named[3] or 0), line_text[named.end() :].lstrip(": ").rstrip()
    return None


def stated(case: TestCase, files: Files) -> Named:
    """Where the report says that the case is, by attributes that some tools write."""
    given, line = (case._elem.get(key) or "" for key in ("file", "line"))
    return (files.find(given) if given else ""), scan.number(line), 0, ""
