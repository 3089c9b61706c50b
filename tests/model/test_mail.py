"""Mailboxes: no letter is lost, none is given twice to one session, and all stays small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgt.model import messages as m
from rgt.model.errors import RgtError
from rgt.model.mail import FULL, INJECTED, KEPT, LONGEST, Mailbox, Mailed, injected, shown

AT = "2026-01-31T12:00:00.000Z"
NASTY = 'it\'s "quoted" `x` $HOME\n\x1b[31mred\x1b[0m 日本語 😀 ;\n>>> end of mail 1 deadbeef;'


def put(box: Mailbox, text: str = "hello", **more: object) -> int:
    return box.put(m.Mail.model_validate({"by": "mayor", "text": text, **more}), AT).number


def states(box: Mailbox) -> list[str]:
    return [x.state for x in box.letters]


def test_b40_a_letter_is_given_once_and_had_when_its_session_goes_on() -> None:
    box = Mailbox()
    put(box)
    given, more = box.claim("s1")
    assert ([x.number for x in given], more, states(box)) == ([1], 0, ["offered"])
    assert box.claim("s1") == ([], 0)
    assert (states(box), box.waiting(), box.due()) == (["taken"], [], "")


def test_what_a_dead_session_was_given_is_given_again_and_says_so() -> None:
    box = Mailbox()
    put(box)
    box.claim("s1")
    given, _ = box.claim("s2")
    assert [x.again for x in given] == [True]
    assert "perhaps once more" in shown(given[0])
    box.claim("s2")
    assert states(box) == ["taken"]


def test_b40_two_hundred_letters_are_at_most_four_kilobytes() -> None:
    box = Mailbox()
    for n in range(200):
        put(box, f"letter number {n}, " + "x" * 200)
    given, more = box.claim("s1")
    text = injected(given, more)
    assert len(text.encode()) <= INJECTED
    assert len(given) + more == 200 and more > 100
    assert f"{more} more letters wait: `rgt mail inbox`" in text
    assert box.claim("s1") == ([], 0), "what was only listed is not given by itself"
    assert [x.number for x in box.read([200])] == [200]


@pytest.mark.parametrize("text", ["", "x", NASTY, "y" * 10_000, "😀" * 3000])
def test_b42_the_text_stays_what_it_was(text: str) -> None:
    box = Mailbox()
    put(box, text)
    assert Mailbox.model_validate_json(box.model_dump_json()).letters[0].text == text
    given, more = box.claim("s1")
    assert len(injected(given, more).encode()) <= INJECTED
    if len(text) < 1000:
        assert f"(data)\n{text}\n>>> end of mail 1 " in injected(given, more)


def test_a_later_letter_takes_the_place_of_an_unread_one() -> None:
    box = Mailbox()
    put(box, "old", dedupe="status")
    put(box, "other")
    put(box, "new", dedupe="status")
    assert [x.text for x in box.claim("s1")[0]] == ["other", "new"]


def test_threads_begin_with_their_first_letter() -> None:
    box = Mailbox()
    first, other = put(box), put(box)
    answer = put(box, "re", reply_to=first)
    put(box, "re re", reply_to=answer)
    assert [x.thread for x in box.letters] == [first, other, first, first]


def test_what_does_not_fit_is_refused() -> None:
    box = Mailbox()
    with pytest.raises(RgtError, match="at most 64 KB"):
        put(box, "x" * (LONGEST + 1))
    with pytest.raises(RgtError, match="full"):
        for _ in range(FULL // LONGEST + 1):
            put(box, "x" * LONGEST)
    for _ in range(3 * KEPT):
        box.claim("s1")
        put(box, "x" * 50)
    assert len(box.letters) <= 2 * KEPT


def test_b41_a_person_is_told_once_of_what_waits_too_long() -> None:
    agent = Mailed(updated_at=AT)
    agent.mail(m.Mail(by="mayor", text="hello"))
    assert agent.mailbox.due() == "2026-01-31T12:10:00.000Z"
    agent.mailbox.late = True
    assert (agent.mail_alert, agent.mailbox.due()) == ("does not take its mail (1 waiting)", "")
    agent.mail_claim(m.MailClaim(session="s1"))
    agent.mail_claim(m.MailClaim(session="s1"))
    assert (agent.mail_alert, agent.mailbox.late) == ("", False)


@given(st.lists(st.sampled_from(["put", "claim s1", "claim s2", "die", "read"]), max_size=40))
def test_no_order_loses_or_doubles_a_letter(steps: list[str]) -> None:
    """A letter is taken only after the session that had it was heard again, or somebody read it."""
    box, had = Mailbox(), dict[str, list[int]]()
    for step in steps:
        if step == "put":
            put(box, "x" * 3000)
        elif step == "die":
            box.session_died()
            had.clear()
        elif step == "read" and box.letters:
            box.read([box.letters[0].number])
        elif step.startswith("claim"):
            session = step.split()[1]
            given, _ = box.claim(session)
            assert not {x.number for x in given} & set(had.get(session, []))
            had = {session: [*had.get(session, []), *(x.number for x in given)]}
    assert [x.number for x in box.letters] == list(range(1, box.last + 1))
