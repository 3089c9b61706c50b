"""Tokens prove who calls; a proof holds for one head of one item."""

from __future__ import annotations

import pytest

from rgt.model.errors import RgtError
from rgt.model.tokens import PERSON, identify, proof, token

KEY = "k" * 32


@pytest.mark.parametrize(
    ("agent", "role", "address"),
    [
        ("polecat/api/nux", "polecat", "api/nux"),
        ("agent/api/max", "crew", "api/max"),
        ("mayor", "mayor", "mayor"),
        ("dog/rex", "dog", "rex"),
    ],
)
def test_a_token_says_which_agent_in_which_generation(agent: str, role: str, address: str) -> None:
    who = identify(KEY, token(KEY, agent, 3))
    assert (who.role, who.agent, who.address, who.generation) == (role, agent, address, 3)


def test_who_shows_no_token_is_a_person() -> None:
    assert identify(KEY, "") is PERSON
    assert (PERSON.role, PERSON.address) == ("person", "")


GOOD = token(KEY, "polecat/api/nux", 1)


@pytest.mark.parametrize(
    "given",
    [
        token("other key", "polecat/api/nux", 1),
        GOOD.replace("nux", "slit"),
        GOOD.replace(".1.", ".2."),
        GOOD[:-1],
        GOOD + "0",
        "polecat/api/nux.1.",
        "polecat/api/nux",
        "polecat/api/nux.x." + GOOD.rpartition(".")[2],
        "..",
        "nonsense",
    ],
)
def test_a_token_that_was_touched_is_refused(given: str) -> None:
    with pytest.raises(RgtError) as refusal:
        identify(KEY, given)
    assert refusal.value.code == "denied"
    assert GOOD.rpartition(".")[2] not in refusal.value.line()


def test_a_proof_holds_for_one_head_of_one_item() -> None:
    said = proof(GOOD, "gt-aaaaa", "polecat/nux/gt-aaaaa", "a" * 40)
    assert said == proof(GOOD, "gt-aaaaa", "polecat/nux/gt-aaaaa", "a" * 40)
    others = {
        proof(token(KEY, "polecat/api/nux", 2), "gt-aaaaa", "polecat/nux/gt-aaaaa", "a" * 40),
        proof(GOOD, "gt-bbbbb", "polecat/nux/gt-aaaaa", "a" * 40),
        proof(GOOD, "gt-aaaaa", "other", "a" * 40),
        proof(GOOD, "gt-aaaaa", "polecat/nux/gt-aaaaa", "b" * 40),
    }
    assert len(others) == 4
    assert said not in others
    assert GOOD not in said
