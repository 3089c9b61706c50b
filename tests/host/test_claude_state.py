"""What is read of the file in which Claude Code says what it does; the file is as 2.1.330 writes it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rgt.host import processes, sandbox
from rgt.host.runtimes import claude_state
from tests.eventually import eventually

NOTHING = ("", "")


def says(agent_dir: Path, name: int, /, **said: Any) -> None:
    file = agent_dir / "claude" / "sessions" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": name, "kind": "interactive", "version": "2.1.330", **said}))


def started(pid: int) -> str:
    found = processes.identify(pid)
    assert found
    return str(found.started)


SAID: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"status": "busy"}, ("busy", "")),
    ({"status": "idle", "waitingFor": None}, ("idle", "")),
    ({"status": "waiting", "waitingFor": "a prompt" + "!" * 300}, ("waiting", "a prompt" + "!" * 192)),
    ({"status": "waiting", "waitingFor": 7}, ("waiting", "7")),
    ({"status": "something new"}, NOTHING),
    ({"status": None}, NOTHING),
    ({"status": ["busy"]}, NOTHING),
    ({}, NOTHING),
    ({"status": "busy", "pid": 1}, NOTHING),
    ({"status": "busy", "procStart": "1"}, NOTHING),
]


@pytest.mark.parametrize(("said", "read"), SAID, ids=str)
def test_what_it_says_of_itself(tmp: Path, said: dict[str, Any], read: tuple[str, str]) -> None:
    """Only what is known, only of exactly this process."""
    pid = os.getpid()
    says(tmp, pid, **{"procStart": started(pid), **said})
    assert claude_state.read(tmp, pid) == read


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"busy"', "\udcff"])
def test_a_file_that_says_nothing(tmp: Path, text: str) -> None:
    """It is written while it is read, or by another version; no file is there before it is up."""
    assert claude_state.read(tmp, os.getpid()) == NOTHING
    says(tmp, os.getpid())
    (tmp / "claude" / "sessions" / f"{os.getpid()}.json").write_text(text, errors="surrogateescape")
    assert claude_state.read(tmp, os.getpid()) == NOTHING


@pytest.mark.skipif(bool(sandbox.unusable()) and "CI" not in os.environ, reason=sandbox.unusable())
def test_in_a_sandbox_it_has_another_pid(tmp: Path) -> None:
    """Always the same one: what a process said that is gone does not count."""
    words = [*sandbox.BASE, *sandbox.DEVICES, "--", "sh", "-c", "echo $$; exec sleep 60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as box:
        try:
            assert box.stdout
            own = int(box.stdout.readline())
            says(tmp, own, status="busy", procStart="1")
            assert claude_state.read(tmp, box.pid) == NOTHING
            [sleeper] = eventually(lambda: [p for p, name in claude_state.inside(box.pid) if name == own], 5)
            says(tmp, own, status="idle", procStart=started(sleeper))
            assert claude_state.read(tmp, box.pid) == ("idle", "")
            assert claude_state.read(tmp, os.getpid()) == ("idle", ""), "from as far above as launchers put it"
        finally:
            box.kill()
