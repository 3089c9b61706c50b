"""The scripted agent as a program, in a real repository, with the real `hook.py`."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from rgt.host.runtimes import scripted
from rgt.host.runtimes.presets import Launch, available, command, load_preset
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Mode
from tests.eventually import eventually
from tests.host.stage import Stage, Town, context

WORK = """\
[[start]]
do = "say"
text = "Off we go"
[[start]]
do = "write"
path = "src/x.py"
text = "x = 1\\n"
[[start]]
do = "append"
path = "src/x.py"
text = "y = 2\\n"
[[start]]
do = "run"
cmd = "cat src/x.py"
[[start]]
do = "commit"
message = "Add x"
[[start]]
do = "escalate"
message = "is this right?"
[[start]]
do = "done"
message = "all of it"
"""


def test_does_its_work_and_ends(stage: Stage) -> None:
    stage.guarded()
    code, screen = stage.play(WORK)
    assert code == 0, screen
    assert (stage.agent_dir / "ready").read_text() == f"{stage.running[0].pid} n0nce\n"
    assert stage.git("log", "-1", "--format=%an|%cn|%s").strip() == "api/nux|api/nux|Add x"
    assert stage.git("show", "HEAD:src/x.py") == "x = 1\ny = 2\n"
    assert [e for e in stage.events() if e != "PostToolUse"] == [
        "SessionStart",
        "UserPromptSubmit",
        "Stop",
        "SessionEnd",
    ]
    assert "PostToolUse" in stage.events()
    assert stage.calls() == [
        "escalate gt-3f8k2 is this right?",
        "done --summary all of it",
    ]
    lines = screen.splitlines()
    assert lines[0].strip() == "api/nux · gt-3f8k2 · Round cash"
    assert lines[1] == "│ You are api/nux."
    for line in ("▸ Off we go", "▸ write src/x.py", "▸ run cat src/x.py", "y = 2", "▸ commit Add x"):
        assert line in lines


def test_shows_the_text_of_the_hook_without_control_characters(stage: Stage) -> None:
    stage.town.answers["SessionStart"] = [context("a\x1b[2Jb\n" + "c\n" * 100)]
    _, screen = stage.play('[[start]]\ndo = "exit"\n')
    assert "│ a[2Jb\n│ c\n" in screen
    assert "│ … 41 more lines: rgt prime" in screen


def test_waits_idle_until_it_is_told_to_end(stage: Stage) -> None:
    process = stage.launch('[[start]]\ndo = "say"\ntext = "x"\n')
    eventually(stage.stopped)
    assert process.poll() is None
    process.terminate()
    assert process.wait(30) == 0
    assert stage.events()[-1] == "SessionEnd"


def test_hears_lines_while_idle_and_asked(stage: Stage) -> None:
    process = stage.launch('[[start]]\ndo = "ask"\ntext = "Tabs?"\n[[start]]\ndo = "exit"\ncode = 7\n')
    eventually(stage.stopped)
    assert process.stdin
    process.stdin.write("yes\n")
    process.stdin.flush()
    assert process.wait(30) == 7
    assert "▸ Tabs?" in process.communicate()[0]
    turns = ["SessionStart", "UserPromptSubmit", "Stop", "UserPromptSubmit", "Stop", "SessionEnd"]
    assert stage.events() == turns


def test_an_end_reaches_what_a_step_started(stage: Stage) -> None:
    stage.guarded()
    process = stage.launch('[[start]]\ndo = "run"\ncmd = "sleep 600 & echo $! > pid; wait"\n')
    child = int(eventually(lambda: (f := stage.worktree / "pid").exists() and f.read_text()))
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait(30) == 0
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_failed_command_ends_it_unless_any_exit_is_fine(stage: Stage) -> None:
    stage.guarded()
    code, screen = stage.play(
        '[[start]]\ndo = "run"\ncmd = "exit 3"\nok = "any"\n[[start]]\ndo = "run"\ncmd = "false"\n'
    )
    assert code == 1
    assert "exit 3" in screen
    assert "exit 1" in screen


def test_a_refused_done_does_not_end_it(stage: Stage) -> None:
    stage.calls_file.with_name("calls.refuse").touch()
    process = stage.launch('[[start]]\ndo = "done"\n')
    eventually(stage.stopped)
    process.terminate()
    assert "refused: no commits" in process.communicate(timeout=30)[0]


def test_events_that_nobody_takes_do_no_harm(stage: Stage) -> None:
    stage.town.close()
    stage.guarded()
    code, screen = stage.play(WORK)
    assert code == 0, screen
    stage.town = Town(Home(stage.home.root.parent / "other"))


TWICE = """\
[[start]]
do = "append"
path = "a"
text = "1"
[[start]]
do = "crash"
[[start]]
do = "append"
path = "a"
text = "2"
[[start]]
do = "done"
"""


def test_B01_killed_and_resumed_goes_on_behind_the_crash(stage: Stage) -> None:
    assert stage.play(TWICE)[0] == -signal.SIGKILL
    assert stage.play(None, "resumed")[0] == 0
    assert (stage.worktree / "a").read_text() == "12"


def test_resumed_repeats_the_step_it_was_in(stage: Stage) -> None:
    stage.guarded()
    script = (
        '[[start]]\ndo = "run"\ncmd = "echo >> tries; [ -e go ]"\n'
        '[[start]]\ndo = "commit"\nmessage = "x"\n[[start]]\ndo = "done"\n'
    )
    assert stage.play(script)[0] == 1
    (stage.worktree / "go").touch()
    assert stage.play(None, "resumed")[0] == 0
    assert (stage.worktree / "tries").read_text() == "\n\n"


def test_a_commit_that_is_there_already_is_fine(stage: Stage) -> None:
    assert stage.play('[[start]]\ndo = "commit"\nmessage = "x"\n[[start]]\ndo = "done"\n')[0] == 0


@pytest.mark.parametrize(("mode", "code"), [("start", 10), ("rejected", 20), ("resumed", 30)])
def test_each_mode_has_its_list(stage: Stage, mode: Mode, code: int) -> None:
    lists = {"start": 10, "rejected": 20, "resumed": 30}
    script = "".join(f'[[{name}]]\ndo = "exit"\ncode = {number}\n' for name, number in lists.items())
    assert stage.play(script, mode)[0] == code


@pytest.mark.parametrize("mode", ["rejected", "resumed"])
def test_a_missing_list_means_start(stage: Stage, mode: Mode) -> None:
    assert stage.play('[[start]]\ndo = "exit"\ncode = 10\n', mode)[0] == 10


def test_resumed_in_the_rejected_list_goes_on_there(stage: Stage) -> None:
    script = '[[start]]\ndo = "exit"\ncode = 1\n[[rejected]]\ndo = "crash"\n[[rejected]]\ndo = "exit"\ncode = 5\n'
    assert stage.play(script, "rejected")[0] == -signal.SIGKILL
    assert stage.play(None, "resumed")[0] == 5


def test_after_a_handoff_it_goes_on_behind_the_step(stage: Stage) -> None:
    """It waits to be ended, then goes on: not in the list for a death, and not from the start again."""
    script = '[[start]]\ndo = "handoff"\nmessage = "next"\n[[start]]\ndo = "exit"\ncode = 3\n'
    process = stage.launch(script + '[[resumed]]\ndo = "exit"\ncode = 30\n')
    eventually(lambda: "handoff next" in stage.calls())
    process.terminate()
    assert process.wait(30) == 0
    assert stage.play(None, "handoff")[0] == 3


def test_an_end_that_python_drops_is_heeded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception out of a finalizer goes nowhere; a signal may come in the middle of one."""
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: dropped.append(told.exc_type))
    monkeypatch.setattr(scripted, "asked_to_end", [])

    class Cleared:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, scripted._end)
    try:
        Cleared()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert dropped == [scripted.Ended]
    with pytest.raises(scripted.Ended):
        scripted.rest()


def test_B82_a_link_out_of_the_worktree_is_not_followed(stage: Stage) -> None:
    (stage.worktree / "out").symlink_to(stage.agent_dir)
    code, screen = stage.play('[[start]]\ndo = "write"\npath = "out/x"\ntext = "x"\n')
    assert code == 1
    assert "outside the worktree" in screen
    assert not (stage.agent_dir / "x").exists()


def test_a_module_of_the_repository_does_not_get_into_it(stage: Stage) -> None:
    (stage.worktree / "json.py").write_text("raise SystemExit(99)\n")
    stage.env["PYTHONPATH"] = str(stage.worktree)
    assert stage.play('[[start]]\ndo = "exit"\ncode = 4\n')[0] == 4


def test_a_hanging_agent_ends_on_term(stage: Stage) -> None:
    process = stage.launch('[[start]]\ndo = "hang"\n')
    eventually(lambda: stage.events()[-1:] == ["UserPromptSubmit"])
    process.terminate()
    assert process.wait(30) == 0


def test_without_a_script_it_is_a_shell(stage: Stage) -> None:
    stage.env["SHELL"] = shutil.which("sh") or "/bin/sh"
    process = stage.launch(None)
    out, _ = process.communicate('echo "$GTR_WORK_ITEM in $PWD"\nexit 6\n', timeout=10)
    assert process.returncode == 6
    assert "You are api/nux." in out
    assert f"gt-3f8k2 in {stage.worktree}" in out
    assert "api/nux gt-3f8k2 $ " in out
    assert (stage.agent_dir / "ready").exists()


@pytest.mark.parametrize("args", [[], ["--dir"], ["--dir", "x", "--mode", "later"], ["--what", "x"]])
def test_wrong_arguments_are_a_usage_error(stage: Stage, args: list[str]) -> None:
    base = command(load_preset(stage.home, "scripted"), Launch(sys.executable, stage.agent_dir))
    done = subprocess.run([*base[:5], *args], env=stage.env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


async def test_is_up_at_once(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = stage.launch('[[start]]\ndo = "hang"\n')
    eventually((stage.agent_dir / "ready").exists, every=0.002)
    assert loop.time() - began < 2, "about 0.05 s on a quiet machine"
    process.terminate()


# Presets


def test_shipped_presets_are_good(home: Home) -> None:
    assert available(home)["scripted"]
    assert {"codex", "copilot", "gemini", "opencode", "scripted"} <= available(home).keys()


def test_a_preset_of_the_town_goes_first(home: Home) -> None:
    home.runtimes.mkdir(parents=True)
    (home.runtimes / "scripted.toml").write_text(
        'name = "scripted"\ncommand = ["mine", "{mode}"]\nresume = ["again"]\n'
    )
    (home.runtimes / "broken.toml").write_text("name = ")
    (home.runtimes / "here.toml").write_text('name = "here"\ncommand = ["sh"]\n')
    preset = load_preset(home, "scripted")
    assert command(preset, Launch("py", home.root, "rejected")) == ["mine", "rejected"]
    assert command(preset, Launch("py", home.root, "resumed")) == ["again"]
    shipped = available(Home(home.root / "other")).keys()
    assert {n: a for n, a in available(home).items() if n == "scripted" or n not in shipped} == {
        "scripted": False,
        "broken": False,
        "here": True,
    }
    with pytest.raises(RgtError, match=r"broken\.toml:1: ") as caught:
        load_preset(home, "broken")
    assert caught.value.code == "invalid"


def test_an_unknown_runtime_gets_a_suggestion(home: Home) -> None:
    with pytest.raises(RgtError) as caught:
        load_preset(home, "script")
    assert (caught.value.code, caught.value.hint) == ("not_found", "did you mean scripted?")
