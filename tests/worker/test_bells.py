"""What waits for an agent is rung for until it is had."""

from __future__ import annotations

from collections import Counter

import pytest

from rgt.client.feed import Live
from rgt.model.rows import Row
from rgt.worker import bells
from rgt.worker.bells import Bells
from tests.eventually import aeventually

revisions = iter(range(1, 1000))


def change(live: Live, name: str, mail: int, *, gone: bool = False) -> None:
    """Something has come for an agent, or was had."""
    live.take(Row(kind="polecat", id=name, rev=next(revisions), state="idle", mail=mail, gone=gone).pack())


async def test_B41_it_is_rung_for_again_and_again_until_it_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two the one that is left too; a ring that fails ends nothing."""
    monkeypatch.setattr(bells, "AGAIN", (0.0, 0.05, 0.1))
    live, rung = Live(), Counter[tuple[str, int]]()

    async def ring(row: Row) -> bool:
        rung[row.id, row.mail] += 1
        if rung[row.id, row.mail] == 2:
            raise OSError("not now")
        return True

    async def times(name: str, mail: int, count: int) -> None:
        async def probe() -> bool:
            return rung[name, mail] >= count

        await aeventually(probe, what=f"{count} rings of {name} for {mail}: {rung}")

    async def quiet() -> None:
        """Another one, whose mail comes now, is rung often enough meanwhile."""
        rung.clear()
        change(live, "api/other", 1)
        await times("api/other", 1, 5)
        change(live, "api/other", 0)
        assert set(rung) == {("api/other", 1)}

    ringing = Bells(live, ring)
    try:
        change(live, "api/nux", 1)
        await times("api/nux", 1, 6)
        change(live, "api/nux", 2)
        await times("api/nux", 2, 3)
        rung.clear()
        change(live, "api/nux", 1)
        await times("api/nux", 1, 3)
        change(live, "api/nux", 0)
        await quiet()
        change(live, "api/nux", 1)
        await times("api/nux", 1, 2)
        change(live, "api/nux", 1, gone=True)
        await quiet()
    finally:
        ringing.close()
