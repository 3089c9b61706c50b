"""The hook program as agents' runtimes run it: it reports to a gateway, waits for none, and guards in any case."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rgt.host.runtimes import hook
from rgt.host.runtimes.presets import SHIPPED
from rgt.model import guard
from tests.eventually import eventually
from tests.pipes import NarrowPipe

TOKEN = "polecat/api/nux.1.s3cret"
RUN = str(SHIPPED / "run.py")


class Agent:
    """An agent's directories, and a gateway that notes what it is asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.worktree = root, root / "wt"
        self.directory = root / "gtr" / "runtime" / "agents" / "polecat" / "api" / "nux"
        self.directory.mkdir(parents=True)
        self.worktree.mkdir()
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {}
        self.listening: socket.socket | None = None
        policy = guard.policy_for(
            "polecat", worktree=str(self.worktree), branch="b", hub="", target="main", home=str(root / "gtr")
        )
        (self.directory / "policy.json").write_text(json.dumps(policy))

    def open(self) -> None:
        """Begin to answer."""
        self.listening = socket.socket(socket.AF_UNIX)
        os.chdir(self.root / "gtr" / "runtime")
        self.listening.bind("socket")
        os.chdir("/")
        self.listening.listen()
        threading.Thread(target=self._serve, args=(self.listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, connection.makefile("rw") as lines:
                for line in lines:
                    self.asked.append(json.loads(line))
                    lines.write(json.dumps(self.answer) + "\n")
                    lines.flush()

    @property
    def env(self) -> dict[str, str]:
        """Its environment."""
        env = {"GTR_ROOT": str(self.root / "gtr"), "GTR_TOKEN": TOKEN, "RGT_AGENT_DIR": str(self.directory)}
        return {**env, "HOME": str(self.root)}

    def hook(self, mode: str, given: object) -> subprocess.CompletedProcess[str]:
        """Run the program as a runtime does."""
        text = given if isinstance(given, str) else json.dumps(given)
        argv = [sys.executable, "-IS", RUN, "hook", mode]
        cwd = self.worktree
        return subprocess.run(argv, input=text, env=self.env, cwd=cwd, capture_output=True, text=True, timeout=20)

    def start(self, mode: str, given: object, out: int) -> subprocess.Popen[str]:
        """Begin to run the program, with `out` for its standard output."""
        argv = [sys.executable, "-IS", RUN, "hook", mode]
        pipe = subprocess.PIPE
        running = subprocess.Popen(
            argv, env=self.env, cwd=self.worktree, stdin=pipe, stdout=out, stderr=subprocess.DEVNULL, text=True
        )
        assert running.stdin is not None
        with running.stdin:
            running.stdin.write(json.dumps(given))
        return running

    def noted(self) -> list[str]:
        """Receipts that it will say again."""
        place = self.directory / "printed"
        return sorted(p.name for p in place.iterdir()) if place.is_dir() else []

    def spooled(self) -> list[dict[str, Any]]:
        """Events that wait for a gateway."""
        place = self.directory / "spool"
        return [json.loads(p.read_text()) for p in sorted(place.iterdir())] if place.is_dir() else []


@pytest.fixture
def agent(tmp: Path) -> Iterator[Agent]:
    made = Agent(tmp / ("a-long-directory-name-" * 5))
    yield made
    if made.listening:
        made.listening.close()


def test_an_event_is_told_and_its_answer_printed(agent: Agent) -> None:
    """Also over a socket whose path is too long; what the work is about stays here."""
    agent.open()
    agent.answer = {
        "id": 1,
        "ok": {"out": {"hookSpecificOutput": {"additionalContext": "Grüße\n☃"}}, "err": "", "code": 0},
    }
    told = {"tool_name": "Bash", "source": 'a "b" \\ é\n', "stop_hook_active": True}
    kept = {"tool_input": {"command": "secret"}, "tool_response": "secret", "last_assistant_message": "secret"}
    tasks = {"background_tasks": [{"command": "secret"}, {"command": "secret"}]}
    given = {"hook_event_name": "PostToolUse", "session_id": "s1", "message": "m" * 900, **told, **kept, **tasks}
    ran = agent.hook("event", given)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == agent.answer["ok"]["out"]
    asked = agent.asked[0]
    assert (asked["op"], asked["token"], asked["args"]["event"], asked["args"]["session"]) == (
        "agent.hook", TOKEN, "PostToolUse", "s1",
    )  # fmt: skip
    data = asked["args"]["data"]
    assert data == {**told, "message": "m" * 500, "background_tasks": 2}
    assert agent.spooled() == []


def test_the_bell_wakes_with_its_exit_code(agent: Agent) -> None:
    agent.open()
    agent.answer = {"id": 1, "ok": {"out": None, "err": "you have mail", "code": 2}}
    ran = agent.hook("bell", {"hook_event_name": "FileChanged", "file_path": "/x/bell"})
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "you have mail")
    assert agent.asked[0]["args"]["event"] == "FileChanged"


MAIL = {"out": {"hookSpecificOutput": {"additionalContext": "a letter " * 20}}, "err": "", "code": 0, "receipt": "r1"}


def test_B40_it_says_that_mail_is_printed_and_says_it_again_with_the_next_event(agent: Agent) -> None:
    """Since nobody answers that, it is noted until an answer shows that the town has heard it."""
    agent.open()
    agent.answer = {"id": 1, "ok": MAIL}
    assert "a letter" in agent.hook("event", {"hook_event_name": "Stop", "session_id": "s1"}).stdout
    eventually(lambda: len(agent.asked) == 2)
    said = {"event": "Printed", "session": "s1", "had": ["r1"]}
    assert (agent.asked[1]["op"], agent.asked[1]["token"], agent.asked[1]["args"]) == ("agent.hook", TOKEN, said)
    assert agent.noted() == ["r1"]
    agent.answer = {"id": 1, "error": {"code": "unreachable", "message": "no"}}
    agent.hook("event", {"hook_event_name": "Stop"})
    assert agent.noted() == ["r1"]
    agent.answer = {"id": 1, "ok": {}}
    agent.hook("event", {"hook_event_name": "Stop"})
    assert [a["args"].get("had") for a in agent.asked[2:]] == [["r1"], ["r1"]]
    assert agent.noted() == []


def test_B40_what_nobody_can_read_is_not_confirmed(agent: Agent) -> None:
    agent.open()
    agent.answer = {"id": 1, "ok": MAIL}
    read, write = os.pipe()
    os.close(read)
    running = agent.start("event", {"hook_event_name": "Stop"}, write)
    os.close(write)
    running.wait(10)
    assert [a["args"]["event"] for a in agent.asked] == ["Stop"]
    assert agent.noted() == []


def test_B40_what_is_printed_in_part_is_not_confirmed(agent: Agent) -> None:
    """The hook is killed in the middle."""
    agent.open()
    agent.answer = {"id": 1, "ok": {**MAIL, "out": {"hookSpecificOutput": {"additionalContext": "a letter " * 1000}}}}
    pipe = NarrowPipe()
    running = agent.start("event", {"hook_event_name": "Stop"}, pipe.write)
    os.close(pipe.write)
    eventually(pipe.begun)
    assert running.poll() is None
    running.kill()
    running.wait(10)
    assert "a letter" in pipe.drained()
    assert [a["args"]["event"] for a in agent.asked] == ["Stop"]
    assert agent.noted() == []


def test_an_error_of_the_gateway_is_not_the_agents(agent: Agent) -> None:
    agent.open()
    agent.answer = {"id": 1, "error": {"code": "denied", "message": "no"}}
    assert agent.hook("event", {"hook_event_name": "Stop"}).returncode == 0


def test_without_a_gateway_events_wait_and_are_bounded(agent: Agent) -> None:
    place = agent.directory / "spool"
    place.mkdir()
    for number in range(hook.SPOOLED + 5):
        (place / f"{number:020}-1").write_text("{}")
    for name in ("Stop", "SessionEnd"):
        ran = agent.hook("event", {"hook_event_name": name, "session_id": "s1"})
        assert (ran.returncode, ran.stdout) == (0, "")
    kept = agent.spooled()
    assert len(kept) == hook.SPOOLED
    assert [e["event"] for e in kept[-2:]] == ["Stop", "SessionEnd"]
    assert not any(TOKEN in p.read_text() for p in place.iterdir()), "a token is never written down"


def test_a_gateway_that_says_nothing_is_not_waited_for(agent: Agent) -> None:
    """Longer than it may be slow; the event is kept."""
    with socket.socket(socket.AF_UNIX) as silent:
        os.chdir(agent.root / "gtr" / "runtime")
        silent.bind("socket")
        os.chdir("/")
        silent.listen()
        ran = agent.hook("event", {"hook_event_name": "Stop", "session_id": "s1", "tool_input": {"x": "secret"}})
    assert (ran.returncode, ran.stdout) == (0, "")
    assert [e["event"] for e in agent.spooled()] == ["Stop"]
    assert "secret" not in json.dumps(agent.spooled())


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{} {}", "3", '{"a": ', "\0"])
def test_malformed_input(agent: Agent, text: str) -> None:
    """B80: a guard says no to it; an event of it keeps nobody from working."""
    denied = agent.hook("guard", text)
    assert denied.returncode == 2 and denied.stderr.startswith("rgt: nothing is allowed")
    assert agent.hook("event", text).returncode == 0


def bash(command: str) -> dict[str, Any]:
    return {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": command}, "cwd": "/tmp"}


def test_the_guard_knows_what_others_in_the_rig_have_stashed(agent: Agent) -> None:
    """A log that is none, or no text, is in nobody's way."""
    log = agent.root / "hub" / "logs" / "refs" / "stash"
    policy = agent.directory / "policy.json"
    policy.write_text(json.dumps({**json.loads(policy.read_text()), "hub": str(agent.root / "hub")}))
    assert agent.hook("guard", bash("git stash pop")).stdout == ""
    log.parent.mkdir(parents=True)
    entry = f"{'0' * 40} {'1' * 40} A <a@b.c> 1764590000 +0000\tWIP on polecat/toast/gt-00002: 1234567 caf"
    log.write_bytes(entry.encode() + b"\xe9\n")
    said = json.loads(agent.hook("guard", bash("git stash pop")).stdout)["hookSpecificOutput"]
    assert "stash@{0} is of gt-00002" in said["permissionDecisionReason"]
    log.unlink()
    os.mkfifo(log)
    assert agent.hook("guard", bash("git stash pop")).stdout == ""


def test_the_guard_denies_and_allows(agent: Agent) -> None:
    ran = agent.hook("guard", bash("git push"))
    said = json.loads(ran.stdout)["hookSpecificOutput"]
    assert (ran.returncode, said["permissionDecision"]) == (0, "deny")
    assert "`rgt done`" in said["permissionDecisionReason"]
    for line in ("cat $HOME/gtr/config/key", f"cat {agent.root}/gtr/config/key", "git -C .. push"):
        assert '"deny"' in agent.hook("guard", bash(line)).stdout, line
    allowed = agent.hook("guard", bash("pytest -q && git commit -am 'Ünïcode ☃'"))
    assert (allowed.returncode, allowed.stdout, allowed.stderr) == (0, "", "")


def test_without_a_policy_nothing_is_allowed(agent: Agent) -> None:
    """B80: missing, unreadable, or not what it should be."""
    policy = agent.directory / "policy.json"
    for text in (None, "", "[]", "{}", "\0"):
        policy.unlink(missing_ok=True)
        if text is not None:
            policy.write_text(text)
        assert agent.hook("guard", bash("ls")).returncode == 2
    assert agent.hook("guard", {"hook_event_name": "PreToolUse"}).returncode == 2


@pytest.mark.parametrize("words", [("hook.py", "guard"), ("foreign.py", "codex", "guard")])
def test_a_guard_that_is_called_as_by_an_earlier_version_refuses_all_the_same(
    agent: Agent, words: tuple[str, ...]
) -> None:
    program, *more = words
    argv = [sys.executable, "-IS", str(SHIPPED / program), *more]
    given = json.dumps(bash("git push --force origin main"))
    ran = subprocess.run(argv, input=given, env=agent.env, cwd=agent.worktree, capture_output=True, text=True)
    assert ran.returncode == 0 and '"deny"' in ran.stdout


def test_its_json_is_that_of_the_standard_library() -> None:
    values: list[Any] = [{"a": [1, -2.5, True, None, 'é\n\u2028"\\']}, {}, [], "", {"x": {"y": []}}, "😀"]
    for value in values:
        assert json.loads(hook.dumps(value)) == value
        assert hook.loads(json.dumps(value)) == value
        assert hook.loads(" \n" + json.dumps(value, indent=1) + "\n") == value
