"""Places in a text: offsets as lines and columns, counted in characters or as editors count them."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal

Unit = Literal["utf-8", "utf-16", "utf-32"]
"""What a column counts: bytes, 16-bit units or characters, as a client of the language server has chosen."""


class Lines:
    """The lines of `text`, which end with `\\n`, `\\r\\n` or `\\r`; all that is counted here begins with 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))]
        """Offset of the first character of each line."""

    def position(self, offset: int, unit: Unit = "utf-32") -> tuple[int, int]:
        """Line and column of an offset; one beyond the text is its end."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.starts, offset) - 1
        return line, width(self.text[self.starts[line] : offset], unit)

    def offset(self, line: int, column: int, unit: Unit = "utf-32") -> int:
        """The offset of a line and column; a column beyond its line means the line's end, a line beyond all the end."""
        if line < 0:
            return 0
        if line >= len(self.starts):
            return len(self.text)
        start, end = self.starts[line], self.end(line)
        if unit == "utf-32" or self.text.isascii():
            return min(start + max(column, 0), end)
        at = start
        while at < end and (column := column - width(self.text[at], unit)) >= 0:
            at += 1
        return at

    def end(self, line: int) -> int:
        """Offset of the end of a line, before its line break."""
        after = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        return self.starts[line] + len(self.text[self.starts[line] : after].rstrip("\r\n"))


def width(text: str, unit: Unit) -> int:
    """What a text counts for in columns."""
    if unit == "utf-32" or text.isascii():
        return len(text)
    if unit == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(c > "\uffff" for c in text)
