"""The shape of the house: which ring may import which, and that files stay of a size one can read."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import rgt

ROOT = Path(rgt.__file__).parent
MAY_IMPORT = {
    "model": set[str](),
    "host": {"model"},
    "client": {"model", "host"},
    "worker": {"model", "host", "client"},
    "lsp": {"model", "host", "client"},
    "cli": {"model", "host", "client", "worker"},
}
IMPURE = {"temporalio", "asyncio", "subprocess", "os", "socket", "shutil", "tempfile", "libtmux", "psutil", "threading"}
LONGEST = 450
"""Lines of a file at most."""
MODULES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, late imports too, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the ring"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{a.name}") for a in node.names if node.module == "rgt")


@pytest.mark.parametrize("ring", MAY_IMPORT)
def test_a_ring_imports_only_what_lies_inside_it(ring: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / ring).rglob("*.py"))
        for line, name in imported(path)
        if name.startswith("rgt.") and name.split(".")[1] not in {ring, "__version__", *MAY_IMPORT[ring]}
    ]
    assert not wrong


def test_the_model_has_no_io() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / "model").rglob("*.py"))
        for line, name in imported(path)
        if name.split(".")[0] in IMPURE and not (path.name == "home.py" and name == "os")
    ]
    assert not wrong


def test_only_the_language_server_knows_lsp() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in MODULES
        for line, name in imported(path)
        if name.split(".")[0] in ("lsprotocol", "pygls") and "lsp" not in path.relative_to(ROOT).parts[:1]
    ]
    assert not wrong


def test_workflow_code_is_imported_by_the_worker_alone() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in MODULES
        for line, name in imported(path)
        if name.startswith("rgt.worker.workflows") and path.relative_to(ROOT).parts[0] != "worker"
    ]
    assert not wrong


def test_every_dependency_is_declared() -> None:
    """What the package imports is in the standard library, in itself, or in pyproject.toml."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=!;~ ]", d)[0].replace("-", "_") for d in project["dependencies"]}
    found = {name.split(".")[0] for path in MODULES for _, name in imported(path)}
    # pydantic_core is the other half of pydantic; what imports pytest runs inside of a pytest.
    ours = {"rgt", "pydantic_core", "reporting", "hook", "pytest"}
    assert found - declared - {*sys.stdlib_module_names, *ours} == set()


@pytest.mark.parametrize("folder", ["rgt", "tests", "bench"])
def test_files_are_short_enough_to_be_read(folder: str) -> None:
    sizes = {p: len(p.read_text().splitlines()) for p in sorted((ROOT.parent / folder).rglob("*.py"))}
    assert {str(p.relative_to(ROOT.parent)): n for p, n in sizes.items() if n > LONGEST} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_tidy(path: Path) -> None:
    """It says what it is for, names no one's machine, and leaves no TODO behind."""
    text = path.read_text()
    assert (ast.get_docstring(ast.parse(text)) or " ")[-1] in ".?", "no docstring"
    for mark in ("/wo" + "rk/", "/ro" + "ot", "breakpoint("):
        assert mark not in text, mark
    # In a comment: the language server looks for such words in other people's files.
    assert re.findall(r"#.*\b(?:TODO|FIXME|XXX)\b", text) == []
