"""Pipes where git reads: nobody who comes to one goes on waiting."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread

import pytest

from rgt.host import pipes


@pytest.mark.parametrize("early", [True, False], ids=["before", "while it is removed"])
def test_who_comes_to_a_pipe_is_let_go(tmp: Path, early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp / ".gitignore"
    os.mkfifo(pipe)
    opened, read = Event(), Event()

    def reader() -> None:
        with pipe.open("rb") as file:
            opened.set()
            file.read()
        read.set()

    waiting = Thread(target=reader, daemon=True)
    unlink = Path.unlink

    def removed(path: Path) -> None:
        if not early:
            waiting.start()
        assert opened.wait(10), "it has a writer until it is gone"
        unlink(path)

    monkeypatch.setattr(Path, "unlink", removed)
    if early:
        waiting.start()
    assert pipes.unplug(tmp) == ""
    assert read.wait(10)
    assert not pipe.exists()
