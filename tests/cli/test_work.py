"""What the words for items mean."""

from __future__ import annotations

from tests.town import LiveTown


def test_last_is_the_newest_item_also_of_those_of_one_second(shared: LiveTown) -> None:
    for number in range(4):
        made = shared.create(f"one of a second {number}")
        assert shared.ask("work", "show", "@last")["id"] == made
