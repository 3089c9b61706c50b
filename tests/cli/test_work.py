"""What the words for items mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.town import LiveTown


def test_last_is_the_newest_item_also_of_those_of_one_second(shared: LiveTown) -> None:
    for number in range(4):
        made = shared.create(f"one of a second {number}")
        assert shared.ask("work", "show", "@last")["id"] == made


def test_the_log_tells_the_time_whatever_the_machine_s_zone(tmp: Path) -> None:
    town = LiveTown(tmp, env={"TZ": "Asia/Tokyo"})
    town.rgt("start")
    try:
        id = town.create("far in the east")
        began = datetime.fromisoformat(town.item(id)["created_at"])
        [line] = [x for x in town.ask("log", id) if x["what"] == "started"]
        assert abs(datetime.fromisoformat(line["at"]) - began) < timedelta(minutes=5)
        there = began.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%m-%d %H:")
        assert f"created   {there}" in town.rgt("work", "show", id)
        assert town.rgt("log", id).startswith(there)
    finally:
        town.stop()
