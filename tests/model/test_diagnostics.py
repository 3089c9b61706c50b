"""Diagnostics: what is kept of many, in which order, and that none can drive a terminal or grow a history."""

from __future__ import annotations

from rgt.model import messages as m
from rgt.model.diagnostics import MESSAGE, MOST, ROOM, Clash, Diagnostic, bounded
from rgt.model.problems import problems
from rgt.model.prompts import ItemFacts, PrimeFacts, prime
from rgt.model.queue import Entry, GateResult, GateSpec, Job, Verdict
from rgt.model.refinery import PLACED, VERDICTS, Refinery
from rgt.model.rows import Row


def at(path: str, line: int = 1, message: str = "no", **more: object) -> Diagnostic:
    return Diagnostic.model_validate({"path": path, "line": line, "message": message, **more})


def test_at_most_fifty_are_kept_and_the_rest_is_counted() -> None:
    kept = bounded(at("a.py", n) for n in range(1, 201))
    assert [d.line for d in kept.diagnostics] == list(range(1, MOST + 1))
    assert kept.cut == 150


def test_long_texts_are_cut_so_that_all_have_room() -> None:
    kept = bounded(at("a.py", n, "x" * 10_000, test="t" * 1_000) for n in range(1, 51))
    assert all(len(d.message) == MESSAGE and d.message.endswith("…") for d in kept.diagnostics)
    assert sum(len(d.model_dump_json()) for d in kept.diagnostics) <= ROOM
    assert len(kept.diagnostics) > 5 and kept.cut == 50 - len(kept.diagnostics)


def test_the_authors_lines_come_first_then_the_authors_files_and_warnings_last() -> None:
    found = [at("other.py", 1), at("mine.py", 9), at("mine.py", 3), at("mine.py", 2, severity="warning")]
    kept = bounded(found, {"mine.py": [(3, 4)]}).diagnostics
    assert [d.place for d in kept] == ["mine.py:3", "mine.py:9", "other.py:1", "mine.py:2"]


def test_one_thing_said_twice_is_one() -> None:
    kept = bounded([at("a.py", 3, "no", test="t"), at("a.py", 3, "no"), at("a.py", 3, "other"), at("", 1)])
    assert [(d.message, d.test) for d in kept.diagnostics] == [("no", "t"), ("other", "")]
    assert kept.cut == 0


def test_nothing_drives_a_terminal() -> None:
    [one] = bounded([at("a\x1b[31m.py", 1, "\x1b]0;title\x07red \x1b[31mtext\x1b[0m\x00\u202e")]).diagnostics
    assert (one.path, one.message) == ("a.py", "red text")


def test_words() -> None:
    assert Diagnostic(path="a", line=2, column=3).place == "a:2:3"
    assert Diagnostic(path="a", column=3).place == "a"
    assert at("a", 1, "bad\n  thing", code="E1").words() == "bad thing [E1]"
    assert (
        Clash(path="a", target_line=3, target_end=3, yours_line=5, yours_end=6).place == "a, lines 5-6 (target: line 3)"
    )
    assert Clash(path="a").place == "a"


def failed(item: str, *found: Diagnostic, head: str = "h") -> Verdict:
    gate = GateResult(name="test", outcome="fail", exit_code=1, log="/l", diagnostics=list(found), tail="the end")
    return Verdict(kind="failed", item=item, head=head, sha="c", base="b", gates=[gate])


def test_a_refinery_does_not_grow_with_what_was_found() -> None:
    """Of one item the newest counts; of many the newest few; merges push none out."""
    r = Refinery(config=m.RefineryStart(rig="api", host="h"))
    big = [at("a.py", n, "x" * 100) for n in range(50)]

    def settle(v: Verdict) -> None:
        entry = Entry(item=v.item, rig="api", head=v.head)
        r.submitted(m.Submitted(entry=entry))
        r.settle(entry, v)

    settle(failed("gt-00000", *big, head="1"))
    settle(failed("gt-00000", *big, head="2"))
    assert [len(v.gates[0].diagnostics) for v in r.verdicts] == [0, 50]
    for n in range(30):
        settle(Verdict(kind="merged", item=f"gt-1{n:04}", head="h"))
    assert len(r.verdicts[1].gates[0].diagnostics) == 50
    for n in range(100):
        settle(failed(f"gt-2{n:04}", *big))
    assert sum(bool(v.gates[0].diagnostics) for v in r.verdicts) == PLACED
    assert len(r.verdicts) == VERDICTS
    assert sum(len(v.model_dump_json()) for v in r.verdicts) < PLACED * ROOM + VERDICTS * 1_000
    settle(Verdict(kind="merged", item="gt-20099", head="h2"))
    assert not [v for v in r.verdicts if v.item == "gt-20099" and v.gates and v.gates[0].diagnostics]


def test_old_states_are_read() -> None:
    """What a town has stored before there were diagnostics."""
    assert GateResult.model_validate({"name": "t", "outcome": "fail"}).diagnostics == []
    assert Verdict.model_validate({"kind": "conflict", "files": ["a"]}).clashes == []
    assert GateSpec.model_validate({"name": "t", "run": "x"}).report == ""
    assert Job.model_validate({"rig": "a", "entries": []}).matchers == []
    assert m.RefineryStart.model_validate({"rig": "a", "host": "b"}).matchers == []


def test_problems_are_those_that_nobody_has_answered() -> None:
    rows = [
        Row(kind="work", id=f"gt-{n}", rev=1, state=state, title=state, agent="api/nux")
        for n, state in enumerate(("in_progress", "submitted", "merged", "blocked", "closed", "queued"))
    ]
    verdicts = [failed(f"gt-{n}", at("a.py", n + 1)) for n in (0, 1, 2, 4, 5, 9)]
    verdicts += [Verdict(kind="conflict", item="gt-3", clashes=[Clash(path="a")]), Verdict(kind="merged", item="gt-5")]
    found = list(problems("api", verdicts, rows))
    assert [(p.item, p.kind, p.title) for p in found] == [
        ("gt-0", "failed", "in_progress"),
        ("gt-3", "conflict", "blocked"),
    ]
    assert (found[0].gate, found[0].log, found[0].agent, found[0].sha) == ("test", "/l", "api/nux", "c")


def told(verdict: Verdict) -> str:
    return prime("polecat", PrimeFacts(address="api/nux", item=ItemFacts(id="gt-1", title="t"), rejection=verdict))


def test_the_author_is_told_the_places_before_the_log_with_the_lines_that_it_has() -> None:
    found = [at("a.py", 3, "wrong", test="t.py::t", yours=7), *(at("b.py", n) for n in range(1, 20))]
    text = told(failed("gt-1", *found))
    assert "a.py:7: wrong (t.py::t)" in text and "b.py:9: no" in text and "b.py:10" not in text
    assert "and 10 more" in text
    assert text.index("a.py:7") < text.index("the end")


def test_the_author_is_told_the_lines_of_a_conflict() -> None:
    clash = Clash(path="a.py", target_line=3, target_end=9, yours_line=3, yours_end=5)
    assert "a.py, lines 3-5 (target: lines 3-9)" in told(Verdict(kind="conflict", files=["a.py"], clashes=[clash]))
