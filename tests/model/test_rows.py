"""Rows: small, the same on both sides of the wire, and folded alike by everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgt.model.rows import ALERT, TITLE, Row, cut, fold, only_spent

ORDINARY = Row(
    kind="work",
    id="gt-3f8k2",
    rev=1795393573706,
    state="in_progress",
    title="Make the login form remember who was here before",
    rig="api",
    agent="api/nux",
    priority="p2",
    attempt=1,
    created=1795393573706,
    updated=1795393573706,
    pid=1234567,
)
TEXT = st.text(max_size=12)
ROWS = st.builds(
    Row,
    kind=st.sampled_from(["work", "polecat", "entry"]),
    id=st.sampled_from(["a", "b"]),
    rev=st.integers(0, 5),
    state=TEXT,
    title=TEXT,
    agent=TEXT,
    attempt=st.integers(0, 9),
    pid=st.integers(0, 9),
    needs=st.lists(TEXT, max_size=2),
    alert=TEXT,
    gone=st.booleans(),
    cost=st.integers(0, 9),
    tokens=st.integers(0, 9),
)


AGENT = ORDINARY.model_copy(
    update={"kind": "polecat", "id": "api/nux", "item": "gt-3f8k2", "priority": "", "state": "working"}
    | {"cost": 12_345, "tokens": 1_234_567}
)


def test_the_row_of_an_agent_that_has_spent_is_little_longer() -> None:
    assert len(json.dumps(AGENT.pack(), separators=(",", ":"), ensure_ascii=False).encode()) <= 180


def test_an_ordinary_row_takes_at_most_150_bytes() -> None:
    assert len(json.dumps(ORDINARY.pack(), separators=(",", ":"), ensure_ascii=False).encode()) <= 150


@given(ROWS)
def test_a_row_travels_unharmed(row: Row) -> None:
    there: list[Any] = json.loads(json.dumps(row.pack()))
    same = row.model_copy(update={"title": cut(row.title, TITLE), "alert": cut(row.alert, ALERT)})
    assert Row.unpack(there) == same
    assert Row.unpack(there).pack() == there


def test_fields_that_are_not_there_are_empty() -> None:
    assert Row.unpack(["work", "gt-3f8k2"]) == Row(kind="work", id="gt-3f8k2")


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("short", 9, "short"), ("two\n  lines", 9, "two lines"), ("rather long", 6, "rathe…"), ("", 3, "")],
)
def test_cut_gives_one_line(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


@given(st.lists(ROWS, max_size=12))
def test_folding_keeps_the_newest_and_drops_repeats(rows: list[Row]) -> None:
    """As often as a row comes: at-least-once delivery must not bring back what has gone while newer ones stand."""
    index: dict[str, list[Any]] = {}
    newest: dict[str, Row] = {}
    for row in rows:
        known = newest.get(row.key)
        news = known is None or row.rev > known.rev or (row.rev == known.rev and row.pack() != known.pack())
        assert fold(index, row.pack()) is news
        if news and row.gone:
            newest.pop(row.key, None)
        elif news:
            newest[row.key] = row
        assert news or not fold(index, row.pack())
    assert index == {key: row.pack() for key, row in newest.items()}


def test_what_was_only_spent_is_no_event() -> None:
    more = AGENT.model_copy(update={"cost": 99_999, "tokens": 1, "rev": AGENT.rev + 1, "updated": AGENT.updated + 1})
    assert only_spent(AGENT, more)
    assert not only_spent(None, more)
    assert not only_spent(AGENT, more.model_copy(update={"state": "idle"}))
