"""The town at a glance and as it changes: `status`, `feed`, `log --follow`, live completion."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.test_help import completed
from tests.eventually import eventually
from tests.town import RGT, LiveTown


@contextmanager
def following(town: LiveTown, *argv: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A command that goes on, and the lines it has printed so far."""
    child = subprocess.Popen([str(RGT), *argv], env=town.env, cwd=town.root, stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    assert child.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(iter(child.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        yield child, lines
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        reader.join(10)
        child.stdout.close()


def test_the_feed_goes_on_when_the_worker_was_away(town: LiveTown) -> None:
    """Ctrl+C ends it with 130; what happened while the worker was away is not lost, nothing is told twice."""
    with following(town, "feed", "--json") as (child, lines):

        def seen() -> list[dict[str, Any]]:
            return [json.loads(x) for x in list(lines)]

        eventually(lambda: any(x["id"] == "boot" for x in seen()), 20)
        first = town.create("one")
        eventually(lambda: any(x["id"] == first and x["state"] == "open" for x in seen()), 20)
        town.kill("worker")
        eventually(lambda: town.run("work", "create", "two").code == 0, 30, 0.2)
        town.rgt("work", "close", first)
        eventually(lambda: any(x["id"] == first and x["state"] == "closed" for x in seen()), 30)
        eventually(lambda: any(x["row"]["title"] == "two" for x in seen()), 20)
        told = [(x["kind"], x["id"], x["row"]["rev"]) for x in seen()]
        assert len(told) == len(set(told))
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130


def test_the_log_goes_on(shared: LiveTown) -> None:
    with following(shared, "log", "--follow") as (child, lines):
        eventually(lambda: any("boot" in x for x in list(lines)), 20)
        made = shared.create("seen in the log")
        eventually(lambda: any(made in x and "work open" in x for x in list(lines)), 20)
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130


def test_the_dashboard_is_drawn_on_a_terminal_and_leaves_it_as_it_was(shared: LiveTown) -> None:
    main, other = pty.openpty()
    env = {**shared.env, "COLUMNS": "100", "LINES": "30"}
    child = subprocess.Popen(
        [str(RGT), "feed"], env=env, stdin=other, stdout=other, stderr=other, start_new_session=True
    )
    os.close(other)
    screen = bytearray()

    def shows(text: str) -> bool:
        while select.select([main], [], [], 0)[0]:
            try:
                screen.extend(os.read(main, 65536))
            except OSError:
                break
        return text.encode() in screen

    try:
        eventually(lambda: shows("merge queue"), 20)
        made = shared.create("appears by itself")
        eventually(lambda: shows(made), 20)
        child.send_signal(signal.SIGINT)
        assert eventually(lambda: shows("\x1b[?1049l") or child.poll() is not None, 10)
        assert child.wait(10) == 130
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(main)


def test_status_shows_what_needs_a_person_and_how_to_answer(shared: LiveTown) -> None:
    item = shared.create("a hard one")
    shared.rgt("escalate", item, "which of the two?")
    text = shared.rgt("status")
    assert f"rgt escalate {item} --ack ANSWER" in text and "asks: which of the two?" in text
    assert "├─ api" in text and "refinery" in text
    assert any(n["id"] == item for n in shared.ask("status")["needs"])
    assert item in shared.rgt("feed", "--once")
    shared.rgt("escalate", item, "the first", "--ack")
    assert "which of the two?" not in shared.rgt("status")


def test_up_and_down_twice_are_as_once(shared: LiveTown) -> None:
    for command, state in (("down", "down"), ("down", "down"), ("up", "up"), ("up", "up")):
        assert shared.ask(command)["state"] == state
        assert shared.ask("status")["town"]["state"] == state
    assert shared.rgt("start") == f"the town runs at {shared.home.root}\n"


def test_ids_and_rigs_are_completed_from_the_town(shared: LiveTown) -> None:
    item = shared.create("to be completed")
    env = dict(shared.env)
    assert item in completed(shared.root, ["work", "show", item[:4]], env)
    assert completed(shared.root, ["sling", item, "--target", ""], env) >= {"api"}
    assert completed(shared.root, ["rig", "status", "a"], env) == {"api"}
    assert "api/refinery" in completed(shared.root, ["agents", "show", ""], env)
