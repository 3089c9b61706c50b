"""Nothing that agents or others have written does anything to the terminal of whoever reads it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess

import pytest

from rgt.cli.render import Painter, on_terminal, visible
from tests.cli.test_errors import on_terminal as printed
from tests.eventually import eventually
from tests.repos import make_repo
from tests.town import RGT, LiveTown

EVIL = "PWN\x1b]0;pwned\x07\x1b[2J\x1b[31m\x9b5m\x7f\b\r\x00red".replace("\x00", "")
SHOWN = "PWN\\x1b]0;pwned\\x07\\x1b[2J\\x1b[31m\\x9b5m\\x7f\\x08\\x0dred"
OURS = re.compile(r"\x1b\[\d+m")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module")
def item(shared: LiveTown) -> str:
    """An item with such texts in all places, and the letters 1 and 2."""
    make_repo(shared.root / "api")
    shared.add_rig("api", shared.root / "api")
    made = shared.create(EVIL, "", "--rig", "api", description=f"{EVIL}\n")
    shared.rgt("escalate", made, f"{EVIL}?")
    first = shared.ask("mail", "send", "person", EVIL, "--subject", EVIL)["number"]
    shared.rgt("mail", "send", "person", EVIL, "--subject", EVIL, "--reply-to", str(first))
    return f"{made} {first}"


COMMANDS = [
    "mail read LETTER", "mail thread LETTER", "mail inbox", "chat mayor hello", f"chat api/{EVIL} hello", "log",
    "log ITEM", "work show ITEM", "work list", "feed --once", "status", "needs",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: visible(c))
def test_no_command_sends_control_characters_that_others_have_written(
    shared: LiveTown, item: str, command: str
) -> None:
    """On a terminal our own colours at most, piped nothing at all; people see what is there."""
    id, letter = item.split()
    argv = [word.replace("ITEM", id).replace("LETTER", letter) for word in command.split(" ")]
    ran = shared.run(*argv)
    assert not CONTROL.search(ran.out + ran.err), ran
    screen = printed(shared, {**shared.env, "COLUMNS": "300"}, *argv, code=ran.code)
    assert not CONTROL.search(OURS.sub("", screen).replace("\r\n", "\n")), screen
    if command != "chat mayor hello":
        assert SHOWN[:30] in OURS.sub("", screen), screen


def test_json_has_the_very_text(shared: LiveTown, item: str) -> None:
    id, letter = item.split()
    assert (shared.item(id)["title"], shared.item(id)["description"]) == (EVIL, EVIL)
    read = shared.ask("mail", "read", letter)
    assert (read["text"], read["subject"]) == (EVIL, EVIL)
    assert EVIL in [x["text"] for x in shared.ask("mail", "inbox")]


def test_the_live_feed_sends_none_either(shared: LiveTown, item: str) -> None:
    main, other = pty.openpty()
    env = {**shared.env, "COLUMNS": "200", "LINES": "40"}
    child = subprocess.Popen([str(RGT), "feed"], env=env, stdin=other, stdout=other, stderr=other)
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
        eventually(lambda: shows("PWN\\x1b]0;pwned\\x07"), 20)
        for raw in ("\x1b]0", "\x07", "\x1b[31m\x9b", "\x9b"):
            assert not shows(raw), raw
        child.send_signal(signal.SIGINT)
        eventually(lambda: shows("\x1b[?1049l") or child.poll() is not None, 10)
        child.wait(10)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(main)


def test_what_is_ours_is_coloured_and_what_is_not_is_shown() -> None:
    drawn = Painter(80, True).table(("N", "STATE"), [("\x1b[2J\x9b", "merged")], state=1)
    assert on_terminal(drawn) == "\x1b[1mN            STATE\x1b[0m\n\\x1b[2J\\x9b  \x1b[32mmerged\x1b[0m"
    assert on_terminal("a\tb\r\nc\rd\udcff") == "a\tb\nc\\x0dd\\xff"
