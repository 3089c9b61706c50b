"""What the ending of a gate means."""

from __future__ import annotations

import pytest

from rgt.model.gateoutcome import classify, tail
from rgt.model.queue import Outcome

NONE = "no tests collected"
RUST_EMPTY = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n"
COLLECTION_ERROR = "collected 0 items / 1 error\n\n==== ERRORS ====\nE   ImportError: x\n==== 1 error in 0.05s ====\n"


@pytest.mark.parametrize(
    ("code", "command", "output", "outcome", "reason"),
    [
        (0, "true", "", "pass", ""),
        (1, "false", "", "fail", ""),
        (2, "ruff check", "Found 3 errors.", "fail", ""),
        (255, "ssh x", "", "fail", ""),
        (126, "./x", "Permission denied", "infra_error", "command cannot be executed"),
        (127, "nope", "sh: 1: nope: not found", "infra_error", "command not found"),
        (-9, "x", "", "infra_error", "killed by signal 9"),
        (137, "x", "Killed", "infra_error", "killed by signal 9"),
        (139, "x", "Segmentation fault", "infra_error", "killed by signal 11"),
        (1, "python3 -m pytest", "python3: No module named pytest\n", "infra_error", "its Python has no pytest"),
        (1, "python3 -m hats", "/usr/bin/python3: No module named hats\n", "fail", ""),
        (1, "pytest", "python3: No module named pytest\nE   assert 1 == 2\n1 failed in 0.1s\n", "fail", ""),
        (1, "cc x.c", "x.o: No space left on device", "infra_error", "disk full"),
        (0, "df", "grep: No space left on device", "pass", ""),
        (5, "pytest -q", "1 deselected in 0.01s", "infra_error", NONE),
        (5, "pytest -q", "\nno tests ran in 0.01s\n", "infra_error", NONE),
        (2, "make test", "========== no tests ran in 0.01s ==========", "infra_error", NONE),
        (5, "pytest", "collecting ...\ncollected 0 items\n\n", "infra_error", NONE),
        (5, "pytest -k x", "collected 9 items / 9 deselected / 0 selected\n", "infra_error", NONE),
        (2, "pytest", COLLECTION_ERROR, "fail", ""),
        (5, "./check.sh", "five problems", "fail", ""),
        (0, "pytest a; pytest b", "no tests ran in 0.01s\n5 passed in 0.1s\n", "pass", ""),
        (0, "python -m unittest", "\n------\nRan 0 tests in 0.000s\n\nOK\n", "infra_error", NONE),
        (5, "python -m unittest", "Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", "infra_error", NONE),
        (0, "python -m unittest", "Ran 1 test in 0.000s\n\nOK\n", "pass", ""),
        (0, "go test ./...", "?   \tx/a\t[no test files]\n?   \tx/b\t[no test files]\n", "infra_error", NONE),
        (0, "go test ./...", "?   \tx/a\t[no test files]\nok  \tx/b\t0.003s\n", "pass", ""),
        (0, "go test ./...", "ok  \tx/b\t(cached)\n?   \tx/a\t[no test files]\n", "pass", ""),
        (0, "go test -run X", "ok  \tx/b\t0.003s [no tests to run]\n", "infra_error", NONE),
        (1, "go test ./...", "?   \tx/a\t[no test files]\n--- FAIL: TestX (0.00s)\nFAIL\n", "fail", ""),
        (0, "cargo test", RUST_EMPTY, "infra_error", NONE),
        (0, "cargo test", f"running 1 test\ntest a ... ok\n\n{RUST_EMPTY}", "pass", ""),
        (1, "npx jest", "No tests found, exiting with code 1\n", "infra_error", NONE),
        (1, "npx vitest run", "No test files found, exiting with code 1\n", "infra_error", NONE),
    ],
)  # fmt: skip
def test_endings(code: int, command: str, output: str, outcome: Outcome, reason: str) -> None:
    """B25: no answer is neither yes nor no."""
    assert classify(code, command, output) == (outcome, reason)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", ""),
        (b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07end", "red\nend"),
        (b"bad \xff byte \0", "bad � byte "),
        (b"x" * 5000 + b"\nlast\n", "last\n"),
        (b"y" * 5000, "y" * 4096),
    ],
)
def test_tail(output: bytes, expected: str) -> None:
    assert tail(output) == expected


def test_tail_counts_bytes_and_cuts_no_character() -> None:
    cut = tail("é".encode() * 4000)
    assert len(cut.encode()) <= 4096 and set(cut) == {"é"}
