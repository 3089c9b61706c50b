"""Lines of an edited text: what is kept is found, what is gone has a neighbour, and no text takes long."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.model.linemap import LineMap, Mapped, lines

SHORT = st.lists(st.sampled_from(["", "}", "a", "b", "    return x", "c"]), max_size=40)


@pytest.mark.parametrize(
    ("old", "new", "line", "mapped"),
    [
        ("a\nb\nc", "a\nb\nc", 2, Mapped(2)),
        ("a\nb\nc", "new\na\nb\nc", 3, Mapped(4)),
        ("a\nb\nc", "a\nc", 2, Mapped(1, moved=True)),
        ("a\nb\nc", "a\nc", 3, Mapped(2)),
        ("a\nb\nc", "b\nc", 1, Mapped(1, moved=True)),
        ("a\nb\nc", "a\nB\nc", 2, Mapped(1, moved=True)),
        ("a\nb\nc", "x\ny", 2, Mapped(1, moved=True)),
        ("a\nb\nc", "", 3, Mapped(1, moved=True)),
        ("", "a\nb", 1, Mapped(1, moved=True)),
        ("a\r\nb\r\nc", "new\na\nb\nc", 2, Mapped(3)),
        ("a\nb", "a\nb", 99, Mapped(2)),
        ("a\nb", "a\nb", 0, Mapped(1)),
        ("def f():\n    pass\n\ndef g():\n    pass\n", "def g():\n    pass\n", 5, Mapped(2)),
    ],
)
def test_lines(old: str, new: str, line: int, mapped: Mapped) -> None:
    assert LineMap(old, new).line(line) == mapped


def test_spans_are_never_turned_round() -> None:
    assert LineMap("a\nb\nc\nd", "x\na\nd").span(2, 3) == (Mapped(2, moved=True), Mapped(2, moved=True))
    assert LineMap("a\nb\nc", "x\na\nb\nc").span(2, 3) == (Mapped(3), Mapped(4))
    assert LineMap("a\nb\nc", "a\nb\nc").span(3, 1) == (Mapped(3), Mapped(3))


@given(SHORT, SHORT)
def test_any_two_texts(old: list[str], new: list[str]) -> None:
    """Every line is mapped into the other text, in order, and what is not moved has the same words."""
    before, after = "\n".join(old), "\n".join(new)
    where = LineMap(before, after)
    mapped = [where.line(n) for n in range(1, len(lines(before)) + 1)]
    for number, at in enumerate(mapped, 1):
        assert 1 <= at.line <= len(lines(after))
        if not at.moved:
            assert lines(before)[number - 1] == lines(after)[at.line - 1]
    assert [at.line for at in mapped] == sorted(at.line for at in mapped)
    kept = [at.line for at in mapped if not at.moved]
    assert len(kept) == len(set(kept))


@given(SHORT, SHORT, st.integers(0, 40))
def test_one_insertion(old: list[str], new: list[str], where: int) -> None:
    """Lines put in at one place move what is below by their number, and nothing is lost."""
    where = min(where, len(old))
    edited = [*old[:where], *new, *old[where:]]
    there = LineMap("\n".join(old), "\n".join(edited))
    if old and edited:
        found = [there.line(n) for n in range(1, len(old) + 1)]
        assert not any(at.moved for at in found)
        assert [edited[at.line - 1] for at in found] == old


@given(st.integers(0, 2**32), st.integers(0, 30))
@settings(max_examples=30)
def test_distinct_lines_are_found_wherever_they_went(seed: int, edits: int) -> None:
    """As long as they keep their order: exactly the deleted ones are moved, to the nearest kept line before them."""
    r = random.Random(seed)
    old = [f"line {n}" for n in range(200)]
    new = list(old)
    for n in range(edits):
        if r.random() < 0.5:
            del new[r.randrange(len(new))]
        else:
            new.insert(r.randrange(len(new) + 1), f"new {n}")
    there = LineMap("\n".join(old), "\n".join(new))
    last = 1
    for number, text in enumerate(old, 1):
        at = there.line(number)
        assert at.moved == (text not in new)
        if at.moved:
            assert at.line == last
        else:
            last = at.line
            assert new[at.line - 1] == text


@pytest.mark.parametrize("kinds", [1, 5, 100, 120, 1_000, 100_000])
def test_ten_thousand_lines_are_quick(kinds: int) -> None:
    r = random.Random(kinds)
    old = [f"{r.randrange(kinds)}" for _ in range(10_000)]
    new = list(old)
    for n in range(300):
        new[r.randrange(len(new))] = f"new {n}"
    start = time.process_time()
    there = LineMap("\n".join(old), "\n".join(new))
    for n in range(1, 10_001):
        there.line(n)
    assert time.process_time() - start < 1.0
