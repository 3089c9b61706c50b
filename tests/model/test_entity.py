"""What all entities have in common: answers kept, repeats dropped, messages told in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rgt.model.entity import ANSWERS, SENDERS, Entity
from rgt.model.messages import Empty, Lost


def test_messages_are_numbered_in_the_order_in_which_they_are_told() -> None:
    entity = Entity()
    for to in ("rig/api", "work/gt-aaaaa", "rig/api"):
        entity.tell(to, "any", Lost(attempt=1))
    assert [t.payload["seq"] for t in entity.outbox] == [1, 2, 3]
    assert entity.outbox[0].payload == {"attempt": 1, "seq": 1}, "defaults do not travel"


@given(st.lists(st.integers(1, 6), max_size=20))
def test_each_message_of_a_sender_is_heard_once(numbers: list[int]) -> None:
    """They come at least once; a new life of the sender has a name of its own."""
    entity = Entity()
    before: set[int] = set()
    for seq in numbers:
        assert entity.is_news(Empty(sender="work/gt-aaaaa#1", seq=seq)) is (seq not in before)
        before.add(seq)
    assert entity.is_news(Empty(sender="work/gt-aaaaa#2", seq=1))
    assert entity.is_news(Empty(seq=1)), "a command has no sender"


def test_a_number_that_a_crash_let_be_used_again_is_no_repeat() -> None:
    """The first message 7 was told by a task that was never recorded; the second is what really happened."""
    entity = Entity()
    assert entity.is_news(Lost(sender="work/gt-aaaaa#1", seq=7, attempt=1))
    assert entity.is_news(Lost(sender="work/gt-aaaaa#1", seq=7, attempt=2))
    assert not entity.is_news(Lost(sender="work/gt-aaaaa#1", seq=7, attempt=2))


def test_those_heard_last_are_remembered() -> None:
    entity = Entity()
    for n in range(SENDERS + 1):
        entity.is_news(Empty(sender=f"s{n}", seq=1))
        entity.is_news(Empty(sender="often", seq=n + 1))
    assert len(entity.heard) == SENDERS
    assert not entity.is_news(Empty(sender="often", seq=SENDERS + 1))


def test_the_last_answers_are_kept_for_retries() -> None:
    entity = Entity()
    entity.answered("", {"never": "kept"})
    for n in range(ANSWERS + 5):
        entity.answered(f"op{n}", {"state": str(n)})
    assert list(entity.answers) == [f"op{n}" for n in range(5, ANSWERS + 5)]


def test_faults_are_bounded() -> None:
    entity = Entity()
    for n in range(30):
        entity.fault(f"{n} " + "x" * 1000)
    assert [f.split()[0] for f in entity.faults] == [str(n) for n in range(20, 30)]
    assert max(map(len, entity.faults)) == 300


def test_an_entity_survives_continue_as_new() -> None:
    entity = Entity()
    entity.tell("rig/api", "any", Empty())
    entity.answered("op", {"state": "open"})
    entity.is_news(Empty(sender="s", seq=4))
    again = Entity.model_validate_json(entity.model_dump_json())
    assert again == entity
    assert not again.is_news(Empty(sender="s", seq=4))
