"""What a host lends to the rigs that live on it."""

from __future__ import annotations

from rgt.model import messages as m
from rgt.model.town import Host, lend


def test_places_are_shared_fairly() -> None:
    """One each in turn to whoever still wants more."""
    assert lend({"a": 5, "b": 1, "c": 5}, 6) == {"a": 3, "b": 1, "c": 2}
    assert lend({"a": 1}, 6) == {"a": 1}
    assert lend({"a": 1, "b": 1}, 0) == {"a": 0, "b": 0}


def test_every_merge_queue_has_a_slot_however_many_rigs_share_the_machine() -> None:
    """A refinery keeps its slot, so with two slots a third rig would never land anything."""
    host = Host(name="h", slots=2)
    for rig in ("a", "b", "c", "d"):
        host.slot_wanted(m.SlotWanted(rig=rig, total=1))
    assert host.gates == {"a": 1, "b": 1, "c": 1, "d": 1}
