"""The merge queue as its users meet it: what lands, what comes back, what waits for a person."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.eventually import eventually
from tests.repos import commit, make_repo, sh
from tests.town import LiveTown, change, steps


def needs_of(town: LiveTown, id: str) -> list[str]:
    """Commands that answer what waits at this id."""
    return [n["command"] for n in town.ask("needs") if n["id"] == id]


def parked(town: LiveTown, item: str, timeout: float = 60) -> dict[str, Any]:
    """Wait until the queue has parked the item; gives it."""

    def probe() -> dict[str, Any] | None:
        found = town.item(item)
        return found if found["state"] == "submitted" and found["reason"] else None

    return eventually(probe, timeout, 0.1, f"{item} parked")


def running(*commands: str) -> list[int]:
    """Pids of processes with exactly one of these command lines."""
    found = []
    for process in psutil.process_iter():
        try:
            if " ".join(process.cmdline()) in commands:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def bare_remote(path: Path, seed: Path) -> None:
    """A bare repository with the branches of `seed`."""
    sh(seed, "clone", "--quiet", "--bare", str(seed), str(path))


def held_gate(tmp: Path) -> str:
    """A gate that says what it tests in `saw`, and then waits until `go` is there."""
    return f"ls >> {tmp}/saw; echo . >> {tmp}/saw; while [ ! -e {tmp}/go ]; do sleep 0.02; done"


def looks(tmp: Path) -> list[list[str]]:
    """What each run of `held_gate` has seen."""
    text = (tmp / "saw").read_text() if (tmp / "saw").exists() else ""
    return [run.split() for run in text.split("\n.\n")[:-1]]


@pytest.mark.slow
def test_B25_what_gives_no_answer_is_parked_and_goes_on_when_a_person_says_so(shared: LiveTown, tmp: Path) -> None:
    """A gate that is missing, not executable, killed, too slow or without tests blames nobody and merges nothing.

    B28: nor is anything merged that the remote did not take."""
    ok = tmp / "ok"
    tool = tmp / "tool.sh"
    tool.write_text("#!/bin/sh\nexit 0\n")
    gates = {
        "absent": f"{tmp}/absent.sh",
        "barred": str(tool),
        "killed": f"test -e {ok} || kill -9 $$",
        "slow": f"test -e {ok} || {{ setsid sleep 31415 & sleep 31416; }}",
        "empty": f"test -e {ok} || echo 'no tests ran in 0.01s'",
    }
    for name, run in gates.items():
        make_repo(tmp / name)
        gate = {"name": "test", "run": run, "timeout": "1s"}
        shared.found_rig(name, source={"path": str(tmp / name)}, gate=[gate])
    make_repo(tmp / "seed")
    bare_remote(tmp / "remote.git", tmp / "seed")
    hook = tmp / "remote.git/hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\ntest -e {ok} || {{ echo 'the remote is closed' >&2; exit 1; }}\n")
    hook.chmod(0o755)
    shared.found_rig("away", source={"git_url": f"file://{tmp}/remote.git"}, landing="push", no_gates=True)
    rigs = [*gates, "away"]
    before = {rig: shared.hub_target(rig) for rig in rigs}
    items = {rig: shared.create(f"change {rig}", change("new.txt", f"{rig}\n")) for rig in rigs}
    for rig, item in items.items():
        shared.sling(item, target=rig)

    reasons = {rig: parked(shared, item)["reason"] for rig, item in items.items()}

    assert "command not found" in reasons["absent"]
    assert "cannot be executed" in reasons["barred"]
    assert "killed by signal 9" in reasons["killed"]
    assert "timeout after 1 s" in reasons["slow"]
    assert "no tests collected" in reasons["empty"]
    assert "the remote is closed" in reasons["away"]
    assert {rig: shared.hub_target(rig) for rig in rigs} == before
    assert sh(tmp / "remote.git", "rev-parse", "main") == before["away"]
    assert not running("sleep 31415", "sleep 31416")
    for rig, item in items.items():
        assert needs_of(shared, item) == [f"rgt mq retry {item}"]
        eventually(lambda: needs_of(shared, f"{rig}/refinery") == [f"rgt mq resume {rig}"])  # noqa: B023
        assert shared.item(item)["rejections"] == 0

    ok.touch()
    tool.chmod(0o755)
    (tmp / "absent.sh").write_text("#!/bin/sh\nexit 0\n")
    (tmp / "absent.sh").chmod(0o755)
    for rig in ("absent", "killed", "empty"):
        shared.rgt("mq", "retry", items[rig])
    for rig in ("barred", "slow", "away"):
        shared.rgt("mq", "resume", rig)
    for rig, item in items.items():
        assert shared.becomes(item, "merged")["sha"] == shared.hub_target(rig)
        eventually(lambda: needs_of(shared, item) == needs_of(shared, f"{rig}/refinery") == [])  # noqa: B023
    assert sh(tmp / "remote.git", "rev-parse", "main") == shared.hub_target("away")


def test_B24_what_somebody_else_pushed_meanwhile_is_tested_together_and_never_forced(
    shared: LiveTown, tmp: Path
) -> None:
    """B28: both with the rig's own path and with a remote, the foreign commit stays and the new tree is tested."""
    here, clone = tmp / "here", tmp / "clone"
    make_repo(here)
    bare_remote(tmp / "remote.git", here)
    sh(tmp, "clone", "--quiet", str(tmp / "remote.git"), str(clone))
    for name in ("local", "push"):
        (tmp / name).mkdir()
    shared.found_rig("local", source={"path": str(here)}, gate=[{"name": "test", "run": held_gate(tmp / "local")}])
    shared.found_rig(
        "push",
        source={"git_url": f"file://{tmp}/remote.git"},
        landing="push",
        gate=[{"name": "test", "run": held_gate(tmp / "push")}],
    )
    items = {rig: shared.create(f"for {rig}", change("ours.txt", "ours\n")) for rig in ("local", "push")}
    for rig, item in items.items():
        shared.sling(item, target=rig)
        eventually(partial(looks, tmp / rig), 60)
    theirs = {"local": commit(here, {"theirs.txt": "theirs\n"}), "push": commit(clone, {"theirs.txt": "theirs\n"})}
    sh(clone, "push", "--quiet", "origin", "main")
    for rig, item in items.items():
        shared.becomes(item, "merging")
        (tmp / rig / "go").touch()
    for rig, item in items.items():
        sha = shared.becomes(item, "merged")["sha"]
        where = here if rig == "local" else tmp / "remote.git"
        assert sh(where, "rev-parse", "main") == sha == shared.hub_target(rig)
        assert sh(where, "rev-parse", "main^") == theirs[rig]
        first, last = looks(tmp / rig)[0], looks(tmp / rig)[-1]
        assert "theirs.txt" not in first
        assert {"ours.txt", "theirs.txt"} <= set(last)


def test_conflict_and_failure_go_back_to_their_author_who_tries_again_in_the_same_place(
    shared: LiveTown, tmp: Path
) -> None:
    """B23: the second attempt has the same worktree and branch, is told the reason, and goes through the queue."""
    make_repo(tmp / "repo")
    gate = "grep -q bug src/app.py && { echo 'the bug is in src/app.py'; exit 1; }; test -f README.md"
    shared.add_rig("api", tmp / "repo", f"test={gate}")
    again = steps(
        f'do = "run"\ncmd = "\\"$RGT_BIN\\" prime > {tmp}/told-$GTR_WORK_ITEM; pwd > {tmp}/where2-$GTR_WORK_ITEM"',
        'do = "run"\ncmd = "git merge -q -X ours --no-edit origin/main"',
        'do = "run"\ncmd = "sed -i s/bug/feature/ src/app.py"',
        'do = "run"\ncmd = "git commit -qam fixed"\nok = "any"',
        'do = "done"',
        list_name="rejected",
    )
    where = f'do = "run"\ncmd = "pwd > {tmp}/where1-$GTR_WORK_ITEM"'

    def script(path: str, text: str) -> str:
        return steps(where) + "\n" + change(path, text) + "\n" + again

    first = shared.create("first title", script("README.md", "# first\n"))
    second = shared.create("second title", script("README.md", "# second\n"))
    wrong = shared.create("a bug", script("src/app.py", "print('bug')\n"))
    shared.rgt("mq", "pause", "api")
    for item in (first, second, wrong):
        shared.sling(item, target="api")
    for item in (first, second, wrong):
        shared.becomes(item, "submitted")
    branches = {i: shared.item(i)["branch"] for i in (first, second, wrong)}
    assert shared.hub_target("api") == sh(tmp / "repo", "rev-parse", "main")
    shared.rgt("mq", "resume", "api")

    done = {i: shared.becomes(i, "merged") for i in (first, second, wrong)}

    assert sorted(done[i]["attempt"] for i in (first, second)) == [1, 2]
    assert done[wrong]["attempt"] == 2
    for item, what in ((first if done[first]["attempt"] == 2 else second, "conflict"), (wrong, "the bug is in")):
        assert done[item]["branch"] == branches[item]
        assert (tmp / f"where1-{item}").read_text() == (tmp / f"where2-{item}").read_text()
        assert what in (tmp / f"told-{item}").read_text().lower()
        assert done[item]["rejections"] == 1
    assert "the bug is in src/app.py" in shared.rgt("mq", "show", wrong)
    assert sh(tmp / "repo", "show", "main:src/app.py") == "print('feature')"


def test_what_is_sent_back_too_often_is_blocked_and_a_person_is_asked(shared: LiveTown, tmp: Path) -> None:
    """`max_attempts` ends the circle; the escalation names the command, and the item can be taken up again."""
    make_repo(tmp / "repo")
    gate = {"name": "test", "run": "test ! -f bad.txt"}
    shared.found_rig("twice", source={"path": str(tmp / "repo")}, gate=[gate], max_attempts=2)
    item = shared.create("never good", change("bad.txt", "bad\n"))
    shared.sling(item, target="twice")
    blocked = shared.becomes(item, "blocked")
    assert (blocked["attempt"], blocked["rejections"]) == (2, 2)
    assert "after 2 attempts" in blocked["escalation"]["message"]
    assert needs_of(shared, item) == [f"rgt escalate {item} --ack ANSWER"]
    shared.rgt("escalate", item, "--ack", "leave the file out")
    assert needs_of(shared, item) == [f"rgt work reopen {item}"]
    shared.rgt("work", "reopen", item)
    good = "```rgt-script\n" + steps('do = "run"\ncmd = "git rm -q bad.txt; echo x > good.txt"') + "\n"
    good += change("good.txt", "good\n") + "\n```\n"
    shared.rgt("work", "edit", item, "--description", "-", stdin=good)
    shared.sling(item, target="twice")
    assert shared.becomes(item, "merged")["branch"] == blocked["branch"]


def test_a_persons_own_branch_goes_through_the_same_queue(shared: LiveTown, tmp: Path) -> None:
    """By `rgt mq submit`, and as the work of an item by `rgt done ID --branch`; a red one comes back to the person."""
    repo = tmp / "repo"
    make_repo(repo)
    shared.add_rig("own", repo, "test=test ! -f bad.txt")
    for branch, name in (("one", "one.txt"), ("two", "bad.txt")):
        sh(repo, "switch", "--quiet", "-c", branch, "main")
        commit(repo, {name: "mine\n"})
    sh(repo, "switch", "--quiet", "main")

    made = shared.run("mq", "submit", "--rig", "own", "--branch", "one", "--title", "my one", "--json", cwd=repo)
    assert made.code == 0, made.err
    assert shared.becomes(made.json()["id"], "merged")["sha"] == shared.hub_target("own")

    item = shared.create("two by hand")
    shared.rgt("done", item, "--branch", "two", "--rig", "own", cwd=repo)
    assert "failed" in shared.becomes(item, "blocked")["reason"]
    assert needs_of(shared, item)
    sh(repo, "switch", "--quiet", "two")
    sh(repo, "rm", "--quiet", "bad.txt")
    commit(repo, {"two.txt": "mine\n"})
    shared.rgt("done", item, "--branch", "two", "--rig", "own", cwd=repo)
    shared.becomes(item, "merged")
    assert {"one.txt", "two.txt"} <= set(sh(repo, "ls-tree", "--name-only", "main").split())
    assert shared.ask("mq", "list") == []

    refused = shared.run("mq", "submit", "--rig", "own", "--branch", "absent", cwd=repo)
    assert refused.code == 5
    assert "absent" in refused.err


def test_B27_a_lost_branch_is_merged_from_its_commit_and_a_lost_commit_is_said(shared: LiveTown, tmp: Path) -> None:
    """The branch may go after `done`; when the object itself is gone the item is blocked and a person is asked."""
    make_repo(tmp / "repo")
    shared.add_rig("lost", tmp / "repo")
    shared.rgt("mq", "pause", "lost")
    items = [shared.create(f"item {n}", change(f"{n}.txt", f"{n}\n")) for n in (1, 2)]
    shared.sling(*items, target="lost")
    kept, gone = (shared.becomes(i, "submitted") for i in items)
    hub = shared.home.rig("lost").hub
    for item in (kept, gone):
        sh(hub, "update-ref", "-d", f"refs/heads/{item['branch']}")
    (hub / "objects" / gone["head"][:2] / gone["head"][2:]).unlink()
    shared.rgt("mq", "resume", "lost")
    assert shared.becomes(kept["id"], "merged")["head"] == kept["head"]
    blocked = shared.becomes(gone["id"], "blocked")
    assert "work may be lost" in blocked["escalation"]["message"]
    assert needs_of(shared, gone["id"]) == [f"rgt escalate {gone['id']} --ack ANSWER"]


def test_B32_a_dirty_checkout_of_the_rigs_own_path_is_not_touched(shared: LiveTown, tmp: Path) -> None:
    """The work lands in the hub; the path stays byte for byte, and `needs` says how to pull."""
    repo = tmp / "repo"
    make_repo(repo)
    shared.add_rig("dirty", repo)
    (repo / "README.md").write_text("# half a thought\n")
    (repo / "note.txt").write_text("mine\n")
    before = sh(repo, "rev-parse", "HEAD"), sh(repo, "status", "--porcelain"), (repo / ".git/index").read_bytes()
    item = shared.create("change", change("new.txt", "new\n"))
    shared.sling(item, target="dirty")
    sha = shared.becomes(item, "merged")["sha"]
    after = sh(repo, "rev-parse", "HEAD"), sh(repo, "status", "--porcelain"), (repo / ".git/index").read_bytes()
    assert after == before
    assert (repo / "README.md").read_text() == "# half a thought\n"
    assert not (repo / "new.txt").exists()
    need = eventually(lambda: [n for n in shared.ask("needs") if n["id"] == "dirty/refinery"], 20)[0]
    shown = shared.rgt(*need["command"].split()[1:])
    pull = next(line for line in shown.splitlines() if "is behind" in line).rpartition("; run git -C ")[2].split()
    assert pull[:3] == [str(repo), "pull", "--ff-only"]
    sh(repo, "stash", "--quiet", "--include-untracked")
    sh(repo, *pull[1:])
    assert sh(repo, "rev-parse", "main") == sha
