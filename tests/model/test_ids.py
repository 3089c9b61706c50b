"""Names and ids, and what is suggested for a wrong one."""

from __future__ import annotations

import pytest

from rgt.model.errors import RgtError
from rgt.model.ids import resolve

ITEMS = ("gt-wzzgn", "gt-3f8k2", "gt-3f9aa")


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ("gt-3f8k3", "work item", "did you mean gt-3f8k2?"),
        ("gt-3fk82", "work item", "did you mean gt-3f8k2?"),
        ("gt-zzzzz", "work item", "see `rgt work list`"),
        ("gt-3f", "work item", "type more of it"),
        ("apo", "rig", "did you mean api?"),
        ("web", "rig", "see `rgt rig list`"),
    ],
)
def test_a_slip_is_suggested_and_a_chance_resemblance_is_not(given: str, what: str, hint: str) -> None:
    with pytest.raises(RgtError) as refused:
        resolve(given, ITEMS if what == "work item" else ["api"], what)
    assert (refused.value.code, refused.value.hint) == ("not_found", hint)


def test_a_prefix_names_the_one_it_fits() -> None:
    assert resolve("gt-3f8", ITEMS, "work item") == resolve("gt-3f8k2", ITEMS, "work item") == "gt-3f8k2"
