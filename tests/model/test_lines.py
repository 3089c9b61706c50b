"""Offsets and the places that editors name."""

from __future__ import annotations

import pytest

from rgt.model.lines import Lines, Unit

TEXT = "aé\r\n🙂b\n\rz"


@pytest.mark.parametrize(
    ("offset", "unit", "place"),
    [
        (0, "utf-16", (0, 0)),
        (2, "utf-8", (0, 3)),
        (2, "utf-16", (0, 2)),
        (4, "utf-16", (1, 0)),
        (5, "utf-8", (1, 4)),
        (5, "utf-16", (1, 2)),
        (5, "utf-32", (1, 1)),
        (7, "utf-16", (2, 0)),
        (8, "utf-16", (3, 0)),
        (9, "utf-8", (3, 1)),
    ],
)
def test_there_and_back(offset: int, unit: Unit, place: tuple[int, int]) -> None:
    lines = Lines(TEXT)
    assert lines.position(offset, unit) == place
    assert lines.offset(*place, unit) == offset


@pytest.mark.parametrize(
    ("place", "unit", "offset"),
    [((0, 99), "utf-16", 2), ((1, 1), "utf-16", 4), ((1, 99), "utf-8", 6), ((9, 0), "utf-16", 9)],
)
def test_places_that_are_none_are_moved_into_the_text(place: tuple[int, int], unit: Unit, offset: int) -> None:
    assert Lines(TEXT).offset(*place, unit) == offset
