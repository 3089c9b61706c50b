"""`rgt demo` as a person runs it, and interrupted; the verification on its own."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from rgt.cli.demo import NEXT, Ended, look_around, verify
from rgt.cli.demo_town import PassingTown, short_directory
from rgt.cli.demo_view import Story, clock, failed_test, plain
from rgt.host.sample import make_sample
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.queue import GateResult, Verdict
from rgt.model.rows import Row
from tests.docs import is_command
from tests.eventually import eventually
from tests.repos import commit, sh
from tests.scratch import scratch_env
from tests.town import RGT


def demo(tmp: Path, *options: str) -> subprocess.Popen[str]:
    """`rgt demo` with its temporary files below `tmp`."""
    return subprocess.Popen(
        [str(RGT), "demo", *options],
        env=scratch_env(tmp),
        cwd=tmp,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def leftovers(tmp: Path) -> list[str]:
    """What a demo below `tmp` has left: processes that know of its directory, and directories."""
    found = [str(path) for path in tmp.glob("rgt-demo-*")]
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), *process.environ().values()]
            if any(f"{tmp}/rgt-demo-" in word for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
        except psutil.Error:
            continue
    return found


def test_three_items_land_one_at_once_one_after_a_failure_one_after_a_conflict(tmp: Path) -> None:
    """Plain lines for a pipe; exit 0 on git's word; afterwards nothing is left."""
    process = demo(tmp)
    out, err = process.communicate(timeout=170)
    assert process.returncode == 0, out + err
    for text in ("sent back: conflict in till/basket.py", "sent back: FAIL: test_rounds_to_the_nearest_five"):
        assert out.count(text) == 1
    assert out.count("tests pass: merged") == 3
    assert "all 3 items are in the history of main and, in a fresh checkout of it, 18 tests pass" in out
    assert out.count("Merge gt-") == 3
    assert "What to try next:" in out
    assert err == ""
    assert leftovers(tmp) == []


def test_keep_leaves_a_town_that_answers_and_that_stop_ends(tmp: Path) -> None:
    """`--json` gives the facts alone on standard output; the env file leads a shell to the town."""
    process = demo(tmp, "--keep", "--json")
    out, err = process.communicate(timeout=170)
    assert process.returncode == 0, err
    told = json.loads(out)
    root = Path(told["repository"]).parent
    try:
        assert told["ok"] and told["kept"]
        assert [item["attempts"] for item in told["items"]] == [1, 2, 2]
        assert sh(Path(told["repository"]), "rev-parse", "main") == told["target"]["head"]
        listed = shell(tmp, f". {root}/env && rgt work list --json")
        assert {row["state"] for row in json.loads(listed)} == {"merged"}
    finally:
        shell(tmp, f". {root}/env && rgt stop && rm -r {root}")
    eventually(lambda: not leftovers(tmp), 10)


def shell(tmp: Path, line: str) -> str:
    """What a shell line prints; it must succeed."""
    done = subprocess.run(["sh", "-c", line], env=scratch_env(tmp), cwd=tmp, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


MOMENTS = {
    "the directory is made": ("", signal.SIGINT),
    "its programs start": ("starting Temporal", signal.SIGINT),
    "agents work": (" in_progress ", signal.SIGHUP),
    "a candidate is tested": (" merging ", signal.SIGTERM),
    "the town stops": ("", signal.SIGINT),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_demo_leaves_no_process_and_no_file(tmp: Path, moment: str) -> None:
    """B46: whatever it was doing, SIGINT, SIGTERM and SIGHUP end all of it."""
    text, number = MOMENTS[moment]
    process = demo(tmp)
    assert process.stdout is not None
    if moment == "the directory is made":
        eventually(lambda: list(tmp.glob("rgt-demo-*")), 30, 0.001)
    elif moment == "the town stops":
        for line in process.stdout:
            if line.count("tests pass: merged") and (text := text + "x") == "xxx":
                break
        eventually(lambda: list(tmp.glob("rgt-demo-*/checkout")), 30, 0.01)
        eventually(lambda: not list(tmp.glob("rgt-demo-*/town/runtime/socket")), 30, 0.001)
    else:
        for line in process.stdout:
            if text in line:
                break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err and "Traceback" not in err
    assert leftovers(tmp) == []


def test_its_directory_is_where_sockets_fit(tmp: Path) -> None:
    """B84: a temporary directory with a long name, or one that cannot be written, is passed over."""
    long = tmp / ("x" * 80)
    long.mkdir()
    assert short_directory(str(long), "", str(tmp / "not-there"), str(tmp)).parent == tmp
    with pytest.raises(RgtError, match="no place"):
        short_directory(str(long))


def test_nothing_is_made_without_git_and_tmux(tmp: Path) -> None:
    """B84: one line, and nothing half-made."""
    env = {**scratch_env(tmp), "PATH": str(RGT.parent)}
    ran = subprocess.run([str(RGT), "demo"], env=env, cwd=tmp, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert ran.stderr.count("\n") == 1 and "Traceback" not in ran.stderr
    assert leftovers(tmp) == []


async def test_verification_believes_git_alone(tmp: Path) -> None:
    """A commit that is not on main, was there before, or is claimed twice, and tests that fail, are each found."""
    repo = tmp / "till"
    await make_sample(repo)
    base = sh(repo, "rev-parse", "main")
    first = commit(repo, {"a.txt": "a\n"})
    second = commit(repo, {"b.txt": "b\n"})
    assert await verify(repo, base, [first, second], tmp / "good") == "13 tests pass"
    sh(repo, "checkout", "--quiet", "-b", "side", base)
    aside = commit(repo, {"c.txt": "c\n"})
    sh(repo, "checkout", "--quiet", "main")
    for number, claimed in enumerate(([first, aside], [base, first], [first, first], [first, ""])):
        with pytest.raises(RgtError):
            await verify(repo, base, claimed, tmp / f"bad-{number}")
    broken = commit(
        repo, {"tests/test_no.py": "import unittest\nclass T(unittest.TestCase):\n  def test(s): s.fail()\n"}
    )
    with pytest.raises(RgtError, match="do not pass"):
        await verify(repo, base, [first, second, broken], tmp / "broken")


def test_what_to_try_next_are_commands(home: Home) -> None:
    """Each suggestion is a command of the tree, with such options."""
    items = [{"id": "gt-aaaaa"}]
    ended = Ended(PassingTown(home.root, home), kept=True, seconds=1, items=items, tests="", graph="", head="")
    assert [c for c in (*NEXT, *look_around(ended)) if not is_command(c.partition(" && ")[0])] == []


def work(state: str, attempt: int = 1) -> Row:
    """A row of an item, as the feed tells it."""
    return Row(kind="work", id="gt-aaaaa", state=state, attempt=attempt, agent="till/nux", title="x")


def test_a_story_tells_each_change_once() -> None:
    """Rows that change nothing for a person say nothing; other items are not of this story."""
    story = Story()
    story.begin("gt-aaaaa", "Sell tea")
    told = [story.take(work(state), 1.0) for state in ("queued", "assigned", "assigned", "in_progress", "submitted")]
    assert [beat.text if beat else "" for beat in told] == [
        "",
        "nux gets a worktree and a session",
        "",
        "nux starts to work",
        "nux says done",
    ]
    assert story.take(Row(kind="work", id="gt-zzzzz", state="merged"), 2.0) is None
    assert not story.done
    back = story.sent_back(Verdict(kind="conflict", item="gt-aaaaa", files=["a.py"]), 2.0)
    assert back.text == "sent back: conflict in a.py"
    story.take(work("merged", 2), 3.0)
    assert story.done and story.stuck == ""
    story.take(work("blocked", 3), 4.0)
    assert story.stuck.startswith("gt-aaaaa is blocked")


def test_lines_and_times() -> None:
    """What pipes get."""
    assert clock(64.9) == "01:04"
    assert plain(4.2, "gt-aaaaa", "merged", "tests pass: merged") == "00:04 gt-aaaaa merged      tests pass: merged"
    gate = GateResult(name="test", outcome="fail", tail="...\nFAIL: test_it (tests.T.test_it)\n")
    assert failed_test(Verdict(kind="failed", gates=[gate])) == "FAIL: test_it"
    assert failed_test(Verdict(kind="failed")) == ""
