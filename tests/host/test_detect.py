"""Proposed gates and targets, from real trees and real git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rgt.host.detect import detect_gates, detect_target
from rgt.model.errors import RgtError

PYTEST = ("test", "python3 -m pytest -q")
UNITTEST = ("test", "python3 -m unittest discover -q")


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "repo").mkdir(exist_ok=True)
    return root / "repo"


@pytest.mark.parametrize(
    ("files", "gates"),
    [
        ({}, []),
        ({"README.md": "pytest"}, []),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, [PYTEST]),
        ({"pyproject.toml": "[project]\nname='x'\n"}, []),
        ({"pyproject.toml": "[broken"}, []),
        ({"pytest.ini": ""}, [PYTEST]),
        ({"setup.cfg": "[tool:pytest]\n"}, [PYTEST]),
        ({"tests/test_a.py": "import pytest\n"}, [PYTEST]),
        ({"tests/unit/test_a.py": "def test_a():\n    pass\n"}, [PYTEST]),
        ({"test_a.py": "def test_a(): pass\n"}, [PYTEST]),
        ({"test_a.py": "class TestA:\n    def test_a(self): pass\n"}, [PYTEST]),
        ({"test_a.py": "import unittest\n\nclass A(unittest.TestCase):\n    pass\n"}, [UNITTEST]),
        ({"tests/__init__.py": "", "tests/test_a.py": "from unittest import TestCase\n"}, [UNITTEST]),
        ({"tests/test_a.py": "import unittest\n"}, [("test", "python3 -m unittest discover -q -s tests")]),
        ({"tests/test_a.py": "import unittest\n", "pytest.ini": ""}, [PYTEST]),
        ({"Cargo.toml": ""}, [("test", "cargo test")]),
        ({"go.mod": "module x"}, [("test", "go test ./...")]),
        ({"package.json": '{"scripts": {"test": "vitest run"}}'}, [("test", "npm test")]),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, []),
        ({"package.json": '{"scripts": {"build": "x"}}'}, []),
        ({"package.json": "[]"}, []),
        ({"package.json": '{"scripts": ["test"]}'}, []),
        ({"package.json": "{"}, []),
        ({"Makefile": "all:\n\ntest: all\n\t./check\n"}, [("test", "make test")]),
        ({"Makefile": "test := 1\ntests:\n"}, []),
        ({"Makefile": "test:\n\tcargo test\n", "Cargo.toml": ""}, [("test", "cargo test")]),
        ({"go.mod": "", "pytest.ini": ""}, [("test-python", PYTEST[1]), ("test-go", "go test ./...")]),
    ],
)
def test_gates_that_fit_the_tree(tmp: Path, files: dict[str, str], gates: list[tuple[str, str]]) -> None:
    found = detect_gates(tree(tmp, files))
    assert [(g.name, g.run) for g in found] == gates
    assert all(g.timeout.seconds == 600 for g in found)


@pytest.mark.parametrize(
    ("files", "run"),
    [
        (["pytest.ini", ".venv/lib/python3.12/site-packages/pytest/__init__.py"], "{}/.venv/bin/python -m pytest -q"),
        (
            ["src/x.py", "pytest.ini", "venv/lib/python3.12/site-packages/pytest/__init__.py"],
            "PYTHONPATH=src:$PYTHONPATH {}/venv/bin/python -m pytest -q",
        ),
        (["src/x.py", "pytest.ini"], "PYTHONPATH=src:$PYTHONPATH python3 -m pytest -q"),
        (["pytest.ini", ".venv/lib/python3.12/site-packages/other/__init__.py"], "python3 -m pytest -q"),
        (["test_a.py", ".venv/x"], "{}/.venv/bin/python -m unittest discover -q"),
    ],
)
def test_the_repository_s_own_environment_runs_its_tests(tmp: Path, files: list[str], run: str) -> None:
    repo = tree(tmp, {name: "import unittest\n" if name == "test_a.py" else "" for name in files})
    for environment in (*repo.glob(".venv"), *repo.glob("venv")):
        (environment / "bin").mkdir()
        (environment / "bin" / "python").write_text("")
    (gate,) = detect_gates(repo)
    assert gate.run == run.format(repo)


def test_what_is_tested_is_not_what_its_environment_has_installed(tmp: Path) -> None:
    """An editable installation leads to the files of the person's checkout, which no candidate has changed."""
    repo = tree(tmp, {"src/hats.py": "N = 1\n", "tests/test_a.py": "import unittest, hats\n\nprint(hats.__file__)\n"})
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", repo / ".venv"], check=True, timeout=60)
    [installed] = (repo / ".venv").glob("lib/python3*/site-packages")
    (installed / "hats.pth").write_text(f"{repo / 'src'}\n")
    (gate,) = detect_gates(repo)
    candidate = tmp / "candidate"
    shutil.copytree(repo, candidate, ignore=shutil.ignore_patterns(".venv"))
    done = subprocess.run(gate.run, shell=True, cwd=candidate, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(candidate / "src" / "hats.py")], done.stderr


def test_odd_trees_are_survived(tmp: Path) -> None:
    """B83"""
    repo = tree(tmp, {"tests/test_x.py/keep": "", "Makefile/keep": ""})
    (repo / "pyproject.toml").write_bytes(b"\xff\xfe\0")
    (repo / "test_y.py").symlink_to(repo / "nowhere")
    (repo / "package.json").write_text("[" * 100_000)
    os.mkfifo(repo / "pytest.ini")
    assert detect_gates(repo) == []
    assert detect_gates(repo / "gone") == []


@pytest.mark.parametrize("start", ["tests", ""])
def test_a_proposed_unittest_gate_finds_the_tests(tmp: Path, start: str) -> None:
    case = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        self.fail('found')\n"
    repo = tree(tmp, {str(Path(start, "test_a.py")): case})
    (gate,) = detect_gates(repo)
    done = subprocess.run(gate.run, shell=True, cwd=repo, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "found" in done.stderr


def git(at: Path, *args: str) -> None:
    subprocess.run(["git", "-C", str(at), *args], check=True, capture_output=True, timeout=60)


async def test_the_target_is_the_default_branch_else_the_current_one(tmp: Path) -> None:
    repo = tree(tmp, {"a": ""})
    with pytest.raises(RgtError, match="is no git repository"):
        await detect_target(repo)
    git(repo, "init", "-b", "trunk")
    assert await detect_target(repo) == "trunk"
    git(repo, "add", "a")
    git(repo, "commit", "-m", "a")
    git(tmp, "clone", str(repo), "clone")
    git(tmp / "clone", "switch", "-c", "feature")
    assert await detect_target(tmp / "clone") == "trunk"
    git(repo, "switch", "--detach")
    with pytest.raises(RgtError, match="no branch is checked out"):
        await detect_target(repo)
    git(repo, "branch", "main")
    assert await detect_target(repo) == "main"
