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


def test_B40_a_letter_is_had_when_its_hook_says_so() -> None:
    box = Mailbox()
    put(box)
    given, more = box.claim("r1")
    assert ([x.number for x in given], more, states(box)) == ([1], 0, ["offered"])
    assert box.claim("r2", ["r1"]) == ([], 0), "a hook that still lives prints it"
    box.had(["r1"])
    assert (box.claim("r3"), states(box), box.waiting(), box.due()) == (([], 0), ["taken"], [], "")


def test_what_a_hook_does_not_confirm_is_given_again_and_says_so() -> None:
    box = Mailbox()
    put(box)
    box.claim("r1")
    given, _ = box.claim("r2")
    assert [x.again for x in given] == [True]
    assert "perhaps once more" in shown(given[0])
    box.had(["r1"])
    assert states(box) == ["offered"], "a receipt is for what was given under it"
    box.had(["r2"])
    assert states(box) == ["taken"]


def test_a_session_that_follows_a_dead_one_is_told_of_what_was_only_listed() -> None:
    box = Mailbox()
    for text in ("x" * 3500, "second" * 100, "third" * 100):
        put(box, text)
    assert (len(box.claim("r1")[0]), states(box)) == (1, ["offered", "named", "named"])
    box.had(["r1"])
    assert (states(box), len(box.waiting()), len(box.unread())) == (["taken", "listed", "listed"], 0, 2)
    box.session_died()
    assert [x.text[:6] for x in box.claim("r2")[0]] == ["second", "thirdt"]
    put(box, "fourth")
    box.session_died()
    assert [x.again for x in box.claim("r3")[0]] == [True, True, False]


def test_B40_two_hundred_letters_are_at_most_four_kilobytes() -> None:
    box = Mailbox()
    for n in range(200):
        put(box, f"letter number {n}, " + "x" * 200)
    given, more = box.claim("r1")
    box.had(["r1"])
    text = injected(given, more)
    assert len(text.encode()) <= INJECTED
    assert len(given) + more == 200 and more > 100
    assert f"{more} more letters wait: `rgt mail inbox`" in text
    assert box.claim("r2") == ([], 0), "what was only listed is not given by itself"
    assert [x.number for x in box.read([200])] == [200]


@pytest.mark.parametrize("text", ["", "x", NASTY, "y" * 10_000, "😀" * 3000])
def test_B42_the_text_stays_what_it_was(text: str) -> None:
    box = Mailbox()
    put(box, text)
    assert Mailbox.model_validate_json(box.model_dump_json()).letters[0].text == text
    given, more = box.claim("r1")
    assert len(injected(given, more).encode()) <= INJECTED
    if len(text) < 1000:
        assert f"(data)\n{text}\n>>> end of mail 1 " in injected(given, more)


@given(st.lists(st.tuples(st.text(max_size=200), st.text("a😀\n", max_size=900)), max_size=30))
def test_whatever_is_given_is_at_most_four_kilobytes(letters: list[tuple[str, str]]) -> None:
    box = Mailbox()
    for subject, text in letters:
        put(box, text * 5, subject=subject)
    assert len(injected(*box.claim("r1")).encode(errors="replace")) <= INJECTED


def test_a_later_letter_takes_the_place_of_an_unread_one() -> None:
    box = Mailbox()
    put(box, "old", dedupe="status")
    put(box, "other")
    put(box, "new", dedupe="status")
    assert [x.text for x in box.claim("r1")[0]] == ["other", "new"]
    put(box, "newest", dedupe="status")
    assert [x.text for x in box.letters] == ["other", "new", "newest"], "what was given is not taken back"


def test_a_later_letter_takes_the_place_of_one_that_was_only_listed() -> None:
    box = Mailbox()
    put(box, "x" * 3500)
    put(box, "old" * 200, dedupe="status")
    box.claim("r1")
    box.had(["r1"])
    put(box, "new", dedupe="status")
    assert [x.text for x in box.claim("r2")[0]] == ["new"]


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
        box.claim("r1")
        box.had(["r1"])
        put(box, "x" * 50)
    assert len(box.letters) <= 2 * KEPT


def test_B41_a_person_is_told_once_of_what_waits_too_long() -> None:
    agent = Mailed(updated_at=AT)
    agent.mail(m.Mail(by="mayor", text="hello"))
    assert agent.mailbox.due() == "2026-01-31T12:10:00.000Z"
    agent.mailbox.minutes = 0.5
    assert agent.mailbox.due() == "2026-01-31T12:00:30.000Z"
    agent.mailbox.late = True
    assert (agent.mail_alert, agent.mailbox.due()) == ("does not take its mail (1 waiting)", "")
    agent.mail_claim(m.MailClaim(receipt="r1"))
    assert agent.mail_count == 1
    agent.mail_had(m.MailHad(receipts=["r1"]))
    assert (agent.mail_alert, agent.mailbox.late) == ("", False)


def test_who_asks_without_a_receipt_has_it_with_the_answer() -> None:
    agent = Mailed(updated_at=AT)
    agent.mail(m.Mail(by="mayor", text="hello"))
    assert "hello" in agent.mail_claim(m.MailClaim())["text"]
    assert (agent.mail_count, states(agent.mailbox)) == (0, ["taken"])


STEPS = ("put", "ask", "print", "note", "confirm", "kill", "die", "read")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), max_size=60))
def test_no_order_loses_or_doubles_a_letter(steps: list[tuple[str, int]]) -> None:
    """Whatever becomes of hooks, several of which may live at once: a letter is taken only when it was printed or
    read, in the end all were, and twice only what a hook printed that was killed before it could say so."""
    agent, hooks = Mailed(updated_at=AT), Hooks()
    for step, number in steps:
        if step == "put":
            agent.mail(m.Mail(by="mayor", text="x" * 1500))
        elif step == "read" and agent.mailbox.letters:
            letter = agent.mailbox.letters[number % len(agent.mailbox.letters)]
            agent.mail_read(m.MailRead(numbers=[letter.number]))
            hooks.told.add(letter.number)
        elif step == "die":
            hooks.living.clear()
            hooks.notes.clear()
            hooks.printed.clear()
            agent.mailbox.session_died()
        else:
            hooks.step(step, number, agent)
        assert {x.number for x in agent.mailbox.letters if x.state == "taken"} <= hooks.told
    for step, number in [("kill", 0), ("kill", 1), ("kill", 2), ("ask", 0), ("print", 0), ("confirm", 0)]:
        hooks.step(step, number, agent)
    assert hooks.told | hooks.named == set(range(1, agent.mailbox.last + 1))
    assert not agent.mailbox.waiting()


class Hooks:
    """The hooks of one agent: each asks, prints, notes that it did, confirms, and may be killed at any time."""

    def __init__(self) -> None:
        self.asked = 0
        self.living: dict[int, tuple[str, list[int], list[int], str]] = {}
        """Place → receipt, numbers it was given, numbers it was told of, and how far it is."""
        self.notes: set[str] = set()
        self.printed: set[int] = set()
        """What this session was shown."""
        self.unsure: set[int] = set()
        """What a hook printed that was killed before it could say so."""
        self.told: set[int] = set()
        self.named: set[int] = set()

    def step(self, step: str, place: int, agent: Mailed) -> None:
        """Have the hook at `place` take a step, if that is its next one."""
        receipt, given, named, at = self.living.get(place, ("", [], [], ""))
        if step == "ask" and not receipt:
            self.asked += 1
            receipt = f"r{self.asked}"
            agent.mail_had(m.MailHad(receipts=sorted(self.notes)))
            self.notes.clear()
            printing = [r for r, *_ in self.living.values()]
            text = agent.mail_claim(m.MailClaim(receipt=receipt, printing=printing))["text"]
            assert len(text.encode()) <= INJECTED
            mine = [x for x in agent.mailbox.letters if x.receipt == receipt]
            given = [x.number for x in mine if x.state == "offered"]
            named = [x.number for x in mine if x.state == "named"]
            self.living[place] = (receipt, given, named, "asked")
        elif step == "print" and at == "asked":
            again = {x.number for x in agent.mailbox.letters if x.again}
            assert self.printed & set(given) <= self.unsure & again
            self.printed |= set(given)
            self.told |= set(given)
            self.named |= set(named)
            self.living[place] = (receipt, given, named, "printed")
        elif step == "note" and at == "printed":
            self.notes.add(receipt)
            self.living[place] = (receipt, given, named, "noted")
        elif step == "confirm" and at in ("printed", "noted"):
            agent.mail_had(m.MailHad(receipts=[receipt]))
            del self.living[place]
        elif step == "kill" and receipt:
            if at == "printed":
                self.unsure |= set(given)
            del self.living[place]
