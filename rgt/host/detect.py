"""What a repository can be tested with, and what its main branch is: proposals, read from its files."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rgt.host.git import try_git
from rgt.model.config import Gate
from rgt.model.errors import RgtError
from rgt.model.fields import Duration

TIMEOUT = Duration(600)
"""How long a proposed gate may take; a person changes it in rig.toml."""
PYTEST = re.compile(r"^(?:\s*(?:import pytest|from pytest\b)|(?:async )?def test_)", re.MULTILINE)
METHOD = re.compile(r"^\s+(?:async )?def test_", re.MULTILINE)
UNITTEST = re.compile(r"^\s*(?:import unittest|from unittest\b)", re.MULTILINE)
MAKE_TEST = re.compile(r"^test\s*:(?!=)", re.MULTILINE)
MOST = 200
"""Test files that are looked into at most."""
LARGEST = 1_000_000
"""Bytes of a file that is looked into at most."""


def detect_gates(path: Path) -> list[Gate]:
    """Gates that fit the repository at `path`, none when nothing is known; no program is run for it.

    A makefile's `test` target is proposed only when no language's own tests were found.
    """
    found = [*_python(path), *_cargo(path), *_go(path), *_npm(path)] or list(_make(path))
    if len(found) > 1:
        return [gate.model_copy(update={"name": f"test-{gate.name}"}) for gate in found]
    return [gate.model_copy(update={"name": "test"}) for gate in found]


async def detect_target(path: Path) -> str:
    """The branch that work should land on: what `origin` calls its default, else the branch checked out at `path`.

    Raises `refused` when HEAD is detached and nothing else tells, `failed` when `path` is no git repository.
    """
    remote = await try_git(path, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    branch = remote.out.strip().removeprefix("origin/")
    if remote.code == 0 and branch:
        here = await try_git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        if here.code == 0:
            return branch
    current = await try_git(path, "symbolic-ref", "--quiet", "--short", "HEAD")
    if current.code == 0:
        return current.out.strip()
    if current.code != 1:
        raise RgtError("failed", f"{path} is no git repository", "run `git init` there, or give its top directory")
    for name in ("main", "master"):
        if (await try_git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}")).code == 0:
            return name
    raise RgtError("refused", f"no branch is checked out in {path}", "name the target with --target")


def _gate(name: str, run: str) -> Gate:
    return Gate(name=name, run=run, timeout=TIMEOUT)


def _python(path: Path) -> Iterator[Gate]:
    texts = [_text(file) for file in _test_files(path)]
    asked = "pytest" in _toml(path / "pyproject.toml").get("tool", {}) or (path / "pytest.ini").is_file()
    asked = asked or bool(re.search(r"^\[(?:tool:)?pytest\]", _text(path / "setup.cfg"), re.MULTILINE))
    if asked or (path / "conftest.py").is_file() or any(_for_pytest(text) for text in texts):
        yield _gate("python", f"{_interpreter(path, 'pytest')} -m pytest -q")
    elif any(UNITTEST.search(text) for text in texts):
        for start in ("tests", "test"):
            # Without an __init__.py, discovery from the top does not look into a directory.
            if any((path / start).glob("test*.py")) and not (path / start / "__init__.py").is_file():
                yield _gate("python", f"{_interpreter(path)} -m unittest discover -q -s {start}")
                return
        yield _gate("python", f"{_interpreter(path)} -m unittest discover -q")


def _interpreter(path: Path, needs: str = "") -> str:
    """The Python that runs the tests: that of the repository's own environment, where it has what they need.

    What is tested stands in another place, so its `src` comes before what is installed in that environment: that may
    lead to the files of this checkout."""
    first = "PYTHONPATH=src:$PYTHONPATH " if (path / "src").is_dir() else ""
    for name in (".venv", "venv"):
        python = path.absolute() / name / "bin" / "python"
        if python.is_file() and (not needs or any((path / name).glob(f"lib/python3*/site-packages/{needs}"))):
            return first + shlex.quote(str(python))
    return f"{first}python3"


def _for_pytest(text: str) -> bool:
    return bool(PYTEST.search(text) or (METHOD.search(text) and not UNITTEST.search(text)))


def _cargo(path: Path) -> Iterator[Gate]:
    if (path / "Cargo.toml").is_file():
        yield _gate("rust", "cargo test")


def _go(path: Path) -> Iterator[Gate]:
    if (path / "go.mod").is_file():
        yield _gate("go", "go test ./...")


def _npm(path: Path) -> Iterator[Gate]:
    try:
        package = json.loads(_text(path / "package.json") or "{}")
    except (ValueError, RecursionError):
        return
    scripts = package.get("scripts") if isinstance(package, dict) else None
    script = scripts.get("test") if isinstance(scripts, dict) else None
    # `npm init` writes a test script that only fails.
    if isinstance(script, str) and script.strip() and "no test specified" not in script:
        yield _gate("node", "npm test")


def _make(path: Path) -> Iterator[Gate]:
    if any(MAKE_TEST.search(_text(path / name)) for name in ("GNUmakefile", "makefile", "Makefile")):
        yield _gate("make", "make test")


def _test_files(path: Path) -> list[Path]:
    """Python test files at the top and under `tests` and `test`."""
    files = [f for pattern in ("test_*.py", "*_test.py") for f in path.glob(pattern)]
    for folder in ("tests", "test"):
        files += [f for f in (path / folder).rglob("*.py") if f.name.startswith("test") or f.stem.endswith("_test")]
    return sorted(files)[:MOST]


def _text(path: Path) -> str:
    """Text of a file; empty when it is missing, unreadable, too large or not a file."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
