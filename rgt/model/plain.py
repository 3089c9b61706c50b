"""Text of programs without what is meant for a terminal."""

from __future__ import annotations

import re

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


def without_codes(text: str) -> str:
    """`text` without the codes that colour it and move the cursor."""
    return ANSI.sub("", text)
