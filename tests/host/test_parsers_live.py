"""Gates that are run and then read: pytest with our plugin and without it, and parsers that break."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from rgt.host import parsers
from rgt.host.findings import run_and_read
from rgt.host.parsers.files import Files
from rgt.host.parsers.junit import JUnit
from rgt.host.parsers.port import Findings, Run
from rgt.host.parsers.pytest_report import PLUGIN
from rgt.model.queue import GateResult, GateSpec
from tests.repos import make_repo, sh

SUITE = {
    "till.py": "def total(basket):\n    return sum(basket) + 1\n\n\ndef boom():\n    raise ValueError('no till')\n",
    "helper.py": "def check(a, b):\n    __tracebackhide__ = True\n    assert a == b\n",
    "conftest.py": (
        "import pytest\n\n\n@pytest.fixture\ndef broken():\n    raise RuntimeError('no basket')\n\n\n"
        "@pytest.fixture\ndef leaky():\n    yield\n    raise RuntimeError('cannot close')\n"
    ),
    "test_a.py": (
        "import unittest\n\nimport pytest\n\nfrom helper import check\nfrom till import boom, total\n\n\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_each(n):\n    assert total([n]) == n + n % 2\n\n\n"
        "def test_deep():\n    boom()\n\n\ndef test_hidden():\n    check(1, 2)\n\n\n"
        "def test_setup(broken):\n    pass\n\n\ndef test_teardown(leaky):\n    pass\n\n\n"
        "def test_absent(nothing):\n    pass\n\n\n"
        "@pytest.mark.xfail\ndef test_expected():\n    assert False\n\n\n"
        "def test_skipped():\n    pytest.skip('no')\n\n\nclass TestOld(unittest.TestCase):\n    def test_old(self):\n"
        "        self.assertEqual(1, 2)\n"
    ),
}
EXPECTED = {
    "test_a.py::test_each[2]": ("test_a.py", 11, "assert 3 == (2 + (2 % 2))"),
    "test_a.py::test_deep": ("till.py", 6, "ValueError: no till"),
    "test_a.py::test_hidden": ("test_a.py", 19, "AssertionError"),
    "test_a.py::test_setup": ("conftest.py", 6, "in setup: RuntimeError: no basket"),
    "test_a.py::test_teardown": ("conftest.py", 12, "in teardown: RuntimeError: cannot close"),
    "test_a.py::test_absent": ("test_a.py", 30, "in setup: "),
    "test_a.py::TestOld::test_old": ("test_a.py", 45, "AssertionError: 1 != 2"),
}


async def gate(tmp: Path, run: str, files: dict[str, str], **env: str) -> GateResult:
    make_repo(tmp / "repo", files)
    spec = GateSpec(name="test", run=run)
    return await run_and_read(spec, tmp / "repo", tmp / "logs/test.log", env, lambda _: None)


PYTEST = f"{sys.executable} -B -m pytest -p no:cacheprovider"


@pytest.mark.parametrize("how", ["-q", "-q --tb=no", "-v --tb=native -n 2", "-q -W error -p no:asyncio"])
async def test_pytest_tells_the_deepest_line_whatever_it_prints(tmp: Path, how: str) -> None:
    # Workers of xdist do not inherit -B.
    got = await gate(tmp, f"{PYTEST} {how}", SUITE, PYTHONDONTWRITEBYTECODE="1")
    assert got.outcome == "fail", got.tail
    found = {d.test: (d.path, d.line) for d in got.diagnostics}
    assert found == {test: (path, line) for test, (path, line, _) in EXPECTED.items()}, got.tail
    for d in got.diagnostics:
        assert d.message.startswith(EXPECTED[d.test][2]), d
        assert d.source == "pytest"
    assert not (tmp / "logs/test.reports").exists()
    assert sh(tmp / "repo", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("files", "place", "message"),
    [
        ({"test_b.py": "import nowhere\n"}, "test_b.py:1", "ModuleNotFoundError: No module named 'nowhere'"),
        ({"test_b.py": "x = 1\ndef broken(:\n    pass\n"}, "test_b.py:2", "SyntaxError: invalid syntax"),
        ({"test_b.py": "from lib import f\n", "lib.py": "\n1 / 0\n"}, "lib.py:2", "ZeroDivisionError: "),
        (
            {"test_b.py": "def test_x(): pass\n", "conftest.py": "\nimport nowhere\n"},
            "conftest.py:2",
            "ModuleNotFoundError",
        ),
    ],
)
async def test_pytest_that_cannot_collect(tmp: Path, files: dict[str, str], place: str, message: str) -> None:
    got = await gate(tmp, f"{PYTEST} -q", files)
    assert got.outcome == "fail", got.tail
    assert [d.place for d in got.diagnostics] == [place], got.tail
    assert message in got.diagnostics[0].message


@pytest.mark.parametrize(
    "run",
    [
        f"PYTHONPATH=. {PYTEST} -q test_a.py",
        f"{sys.executable} -I -B -m pytest -q -p no:cacheprovider test_a.py -o pythonpath=.",
        f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {PYTEST} -q test_a.py",
        f"env -i PATH=/usr/bin:/bin {PYTEST} -q test_a.py",
    ],
)
async def test_a_run_without_our_plugin_goes_as_it_would(tmp: Path, run: str) -> None:
    """Its output is read instead."""
    got = await gate(tmp, run, SUITE)
    assert got.exit_code == 1 and "4 failed" in got.tail, got.tail
    assert {"till.py:6", "test_a.py:11"} <= {d.place for d in got.diagnostics}


@pytest.mark.parametrize("how", ["", "--tb=short"])
async def test_of_errors_that_came_of_others_the_last_is_read(tmp: Path, how: str) -> None:
    """And of one that is outside the repository what led to it."""
    files = {
        "lib.py": "def f():\n    try:\n        {}[1]\n    except KeyError as e:\n        raise OSError(1) from e\n",
        "test_a.py": "from lib import f\n\n\ndef test_a():\n    f()\n",
        "test_b.py": "from importlib.metadata import version\n\nversion('nowhere')\n",
    }
    got = await gate(tmp, f"PYTHONPATH=. {PYTEST} --continue-on-collection-errors {how}", files)
    assert got.exit_code == 1, got.tail
    assert sorted((d.place, d.message) for d in got.diagnostics) == [
        ("lib.py:5", "OSError: 1"),
        ("test_b.py:3", "importlib.metadata.PackageNotFoundError: No package metadata was found for nowhere"),
    ]


async def test_messages_that_are_no_text(tmp: Path) -> None:
    got = await gate(
        tmp, f"{PYTEST} -q", {"test_a.py": "def test_a():\n    raise ValueError('\\udc80 \\0 \\x1b[31mred')\n"}
    )
    assert [(d.place, d.message) for d in got.diagnostics] == [("test_a.py:2", "ValueError: ?   red")]


def test_our_plugin_is_written_for_old_pythons() -> None:
    """Its syntax, that is: it was tried with 3.6 and pytest 7.0, 3.8 and 5.4, 3.13 and 9.0, and is left out by 2.7."""
    text = PLUGIN.read_text()
    ast.parse(text, feature_version=(3, 6))
    assert text.isascii()
    assert not re.search(r": \w+ = yield", text), "3.8"


async def test_our_plugin_does_not_show(tmp: Path) -> None:
    """Nothing of it is in a run that passes: no file, no warning, nothing on the path that shadows another module."""
    files = {
        "test_ok.py": "import os, sys\n\n\ndef test_ok():\n    places = [p for p in sys.path if 'reports' in p]\n"
        "    assert [os.listdir(p) for p in places] and 'rgt' not in sys.modules\n"
    }
    got = await gate(tmp, f"{PYTEST} -q -W error -p no:asyncio", files)
    assert got.outcome == "pass", got.tail
    assert got.diagnostics == [] and not (tmp / "logs/test.reports").exists()


async def test_a_gate_that_passes_or_gives_no_answer_is_not_read(tmp: Path) -> None:
    for name, run in (("a", "echo 'a.py:1:1: error: x'"), ("b", "echo 'a.py:1:1: error: x'; kill -9 $$")):
        got = await gate(tmp / name, run, {"a.py": ""})
        assert got.outcome != "fail" and got.diagnostics == []


async def test_a_parser_that_breaks_breaks_nothing_else(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(JUnit):
        async def read(self, run: Run, files: Files, known: frozenset[str]) -> Findings:
            raise RuntimeError("no")

    monkeypatch.setattr(parsers, "PARSERS", (Broken(), *parsers.PARSERS))
    got = await gate(tmp, "echo 'a.py:1:1: error: x'; exit 1", {"a.py": "x\n"})
    assert [d.place for d in got.diagnostics] == ["a.py:1:1"]
    assert got.notes == ["parser junit failed, see the worker's log"]
