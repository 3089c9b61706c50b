"""A pytest plugin that writes down where tests fail. It runs inside of gates, in whatever Python and pytest they have.

So it imports nothing of rgt, keeps to what old versions know, and whatever goes wrong in it stays in it.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Generator, Iterator, List, Optional, Tuple  # noqa: UP035 (Python 3.6)

import pytest

REPORT = os.environ.get("RGT_PLACES", "")
"""File to which a line is added for each failure; without it the plugin does nothing."""
ROOT = os.path.realpath(os.environ.get("RGT_PLACES_ROOT", "."))
FOREIGN = {"site-packages", "dist-packages", "node_modules", ".venv", "venv", ".tox", ".nox"}

Place = Tuple[str, int]  # noqa: UP006
_seen: Dict[Tuple[str, str], Tuple[Optional[Place], str]] = {}  # noqa: UP006,UP045
"""What failed, and where, until its report says whether it counts."""
_configs: List[Any] = []  # noqa: UP006
"""What pytest was configured with."""


def _inside(path: str) -> str:
    """`path` relative to the repository; empty when it is not one of its files."""
    path = os.path.realpath(path)
    if not path.startswith(ROOT + os.sep) or not Path(path).is_file():
        return ""
    path = path[len(ROOT) + 1 :]
    return "" if FOREIGN & set(Path(path).parts) else path


def _deepest(error: Any, trace: Any) -> Optional[Place]:  # noqa: UP045
    """The deepest frame inside the repository; helpers that hide themselves count only when there is no other."""
    if isinstance(error, SyntaxError) and error.filename and _inside(error.filename):
        return _inside(error.filename), error.lineno or 0
    for failure in getattr(error, "failures", ()):  # of doctests
        test = failure.test
        if test.filename and _inside(test.filename):
            return _inside(test.filename), (test.lineno or 0) + failure.example.lineno + 1
    shown = hidden = None
    while trace is not None:
        path = _inside(trace.tb_frame.f_code.co_filename)
        if path and trace.tb_frame.f_locals.get("__tracebackhide__") is True:
            hidden = path, trace.tb_lineno
        elif path:
            shown = path, trace.tb_lineno
        trace = trace.tb_next
    return shown or hidden


def _note(key: Tuple[str, str], excinfo: Any) -> None:  # noqa: UP006
    """Remember where `excinfo` points: the error itself, or what it was raised from."""
    error = excinfo.value
    found = _deepest(error, excinfo.tb)
    said = excinfo.exconly(tryshort=True)
    # An error of collection has no frame of the repository, or that of an import: what it came from knows more.
    while error is not None and (found is None or key[1] == "collect"):
        error = error.__cause__ or error.__context__
        deeper = error and _deepest(error, error.__traceback__)
        if deeper:
            found, said = deeper, f"{type(error).__name__}: {error}"
    _seen[key] = found, said


def _write(report: Any, key: Tuple[str, str], test: str) -> None:  # noqa: UP006
    noted = _seen.pop(key, None)
    text = str(report.longrepr).strip()
    config = _configs[-1]
    if noted is None and config.pluginmanager.hasplugin("dsession") and "crashed while running" not in text:
        return  # A worker of xdist has written it.
    found, said = noted or (None, text.splitlines()[-1] if text else "")
    if found is None:
        at = getattr(report, "location", None) or (report.nodeid.split("::")[0], None)
        top = str(getattr(config, "rootpath", None) or config.rootdir)
        found = _inside(str(Path(top) / at[0])), 0 if at[1] is None else at[1] + 1
    if not found[0]:
        return
    stage = f"in {key[1]}: " if key[1] in ("setup", "teardown") else ""
    row = {"path": found[0], "line": found[1], "message": stage + said[:2000], "test": test}
    # In one write: the workers of xdist add to the same file.
    handle = os.open(REPORT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, (json.dumps(row) + "\n").encode("utf-8"))
    finally:
        os.close(handle)


def pytest_configure(config: Any) -> None:
    """Keep what tells where ids of tests are relative to, and whether the tests run in other processes."""
    _configs.append(config)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """After all others: unittest's own plugin puts the error of a TestCase into `call` only on the way."""
    yield
    if REPORT and call.excinfo is not None:
        with suppress(Exception):
            _note((item.nodeid, call.when), call.excinfo)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: Any) -> Generator[None, Any, None]:
    """What went wrong when tests were looked for."""
    outcome = yield
    if REPORT:
        with suppress(Exception):
            call = getattr(outcome.get_result(), "call", None)
            if call is not None and call.excinfo is not None:
                _note((collector.nodeid, "collect"), call.excinfo)


def pytest_runtest_logreport(report: Any) -> None:
    """The end of a stage of a test, after plugins have said whether a failure is one."""
    _ended(report, (report.nodeid, report.when), report.nodeid)


def pytest_collectreport(report: Any) -> None:
    """The end of a look into a file or class."""
    _ended(report, (report.nodeid, "collect"), "")


def _ended(report: Any, key: Tuple[str, str], test: str) -> None:  # noqa: UP006
    if REPORT:
        with suppress(Exception):
            if report.failed:
                _write(report, key, test)
            _seen.pop(key, None)
