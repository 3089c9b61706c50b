"""The scripted agent at its hooks: mail, the guard, and the ways in which it misbehaves."""

from __future__ import annotations

import signal
import time

import pytest

from tests.eventually import eventually
from tests.host.stage import Stage


def test_B40_the_bell_wakes_it_and_it_takes_what_it_is_told(stage: Stage) -> None:
    process = stage.launch('[[start]]\ndo = "say"\ntext = "x"\n')
    eventually(stage.stopped)
    stage.ring("mail from mayor: hurry")
    eventually(lambda: stage.events()[-3:] == ["FileChanged", "UserPromptSubmit", "Stop"])
    process.terminate()
    assert "mail from mayor: hurry" in process.communicate(timeout=5)[0]


def test_B40_a_turn_goes_on_with_what_its_end_is_answered(stage: Stage) -> None:
    stage.town.answers["Stop"] = [{"out": {"hookSpecificOutput": {"additionalContext": "one more thing"}}}]
    process = stage.launch('[[start]]\ndo = "say"\ntext = "x"\n')
    eventually(lambda: stage.events()[-2:] == ["Stop", "Stop"])
    process.terminate()
    assert "one more thing" in process.communicate(timeout=5)[0]


@pytest.mark.parametrize(
    ("step", "error", "until"),
    [
        ('do = "limit"\nseconds = 60', "rate_limit", True),
        ('do = "limit"', "rate_limit", False),
        ('do = "cut"', "server_error", False),
        ('do = "cut"\ntext = "billing_error"', "billing_error", False),
    ],
)
def test_B48_a_turn_that_failed_goes_on_when_it_is_rung(stage: Stage, step: str, error: str, until: bool) -> None:
    process = stage.launch(f'[[start]]\n{step}\n[[start]]\ndo = "exit"\ncode = 3\n')
    eventually(lambda: stage.events()[-1:] == ["StopFailure"])
    data = stage.town.heard[-1]["args"]["data"]
    end = data["error_details"].partition("|")[2]
    assert (data["error"], bool(end)) == (error, until)
    assert not until or time.time() + 50 < int(end) < time.time() + 70
    stage.ring("go on")
    assert process.wait(5) == 3


def test_B48_a_dialog_waits_for_a_line(stage: Stage) -> None:
    process = stage.launch('[[start]]\ndo = "dialog"\ntext = "may I?"\n[[start]]\ndo = "exit"\n')
    eventually(lambda: stage.events()[-1:] == ["Notification"])
    assert stage.town.heard[-1]["args"]["data"]["notification_type"] == "permission_prompt"
    assert process.stdin
    process.stdin.write("yes\n")
    process.stdin.flush()
    assert process.wait(5) == 0


def test_B80_a_command_runs_only_if_the_guard_lets_it(stage: Stage) -> None:
    stage.guarded()
    code, screen = stage.play(
        '[[start]]\ndo = "run"\ncmd = "sudo touch x"\nok = "any"\n[[start]]\ndo = "run"\ncmd = "touch y"\n'
        '[[start]]\ndo = "push"\n[[start]]\ndo = "run"\ncmd = "git -C . push"\n'
    )
    assert code == 1, screen
    assert screen.count("✗ refused: ") == 3
    assert sorted(p.name for p in stage.worktree.iterdir() if p.name != ".git") == ["y"]


def test_B80_without_a_policy_nothing_runs(stage: Stage) -> None:
    code, screen = stage.play('[[start]]\ndo = "run"\ncmd = "touch y"\n')
    assert (code, list(stage.worktree.glob("y"))) == (1, []), screen


def test_half_a_file_is_left_by_a_death_in_the_middle(stage: Stage) -> None:
    assert stage.play('[[start]]\ndo = "partial"\npath = "a"\ntext = "12345678"\n')[0] == -signal.SIGKILL
    assert (stage.worktree / "a").read_text() == "1234"


def test_spam_is_as_many_events(stage: Stage) -> None:
    assert stage.play('[[start]]\ndo = "spam"\ncount = 12\n[[start]]\ndo = "exit"\n')[0] == 0
    assert len(stage.events()) == 12 + len(
        ("SessionStart", "UserPromptSubmit", "UserPromptSubmit", "Stop", "SessionEnd")
    )
