"""What agents have used, read from transcripts as Claude Code writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rgt.host import transcripts
from rgt.host.transcripts import SEEN, Book, File, find_book, open_book, read, save_book
from rgt.model.costs import Price, Usage, total
from rgt.model.times import iso
from tests.eventually import eventually

PATTERN = "claude/projects/**/*.jsonl"
AT = "2026-11-20T10:00:00.000Z"
NOW = "2026-11-28T00:00:00.000Z"


def price(model: str) -> Price | None:
    known = {"input": 1.0, "output": 2.0, "write": 3.0, "write_hour": 4.0, "read": 5.0}
    return Price.model_validate(known) if model == "known" else None


def entry(request: str, output: int = 0, *, model: str = "known", at: str = AT, **usage: Any) -> str:
    """A line of a transcript."""
    given = {"input_tokens": 0, "output_tokens": output, **usage}
    message = {"id": f"msg_{request}", "role": "assistant", "model": model, "usage": given}
    return json.dumps({"type": "assistant", "timestamp": at, "requestId": request, "message": message}) + "\n"


def write(directory: Path, *lines: str, name: str = "-src-api/one.jsonl", mode: str = "a") -> Path:
    path = directory / "claude" / "projects" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.writelines(lines)
    return path


def again(directory: Path, item: str = "") -> Book:
    """The next worker reads."""
    book = open_book(directory, PATTERN)
    book.item = item or book.item
    read(directory, book, price)
    save_book(directory, book)
    return book


def tokens(book: Book) -> int:
    return total(book.sums.values()).tokens


def test_each_request_counts_once_with_the_most_that_was_said_of_it(tmp: Path) -> None:
    """Contract 8: several lines for one answer, the first with fewer tokens than it took in the end."""
    again(tmp, "gt-aaaaa")
    cached = {"cache_creation_input_tokens": 10, "cache_creation": {"ephemeral_1h_input_tokens": 4}}
    usage: dict[str, Any] = {"input_tokens": 7, "cache_read_input_tokens": 20, **cached}
    write(tmp, entry("r1", 1, **usage), entry("r1", 40, **usage), '{"type": "user"}\n', entry("r2", 5))
    write(tmp, entry("r1", 40, **usage), entry("r3", 3, model="new model"))
    book = again(tmp)
    assert book.sums == {
        "2026-11-20 gt-aaaaa known": [2, 7, 45, 10, 20, 7 + 90 + 18 + 16 + 100, 0],
        "2026-11-20 gt-aaaaa new model": [1, 0, 3, 0, 0, 0, 3],
    }
    assert not read(tmp, book, price), "nothing is read twice"
    write(tmp, entry("r2", 9))
    assert tokens(again(tmp)) == 77 + 9 + 3, "a known one that has grown"


def test_subagents_and_forks_have_files_of_their_own(tmp: Path) -> None:
    """A fork repeats what it was forked from."""
    again(tmp)
    write(tmp, entry("r1", 1), entry("r2", 2))
    write(tmp, entry("s1", 10), name="-src-api/one/subagents/agent-a1.jsonl")
    write(tmp, entry("r1", 1), entry("r2", 2), entry("f1", 100), name="-src-api/fork.jsonl")
    assert tokens(again(tmp)) == 113


def test_a_line_that_is_not_whole_waits_until_it_is(tmp: Path) -> None:
    again(tmp)
    whole = entry("r1", 5)
    write(tmp, whole[:40])
    assert tokens(again(tmp)) == 0
    write(tmp, whole[40:-1])
    assert tokens(again(tmp)) == 0
    write(tmp, "\n")
    assert tokens(again(tmp)) == 5


def test_a_transcript_that_was_cut_or_replaced_is_read_again_and_counts_once(tmp: Path) -> None:
    again(tmp)
    path = write(tmp, entry("r1", 5), entry("r2", 6))
    assert tokens(again(tmp)) == 11
    write(tmp, entry("r1", 5), mode="w")
    assert tokens(again(tmp)) == 11
    path.unlink()
    write(tmp, entry("r2", 6), entry("r3", 7), entry("r4", 8))
    assert tokens(again(tmp)) == 26


@pytest.mark.parametrize(
    "line",
    [
        "\n",
        "no json with usage\n",
        '["usage"]\n',
        '{"message": "usage"}\n',
        '{"message": {"usage": []}}\n',
        '{"message": {"usage": {"output_tokens": 5}}}\n',
        entry("x", -5),
        entry("x", True),
        entry("x", 1 << 50),
        entry("x", output="5"),  # type: ignore[arg-type]
        "[" * 100_000 + '"usage"\n',
    ],
)
def test_what_is_no_answer_counts_nothing_and_stops_nothing(tmp: Path, line: str) -> None:
    again(tmp)
    write(tmp, line, entry("r1", 5))
    assert tokens(again(tmp)) == 5


def test_odd_times_and_names(tmp: Path) -> None:
    """No time, one in the future and one of another zone; a name with control characters."""
    book = Book(id="b", pattern=PATTERN)
    for number, at in enumerate(("", "2099-01-01T00:00:00Z", "2026-11-27T01:00:00+02:00", "yesterday")):
        book.count(json.loads(entry(f"r{number}", 1, at=at, model="a \x1b[31m\nb")), price, NOW, File(inode=1))
    assert {key: sum[0] for key, sum in book.sums.items()} == {"2026-11-28 - a [31m b": 3, "2026-11-26 - a [31m b": 1}


def test_what_was_used_counts_for_the_item_of_its_time(tmp: Path) -> None:
    again(tmp, "gt-aaaaa")
    write(tmp, entry("r1", 1))
    again(tmp)
    write(tmp, entry("r1", 3), entry("r2", 10))
    book = again(tmp, "gt-bbbbb")
    assert {key: sum[2] for key, sum in book.sums.items()} == {
        "2026-11-20 gt-aaaaa known": 3,
        "2026-11-20 gt-bbbbb known": 10,
    }, "an answer that goes on is of the item that it was begun for"


def test_many_requests_are_known_again_by_their_time(tmp: Path) -> None:
    book = again(tmp)
    for _ in range(2):
        for n in range(SEEN + 50):
            book.count(
                json.loads(entry(f"r{n}", 1, at=f"2026-11-20T10:{n // 60:02}:{n % 60:02}Z")), price, NOW, File(inode=1)
            )
        book.forget()
        assert (len(book.seen), tokens(book)) == (SEEN, SEEN + 50)


def test_a_book_that_is_lost_counts_nothing_a_second_time(tmp: Path) -> None:
    first = again(tmp)
    write(tmp, entry("r1", 5))
    assert tokens(again(tmp)) == 5
    (tmp / transcripts.BOOK).write_text("{")
    book = again(tmp)
    assert (tokens(book), book.id != first.id) == (0, True)
    eventually(lambda: iso(datetime.now(UTC)) > book.since, every=0.001)
    later = "2099-01-01T00:00:00Z"
    write(tmp, entry("r2", 6, at=later))
    assert tokens(again(tmp)) == 6


def test_what_was_told_is_news_no_more(tmp: Path) -> None:
    again(tmp, "gt-aaaaa")
    days = ("2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23")
    write(tmp, *(entry(f"r{day}", 5, at=f"{day}T10:00:00Z") for day in days))
    book = again(tmp)
    lines = book.news("polecat/api/nux")
    assert [(x.day, x.item, x.agent, x.amount[2]) for x in lines] == [
        (day, "gt-aaaaa", "polecat/api/nux", 5) for day in days
    ]
    book.was_told(lines, book.used)
    assert book.news("polecat/api/nux") == []
    assert [key[:10] for key in book.sums] == [*days[1:]], "days that are over are forgotten"
    write(tmp, entry("more", 1, at="2026-11-23T11:00:00Z"))
    read(tmp, book, price)
    assert [x.amount[2] for x in book.news("polecat/api/nux")] == [6], "totals, not increments"
    save_book(tmp, book)
    assert find_book(tmp) == book


def line(**entry: Any) -> str:
    return json.dumps({"timestamp": AT, **entry}) + "\n"


def gemini(id: str, tokens: dict[str, int] | None = None, model: str = "known") -> str:
    """A message as Gemini 0.61 writes it."""
    return line(id=id, type="gemini", content="", thoughts=[], tokens=tokens, model=model)


def test_gemini_writes_each_answer_again_when_its_tools_have_run(tmp: Path) -> None:
    """What came out of a cache is part of the input, what was thought is no part of the output."""
    again(tmp, "gt-aaaaa")
    used = {"input": 10, "output": 3, "cached": 4, "thoughts": 2, "tool": 1, "total": 16}
    set_again = line(**{"$set": {"messages": [json.loads(gemini("m1", used))]}})
    write(tmp, line(sessionId="s", kind="main"), line(id="u", type="user", content="tokens"), gemini("m1"))
    write(tmp, gemini("m1", used), gemini("m1", used), set_again, gemini("m2", used, "other"))
    assert again(tmp).sums == {
        "2026-11-20 gt-aaaaa known": [1, 7, 5, 0, 4, 7 + 10 + 20, 0],
        "2026-11-20 gt-aaaaa other": [1, 7, 5, 0, 4, 0, 16],
    }


def codex(*sum: int, last: tuple[int, int, int] = (0, 0, 0)) -> str:
    """The sum of a session as Codex 0.171 writes it: input, cached, output."""
    names = ("input_tokens", "cached_input_tokens", "output_tokens")
    info = {
        "total_token_usage": dict(zip(names, sum, strict=True)),
        "last_token_usage": dict(zip(names, last, strict=True)),
    }
    return line(type="event_msg", payload={"type": "token_count", "info": info, "rate_limits": {}})


def session(id: str = "one", model: str = "known") -> str:
    turn = line(type="turn_context", payload={"turn_id": "t", "model": model})
    return line(type="session_meta", payload={"id": id, "cli_version": "0.171.0"}) + turn


def test_codex_writes_sums_of_a_session_some_of_them_twice(tmp: Path) -> None:
    """Also one without a sum, which tells of limits alone, and one of a session that counts anew."""
    again(tmp, "gt-aaaaa")
    empty = line(type="event_msg", payload={"type": "token_count", "info": None, "rate_limits": {}})
    path = write(tmp, session(), empty, codex(10, 4, 5), codex(10, 4, 5), codex(30, 14, 8))
    book = again(tmp)
    assert book.sums == {"2026-11-20 gt-aaaaa known": [2, 16, 8, 0, 14, 16 + 16 + 70, 0]}
    write(tmp, line(type="turn_context", payload={"model": "other"}), codex(40, 14, 9))
    assert again(tmp).sums["2026-11-20 gt-aaaaa other"] == [1, 10, 1, 0, 0, 0, 11], (
        "the next worker knows the sum before"
    )
    write(tmp, codex(0, 0, 0), codex(7, 2, 1, last=(7, 2, 1)))
    assert tokens(again(tmp)) == 38 + 11 + 8
    path.write_bytes(path.read_bytes()[:-1] + b" \n")
    path.rename(path.with_suffix(".old"))
    path.with_suffix(".old").rename(path.with_name("copy.jsonl"))
    assert tokens(again(tmp)) == 57, "read again, under another name, it counts once"


def test_two_sessions_of_codex_with_the_same_sums_are_two_and_a_fork_repeats_the_first(tmp: Path) -> None:
    again(tmp)
    write(tmp, session("one"), codex(10, 4, 5))
    write(tmp, session("two"), codex(10, 4, 5), name="two.jsonl")
    write(tmp, session("three"), session("one"), codex(10, 4, 5), codex(12, 4, 6), name="three.jsonl")
    assert tokens(again(tmp)) == 15 + 15 + 3


@pytest.mark.parametrize(
    "odd",
    [
        line(id="m", type="gemini", tokens={"input": -1, "output": "3", "cached": True}),
        line(id="", type="gemini", tokens={"input": 5}),
        line(
            type="event_msg", payload={"type": "token_count", "info": {"total_token_usage": [], "last_token_usage": 5}}
        ),
        line(type="event_msg", payload="token_count"),
        line(type="turn_context", payload={"model": ["x"]}),
        line(type="session_meta", payload=None),
    ],
)
def test_odd_lines_of_codex_and_gemini_count_nothing_and_stop_nothing(tmp: Path, odd: str) -> None:
    again(tmp)
    write(tmp, odd, gemini("m1", {"input": 5}))
    assert tokens(again(tmp)) == 5


def test_a_usage_of_nothing_is_none() -> None:
    assert transcripts.usage_of({}) == Usage()
    assert transcripts.usage_of({"cache_creation": 5}) == Usage()
