"""Gates of real tools: what they print or write becomes places. `recorded/` has what the tools really said."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rgt.host.parsers import scan
from rgt.host.parsers.files import Files
from rgt.host.parsers.junit import JUnit
from rgt.host.parsers.output import SECONDS, Output, built_in
from rgt.host.parsers.port import Findings, Run
from rgt.model.config import RigConfig
from rgt.model.diagnostics import Diagnostic

RECORDED = Path(__file__).parent / "recorded"
FILES = (
    "src/till/basket.py", "src/till/bad.py", "src/till/ugly.py", "tests/test_basket.py", "src/till.ts", "src/web.js",
    "src/run.mjs", "src/till.test.cjs", "src/till.node.mjs", "src/lib.rs", "basket/basket.go", "basket/basket_test.go",
    "src/till.spec.js", "src/till.c", "src/com/acme/Till.java",
)  # fmt: skip
TYPE_ERROR = 'TypeError: can only concatenate str (not "int") to str'
PLAIN = {
    "ruff-full": [
        "src/till/basket.py:1:8 error ruff `os` imported but unused [F401]",
        "src/till/basket.py:2:1 error ruff `typing.List` is deprecated, use `list` instead [UP035]",
        "src/till/basket.py:2:20 error ruff `typing.List` imported but unused [F401]",
        "src/till/basket.py:10:26 error ruff Undefined name `undefined` [F821]",
    ],
    "ruff-concise": [
        "src/till/basket.py:1:8 error ruff `os` imported but unused [F401]",
        "src/till/basket.py:2:1 error ruff `typing.List` is deprecated, use `list` instead [UP035]",
        "src/till/basket.py:2:20 error ruff `typing.List` imported but unused [F401]",
        "src/till/basket.py:10:26 error ruff Undefined name `undefined` [F821]",
    ],
    "ruff-syntax": [
        "src/till/bad.py:1:12 error ruff Expected a parameter or the end of the parameter list [invalid-syntax]",
        "src/till/bad.py:1:14 error ruff unexpected EOF while parsing [invalid-syntax]",
    ],
    "ruff-format": ["src/till/ugly.py:1:3 error ruff File would be reformatted [unformatted]"],
    "mypy": [
        'src/till/basket.py:6 error mypy Unsupported operand types for + ("str" and "int") [operator]',
        'src/till/basket.py:10 error mypy Name "undefined" is not defined [name-defined]',
    ],
    "mypy-pretty": [
        'src/till/basket.py:6:21 error mypy Unsupported operand types for + ("str" and',
        'src/till/basket.py:10:26 error mypy Name "undefined" is not defined',
    ],
    "tsc": [
        "src/till.ts:2:9 error ts 'unused' is declared but its value is never read. [TS6133]",
        "src/till.ts:3:3 error ts Type 'string' is not assignable to type 'number'. [TS2322]",
        "src/till.ts:5:7 error ts Argument of type 'string' is not assignable to parameter of type "
        "'number[]'. [TS2345]",
    ],
    "tsc-pretty": [
        "src/till.ts:2:9 error ts 'unused' is declared but its value is never read. [TS6133]",
        "src/till.ts:3:3 error ts Type 'string' is not assignable to type 'number'. [TS2322]",
        "src/till.ts:5:7 error ts Argument of type 'string' is not assignable to parameter of type "
        "'number[]'. [TS2345]",
    ],
    "eslint": [
        "src/web.js:2:9 error eslint 'unused' is assigned a value but never used [no-unused-vars]",
        "src/web.js:3:9 warning eslint Expected '===' and instead saw '==' [eqeqeq]",
        "src/web.js:3:24 error eslint 'g' is not defined [no-undef]",
    ],
    "cargo-build": ["src/lib.rs:2:23 error rustc mismatched types [E0308]"],
    "cargo-short": ["src/lib.rs:2:23 error rustc mismatched types: expected `i32`, found `&str` [E0308]"],
    "cargo-test": [
        "src/lib.rs:2:9 warning rustc unused variable: `unused`",
        "src/lib.rs:12:9 error cargo test assertion `left == right` failed (tests::sums)",
        "src/lib.rs:17:34 error cargo test called `Result::unwrap()` on an `Err` value: "
        "ParseIntError { kind: InvalidDigit } (tests::parses)",
    ],
    "go-build": [
        'basket/basket.go:11:9 error go cannot use "x" (untyped string constant) as int value in return statement'
    ],
    "go-vet": ['basket/basket.go:10:14 error go fmt.Printf format %d has arg "x" of wrong type string'],
    "go-test": [
        "basket/basket_test.go:7 error go test got 4, want 3 (TestTotal)",
        "basket/basket_test.go:10 error go test got nothing (TestTotal/empty)",
        "basket/basket_test.go:7 error go test got 4, want 3",
        "basket/basket_test.go:10 error go test got nothing",
        "basket/basket_test.go:16 error go assignment to entry in nil map (TestPanic)",
    ],
    "jest": ["src/till.test.cjs:5:21 error test expect(received).toBe(expected) // Object.is equality (adds)"],
    "vitest": [
        "src/till.spec.js:8:21 error test AssertionError: expected 4 to be 3 // Object.is equality (adds)"
    ],
    "java": [
        'src/com/acme/Till.java:12 error stack Exception in thread "main" java.lang.IllegalStateException: no till',
        "src/com/acme/Till.java:5 error stack java.lang.ArrayIndexOutOfBoundsException: "
        "Index 3 out of bounds for length 1",
    ],
    "gcc": [
        "src/till.c:4:3 error cc ‘retrun’ undeclared (first use in this function)",
        "src/till.c:4:9 error cc expected ‘;’ before numeric constant",
        "src/till.c:3:7 warning cc unused variable ‘unused’ [-Wunused-variable]",
    ],
    "pyright": [
        'src/till/basket.py:6:12 error pyright Operator "+" not supported for types "Literal[\'much\']" and "int" '
        "[reportOperatorIssue]",
        'src/till/basket.py:10:26 error pyright "undefined" is not defined [reportUndefinedVariable]',
    ],
    "node": ["src/run.mjs:2:9 error stack TypeError: no till"],
    "traceback": [f"src/till/basket.py:6 error python {TYPE_ERROR}"],
    "unittest": [
        f"src/till/basket.py:6 error python {TYPE_ERROR} (tests.test_basket.TestTotal.test_sum)",
        "tests/test_basket.py:13 error python AssertionError: 1 != 2 (tests.test_basket.TestTotal.test_wrong)",
    ],
    "pytest-long": [
        f"src/till/basket.py:6 error pytest {TYPE_ERROR} (TestTotal.test_sum)",
        "tests/test_basket.py:13 error pytest AssertionError: 1 != 2 (TestTotal.test_wrong)",
    ],
    "pytest-short": [
        f"src/till/basket.py:6 error pytest {TYPE_ERROR} (TestTotal.test_sum)",
        "tests/test_basket.py:13 error pytest AssertionError: 1 != 2 (TestTotal.test_wrong)",
    ],
}  # fmt: skip
REPORTS = {
    "pytest-junit": [
        f"src/till/basket.py:6 error junit {TYPE_ERROR} (tests.test_basket.TestTotal.test_sum)",
        "tests/test_basket.py:13 error junit AssertionError: 1 != 2 (tests.test_basket.TestTotal.test_wrong)",
    ],
    "pytest-xunit1": [
        f"src/till/basket.py:6 error junit {TYPE_ERROR} (tests.test_basket.TestTotal.test_sum)",
        "tests/test_basket.py:13 error junit AssertionError: 1 != 2 (tests.test_basket.TestTotal.test_wrong)",
    ],
    "jest-junit": [
        "src/till.test.cjs:5:21 error junit Error: expect(received).toBe(expected) // Object.is equality (adds)"
    ],
    "vitest-junit": [
        "src/till.spec.js:8:21 error junit expected 4 to be 3 // Object.is equality (src/till.spec.js.adds)"
    ],
    "gotestsum": [
        "basket/basket_test.go:10 error junit got nothing (example.com/till/basket.TestTotal/empty)",
        "basket/basket_test.go:7 error junit got 4, want 3 (example.com/till/basket.TestTotal)",
        "basket/basket_test.go:16 error junit assignment to entry in nil map (example.com/till/basket.TestPanic)",
    ],
    "node-junit": [
        "src/till.node.mjs:5:10 error junit Expected values to be strictly equal:2 !== 3 (test.adds)"
    ],
}  # fmt: skip


def told(found: Diagnostic) -> str:
    return f"{found.place} {found.severity} {found.source} {found.words()}" + (f" ({found.test})" if found.test else "")


def a_run(tmp: Path, log: str = "", **more: object) -> Run:
    (tmp / "log").write_text(log)
    return Run(**{"tree": tmp, "log": tmp / "log", "reports": tmp / "reports", **more})  # type: ignore[arg-type]


async def scanned(tmp: Path, log: str, *names: str, matchers: Sequence[Mapping[str, Any]] = ()) -> Findings:
    return await Output().read(a_run(tmp, log, matchers=matchers), Files(tmp, names or FILES), frozenset())


def test_every_recording_is_read() -> None:
    assert {p.stem for p in RECORDED.iterdir()} == {*PLAIN, *REPORTS}


@pytest.mark.parametrize("name", PLAIN)
async def test_output_of_real_tools(tmp: Path, name: str) -> None:
    text = (RECORDED / f"{name}.txt").read_text().replace("{top}", str(tmp))
    found = await scanned(tmp, text)
    assert [told(d) for d in found.diagnostics] == PLAIN[name]
    assert found.notes == []


@pytest.mark.parametrize("name", REPORTS)
async def test_junit_reports_of_real_tools(tmp: Path, name: str) -> None:
    report = tmp / "out" / "junit.xml"
    report.parent.mkdir()
    report.write_text((RECORDED / f"{name}.xml").read_text().replace("{top}", str(tmp)))
    found = await JUnit().read(a_run(tmp, report="out/*.xml"), Files(tmp, FILES), frozenset())
    assert [told(d) for d in found.diagnostics] == REPORTS[name]
    assert found.notes == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (None, "it wrote no r.xml"),
        ("<broken", "r.xml is no JUnit report: "),
        ("<html><p/></html>", "r.xml is no JUnit report: "),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuites/>', "r.xml is not read: it declares a document type"),
        ("x" * 5_000_001, "r.xml is not read: it is larger than 5 MB"),
    ],
)
async def test_reports_that_cannot_be_read_are_said(tmp: Path, text: str | None, note: str) -> None:
    if text is not None:
        (tmp / "r.xml").write_text(text)
    found = await JUnit().read(a_run(tmp, report="r.xml"), Files(tmp, FILES), frozenset())
    assert found.diagnostics == []
    assert len(found.notes) == 1 and found.notes[0].startswith(note)


async def test_an_old_report_is_none_of_this_run(tmp: Path) -> None:
    (tmp / "r.xml").write_text((RECORDED / "jest-junit.xml").read_text().replace("{top}", str(tmp)))
    os.utime(tmp / "r.xml", (1, 1))
    found = await JUnit().read(a_run(tmp, report="r.xml", started=time.time()), Files(tmp, FILES), frozenset())
    assert (found.diagnostics, found.notes) == ([], ["it wrote no r.xml"])


async def test_a_matcher_of_the_rig_comes_first_and_may_loop(tmp: Path) -> None:
    tables = RigConfig.model_validate(
        {
            "matcher": [
                {
                    "name": "house",
                    "fileLocation": ["relative", "${workspaceFolder}/src"],
                    "pattern": [
                        {"regexp": r"^## (.+)$", "file": 1},
                        {
                            "regexp": r"^- at ([\d,]+) (\w+) (.+)$",
                            "location": 1,
                            "severity": 2,
                            "message": 3,
                            "loop": True,
                        },
                    ],
                },
                {"name": "whole", "pattern": {"regexp": r"^bad file (\S+)$", "kind": "file", "file": 1, "message": 0}},
                {"pattern": {"regexp": r"^(\S+?)\|(\d+)\|(\d+)$"}},
            ]
        }
    ).matcher_tables()
    log = "## web.js\n- at 3 warn no\n- at 4,5,6,7 E yes\nnothing\nbad file src/lib.rs\nsrc/till.ts|8|9\n"
    found = (await scanned(tmp, log, matchers=tuple(tables))).diagnostics
    assert [told(d) for d in found] == [
        "src/web.js:3 warning house no",
        "src/web.js:4:5 error house yes",
        "src/lib.rs error whole bad file src/lib.rs",
        "src/till.ts:8:9 error number 3 of rig.toml src/till.ts|8|9",
    ]
    assert (found[1].end_line, found[1].end_column) == (6, 7)


async def test_an_expression_that_never_ends_is_stopped_and_named(tmp: Path) -> None:
    evil = {"name": "evil", "pattern": [{"regexp": r"^(a+)+$", "file": 1, "line": 1, "message": 1}]}
    start = time.monotonic()
    found = await scanned(tmp, "a" * 60 + "!\nsrc/web.js:2:3: error: still found\n", matchers=(evil,))
    assert found.notes == ["matcher evil took too long and was stopped; its expression backtracks"]
    assert [d.place for d in found.diagnostics] == ["src/web.js:2:3"]
    assert time.monotonic() - start < SECONDS + 20


async def test_a_huge_log_is_read_at_both_ends(tmp: Path) -> None:
    noise = "compiling something that prints a line of ordinary length, again and again\n" * 200_000
    log = f"src/web.js:1:1: error: first\n{noise}src/web.js:2:2: error: last\n{'x' * 100_000}\n"
    found = await scanned(tmp, log)
    assert [d.message for d in found.diagnostics] == ["first", "last"]


async def test_what_is_no_file_of_the_repository_is_dropped(tmp: Path) -> None:
    log = "".join(
        f"{path}:3:1: error: x\n"
        for path in (
            "/usr/include/stdio.h",
            "../out.c",
            "gone.c",
            "src/../src/a.c",
            "./src/a.c",
            f"{tmp}/src/a.c",
            "b.c",
        )
    )
    found = await scanned(tmp, log, "src/a.c", "one/b.c", "two/b.c")
    assert [d.path for d in found.diagnostics] == ["src/a.c"] * 3


def test_the_shipped_matchers_are_as_those_of_a_rig() -> None:
    config = RigConfig.model_validate({"matcher": list(built_in())})
    names = [m.name for m in config.matchers]
    assert all(names) and len(set(names)) == len(names)


def test_matchers_are_no_slower_than_reading(tmp: Path) -> None:
    """Long lines of every sort cost no matcher of ours more than moments: none of them backtracks."""
    parts = (
        "a",
        " ",
        "a:",
        "a/b.py:1:",
        " at (",
        "(1,2): ",
        "E0 ",
        "'",
        "thread '",
        "a.",
        "at a.b(",
        "error",
        "- ",
        "\t",
    )
    lines = [(part * 2000)[:2000] for part in parts]
    looks: list[tuple[str, Any]] = [(m["name"], partial(scan.matched, m)) for m in built_in()]
    looks += [(look.__name__, look) for look in scan.TRACES]
    for name, look in looks:
        start = time.process_time()
        list(look(lines))
        assert time.process_time() - start < 0.5, name
