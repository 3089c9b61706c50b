"""Whose a stash is, and which ones an agent may take back or drop."""

from __future__ import annotations

import pytest

from rgt.model import stashes

BRANCH = "polecat/nux/gt-00001"
LOG = [
    "WIP on polecat/toast/gt-00002: 1234567 a change",
    "On polecat/nux/gt-00001: mine, by name",
    "WIP on main: 1234567 of nobody",
    "autostash",
    "On crew/max: the crew's",
    "WIP on polecat/slit/gt-00001: 1234567 of an earlier attempt",
]
"""Newest first, as `git stash list` has it."""


def log(*messages: str) -> str:
    """As git writes it: oldest first."""
    return "".join(f"{'0' * 40} {'1' * 40} A <a@b.c> 1764590000 +0000\t{m}\n" for m in reversed(messages))


def test_owners() -> None:
    assert stashes.owners(log(*LOG)) == ["gt-00002", "gt-00001", "", "", "crew-max", "gt-00001"]
    assert stashes.owners("") == [] and stashes.owners("torn") == [""]
    assert stashes.owners(log("On polecat/nux/gt-00001: two\x0cpages\u2028here", *LOG[:1])) == ["gt-00001", "gt-00002"]


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("", False),
        ("push -m x", False),
        ("list", False),
        ("show stash@{0}", False),
        ("pop", True),
        ("apply", True),
        ("drop", True),
        ("clear", True),
        ("branch mine", True),
        ("pop stash@{0}", True),
        ("pop 0", True),
        ("pop stash@{1}", False),
        ("apply 1", False),
        ("drop stash@{2}", False),
        ("drop stash@{3}", False),
        ("pop stash@{4}", True),
        ("branch mine stash@{4}", True),
        ("branch mine stash@{5}", False),
        ("pop stash@{5}", False),
        ("pop stash@{6}", False),
        ("pop stash@{yesterday}", True),
    ],
)
def test_of_others_none_is_taken_or_dropped(words: str, refused: bool) -> None:
    assert bool(stashes.refusal(words.split(), log(*LOG), BRANCH)) == refused


@pytest.mark.parametrize("words", ["pop", "apply", "drop", "clear", "branch mine", "pop stash@{yesterday}"])
@pytest.mark.parametrize("entries", [[], LOG[1:4]])
def test_without_any_of_others_all_is_as_usual(words: str, entries: list[str]) -> None:
    assert stashes.refusal(words.split(), log(*entries), BRANCH) == ""


def test_a_refusal_says_what_to_do_instead() -> None:
    said = stashes.refusal(["pop"], log(*LOG), BRANCH)
    assert said == "stash@{0} is of gt-00002; the list is shared by the rig (yours: stash@{1}, stash@{5})"
    said = stashes.refusal(["pop"], log(LOG[0]), BRANCH)
    assert said.endswith("(none is yours; stash first and take it back in another call)")


def test_one_that_has_no_branch_of_its_own_leaves_those_of_agents() -> None:
    assert stashes.refusal(["drop", "1"], log(*LOG), "")
    assert not stashes.refusal(["drop", "2"], log(*LOG), "")
