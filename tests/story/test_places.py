"""What a gate says about a place is told as a place: to people, to programs and to the author."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rgt.host.shown import Failures
from rgt.model import operations as ops
from tests.repos import make_repo
from tests.town import LiveTown, change, steps

TEST = """\
from till import total


def check(basket, wanted):
    assert total(basket) == wanted


def test_total():
    check([1, 2], 3)
"""


def test_a_failing_test_is_told_with_its_file_and_line(shared: LiveTown, tmp: Path) -> None:
    """`rgt mq show` has the line in its table and in its JSON; the author's next attempt begins with it."""
    make_repo(tmp / "repo", {"till.py": "def total(basket):\n    return sum(basket)\n", "test_till.py": TEST})
    shared.add_rig("till", tmp / "repo", f"test={sys.executable} -B -m pytest -q -p no:cacheprovider")
    again = steps(
        f'do = "run"\ncmd = "\\"$RGT_BIN\\" prime > {tmp}/told"',
        'do = "write"\npath = "till.py"\ntext = "def total(basket):\\n    return sum(basket, 0)\\n"',
        'do = "commit"\nmessage = "right"',
        'do = "done"',
        list_name="rejected",
    )
    wrong = "def total(basket):\n    return sum(basket) + 1\n"
    item = shared.create("count better", change("till.py", wrong) + "\n" + again)
    shared.rgt("mq", "pause", "till")
    shared.sling(item, target="till")
    shared.becomes(item, "submitted")
    shared.rgt("mq", "resume", "till")
    shared.becomes(item, "merged")

    told = (tmp / "told").read_text()
    assert "test_till.py:5: assert 4 == 3" in told
    assert told.index("test_till.py:5") < told.index("The end of its output")
    assert "(test_till.py::test_total)" in told


def test_places_stay_until_the_work_lands(shared: LiveTown, tmp: Path) -> None:
    """`mq show` names file, line and test of what was sent back; of what has landed it keeps the logs alone."""
    make_repo(tmp / "repo", {"till.py": "def total(basket):\n    return sum(basket)\n", "test_till.py": TEST})
    gate = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
    shared.found_rig("once", source={"path": str(tmp / "repo")}, gate=[gate], max_attempts=1)
    item = shared.create("count worse", change("till.py", "def total(basket):\n    return 0\n"))
    shared.sling(item, target="once")
    shared.becomes(item, "blocked")

    said = shared.ask("mq", "show", item)["verdicts"][-1]["gates"][-1]
    assert said["cut"] == 0 and said["notes"] == []
    [found] = said["diagnostics"]
    assert (found["path"], found["line"], found["source"]) == ("test_till.py", 5, "pytest")
    assert (found["test"], found["severity"]) == ("test_till.py::test_total", "error")
    assert found["message"].startswith("assert 0 == 3")
    assert "test_till.py:5  assert 0 == 3" in shared.rgt("mq", "show", item)
    [told] = [line["detail"] for line in shared.ask("log", item) if line["what"] == "rejected"]
    head = shared.item(item)["head"]
    assert told.startswith(f"head={head[:8]}, verdict=failed: gate test: exit code 1; test_till.py:5: assert 0 == 3")

    shared.rgt("escalate", item, "--ack", "count again")
    shared.rgt("work", "reopen", item)
    right = change("till.py", "def total(basket):\n    return sum(basket, 0)\n")
    good = f"```rgt-script\n{right}\n```"
    shared.rgt("work", "edit", item, "--description", "-", stdin=good)
    shared.sling(item, target="once")
    shared.becomes(item, "merged")
    verdicts = shared.ask("mq", "show", item)["verdicts"]
    assert [v["kind"] for v in verdicts] == ["failed", "merged"]
    assert verdicts[0]["gates"][-1]["diagnostics"] == []


def test_problems_are_listed_for_editors_until_they_are_answered(shared: LiveTown, tmp: Path) -> None:
    """A failure and a conflict: the lines of each, in the files of the one who must look."""
    repo = tmp / "repo"
    make_repo(repo, {"till.py": "def total(basket):\n    return sum(basket)\n", "test_till.py": TEST})
    gate = {"name": "test", "run": f"{sys.executable} -B -m pytest -q -p no:cacheprovider"}
    shared.found_rig("two", source={"path": str(repo)}, gate=[gate], max_attempts=1)
    shared.rgt("mq", "pause", "two")
    lands = shared.create("a name", change("till.py", "def total(things):\n    return sum(things)\n"))
    clashes = shared.create("another", change("till.py", "# mine\ndef total(mine):\n    return sum(mine)\n"))
    fails = shared.create("worse", change("test_till.py", TEST.replace("3)", "4)")))
    for item in (lands, clashes, fails):
        shared.sling(item, target="two")
        shared.becomes(item, "submitted")
    shared.rgt("mq", "resume", "two")
    shared.becomes(lands, "merged")
    for item in (clashes, fails):
        shared.becomes(item, "blocked")

    found = {p.item: p for p in shared.call(ops.MQ_PROBLEMS, ops.RigFilter(rig="two")).rows}
    assert set(found) == {clashes, fails}
    [clash] = found[clashes].clashes
    assert (clash.path, clash.target_line, clash.target_end) == ("till.py", 1, 2)
    assert (clash.yours_line, clash.yours_end) == (1, 3)
    assert "till.py, lines 1-3 (target: lines 1-2)" in shared.rgt("mq", "show", clashes)
    text = (repo / "test_till.py").read_text()
    [shown] = asyncio.run(Failures(shared.home).at(repo / "test_till.py", text, found.values()))
    assert (shown.line, shown.problem.item, shown.mine) == (5, fails, False)
    listed = shared.rgt("mq", "problems", "--rig", "two")
    assert f"test_till.py:5: error: assert 3 == 4 + where 3 = total([1, 2]) ({fails})" in listed
    assert f"till.py:1: error: conflict, till.py, lines 1-3 (target: lines 1-2) ({clashes})" in listed
    assert [p["item"] for p in shared.ask("mq", "problems", "--rig", "two")] == [p.item for p in found.values()]

    for item in (clashes, fails):
        shared.rgt("escalate", item, "--ack", "never mind")
        shared.rgt("work", "close", item)
    assert shared.ask("mq", "problems", "--rig", "two") == []
    assert shared.run("mq", "problems", "--rig", "absent").code == 5
