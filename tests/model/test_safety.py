"""B10: the decision that everything which destroys asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgt.model.safety import TreeFacts, safe_to_destroy

CLEAN = TreeFacts(head="1" * 40, branch="polecat/nux/gt-00001")


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        (CLEAN, []),
        (replace(CLEAN, ahead=3), []),
        (replace(CLEAN, readable=False), ["cannot be read"]),
        (replace(CLEAN, live=1), ["has 1 process running in it"]),
        (replace(CLEAN, live=2, saved=True), ["has 2 processes running in it"]),
        (replace(CLEAN, nested=("a/", "b/"), saved=True), ["holds other repositories: a/, b/"]),
        (replace(CLEAN, changed=1, untracked=1), ["has 2 uncommitted changes saved nowhere"]),
        (replace(CLEAN, changed=1, untracked=1, saved=True), []),
        (replace(CLEAN, operation="rebase"), ["is in the middle of a rebase saved nowhere"]),
        (replace(CLEAN, operation="rebase", saved=True), []),
        (replace(CLEAN, ahead=1, unkept=1, saved=True), ["has 1 commit neither landed nor pinned"]),
    ],
)
def test_reasons(facts: TreeFacts, reasons: list[str]) -> None:
    assert safe_to_destroy(facts) == reasons


FACTS = st.builds(
    TreeFacts,
    readable=st.booleans(),
    changed=st.integers(0, 3),
    untracked=st.integers(0, 3),
    operation=st.sampled_from(["", "merge", "rebase"]),
    nested=st.sampled_from([(), ("x/",)]),
    live=st.integers(0, 2),
    unkept=st.integers(0, 2),
    saved=st.booleans(),
)


@given(FACTS)
def test_safe_means_that_nothing_can_be_lost(facts: TreeFacts) -> None:
    lossless = not facts.dirty or facts.saved
    free = facts.readable and not facts.live and not facts.nested and not facts.unkept
    assert (not safe_to_destroy(facts)) == (lossless and free)
