"""What the ending of a gate means: did it say yes, no, or nothing at all?"""

from __future__ import annotations

import re

from rgt.model.plain import without_codes
from rgt.model.queue import Outcome

NO_TESTS = re.compile(
    r"""^=*\s*no\ tests\ ran\b                                  # pytest
    |   ^collected\ 0\ items(?!\ /\ \d+\ error)
    |   ^collected\ .*/\ 0\ selected
    |   ^Ran\ 0\ tests\b                                        # unittest
    |   \[no\ test\ files\]|\[no\ tests\ to\ run\]              # go
    |   ^running\ 0\ tests\b                                    # cargo
    |   ^DONE\ 0\ tests\b                                       # gotestsum
    |   ^No\ tests?\ (?:files?\ )?found\b                       # jest, vitest
    |   ^\s*0\ passing\b                                        # mocha
    |   ^0\ examples,                                           # rspec
    |   ^No\ tests\ were\ found                                 # ctest
    """,
    re.MULTILINE | re.VERBOSE,
)
"""What test runners print when they found nothing to run."""
SOME_TESTS = re.compile(
    r"""\b[1-9]\d*\ (?:passed|failed|passing|failing)\b         # pytest, jest, vitest, cargo, mocha
    |   ^Ran\ [1-9]\d*\ tests?\b
    |   ^(?:ok|FAIL)\s+\S+\s+(?:[\d.]+s|\(cached\))(?!.*\[no\ tests\ to\ run\])
    |   ^---\ (?:PASS|FAIL)
    |   ^running\ [1-9]\d*\ tests?\b
    |   ^DONE\ [1-9]\d*\ tests?\b
    |   ^[1-9]\d*\ examples?,
    |   \btests\ passed,.*\ out\ of\ [1-9]
    """,
    re.MULTILINE | re.VERBOSE,
)
"""What they print when they ran at least one."""
NO_MODULE = re.compile(r"\bpython[\d.]*: No module named (pytest|tox|nox|coverage|mypy|ruff|flake8|pylint)\s*\Z")
"""What a Python says at last that was to run a tool it lacks. Other modules may be the author's own."""
DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|ENOSPC")
PYTEST_FOUND_NOTHING = 5
SIGNALS = range(129, 160)
"""Exit codes by which a shell tells that a signal (1 to 31) ended its command."""


def classify(code: int, command: str, output: str) -> tuple[Outcome, str]:
    """Outcome of a gate that ended by itself, with the reason when it is `infra_error`.

    `code` is the shell's exit code, negative when a signal ended the shell; `output` is what was printed, or as much
    of it as is kept. A gate that ran no test gives no answer even with exit code 0.
    """
    if code in (126, 127):
        return "infra_error", "command not found" if code == 127 else "command cannot be executed"
    if code < 0 or code in SIGNALS:
        return "infra_error", f"killed by signal {-code if code < 0 else code - 128}"
    if code and (lacking := NO_MODULE.search(output)):
        return "infra_error", f"its Python has no {lacking[1]}"
    if code and DISK_FULL.search(output):
        return "infra_error", "disk full"
    if ran_no_tests(output) or (code == PYTEST_FOUND_NOTHING and "pytest" in command and not SOME_TESTS.search(output)):
        return "infra_error", "no tests collected"
    return ("fail", "") if code else ("pass", "")


def ran_no_tests(output: str) -> bool:
    """Whether a test runner says that it found nothing to run, and none says that it ran something."""
    return bool(NO_TESTS.search(output)) and not SOME_TESTS.search(output)


def tail(output: bytes, limit: int = 4096) -> str:
    """The last lines of `output` as text without terminal codes, at most `limit` bytes of UTF-8."""
    text = without_codes(output.decode(errors="replace")).replace("\r\n", "\n").replace("\0", "")
    if len(text.encode()) <= limit:
        return text
    cut = text.encode()[-limit:].decode(errors="ignore")
    first, newline, rest = cut.partition("\n")
    return rest if newline and rest else first
