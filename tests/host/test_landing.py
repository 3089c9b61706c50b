"""Landing: the target moves to exactly the tree that passed, once, and only when nobody else moved it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from rgt.host.landing import STEPS, refine, verdict_file
from rgt.host.processes import identify
from rgt.host.run import run
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.queue import GateSpec, Job
from tests.entries import TARGET, Yard, make_yard
from tests.eventually import eventually
from tests.repos import branch_commit, commit, sh


def cut_off(yard: Yard, job: Job, at: str) -> bool:
    """Run the refinery in a process of its own and SIGKILL it at a step; False when it never came there."""
    pid = os.fork()
    if pid == 0:
        asyncio.run(
            refine(yard.rig, job, step=lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == at else None)
        )
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.fixture(params=["local", "push"])
async def yard(home: Home, request: pytest.FixtureRequest) -> Yard:
    return await make_yard(home, request.param)


async def test_a_change_lands(yard: Yard) -> None:
    """B28: `merged` is said when the authority has it"""
    entry = yard.done({"a.txt": "a"}, title="Add a")
    base = yard.head()
    got = await yard.run(entry)
    assert (got.kind, got.item, got.head, got.message, got.follow) == ("merged", entry.item, entry.head, "", "")
    assert got.sha == got.target_head == yard.head() == yard.there() and got.base == base
    assert got.tree == sh(yard.rig.hub, "rev-parse", f"{entry.head}^{{tree}}")
    assert yard.subjects() == ["Add a", "first"]
    assert [(g.name, g.outcome) for g in got.gates] == [("test", "pass")]
    left = sh(yard.rig.hub, "for-each-ref", "--format=%(refname)", "refs/rgt").splitlines()
    assert left == [refs.keep(entry.item, entry.head), refs.landed(entry.item, entry.head), TARGET]
    again = await yard.run(entry)
    assert (again.kind, again.sha, again.message) == ("merged", got.sha, "")
    assert yard.head() == got.sha


@pytest.mark.parametrize("strategy", ["squash", "rebase", "merge"])
async def test_a_fix_tells_which_heads_of_what_it_fixes_landed_with_it(yard: Yard, strategy: str) -> None:
    """Also when the run is repeated after it has landed."""
    wrong, alone = yard.done({"a.txt": "wrong"}), yard.done({"b.txt": "b"})
    newer = branch_commit(yard.rig, yard.rig.worktrees / "newer", "newer", {"a.txt": "more"}, wrong.head)
    yard.entry(wrong.item, newer)
    taking = yard.done({"a.txt": "right"}, base=wrong.head).model_copy(update={"fixes": wrong.item})
    for entry, carries in ((taking, [wrong.head]), (alone.model_copy(update={"fixes": wrong.item}), [])):
        for _ in range(2):
            got = await yard.run(entry, strategy=strategy)
            assert (got.kind, got.carries) == ("merged", carries)


@pytest.mark.parametrize("strategy", ["squash", "rebase", "merge"])
async def test_strategies_land_the_same_tree(yard: Yard, strategy: str) -> None:
    """B28"""
    one, two = yard.done({"a.txt": "a"}), yard.done({"b.txt": "b"})
    for entry in (one, two):
        assert (await yard.run(entry, strategy=strategy)).kind == "merged"
    assert sh(yard.rig.hub, "ls-tree", "--name-only", TARGET, "a.txt", "b.txt").split() == ["a.txt", "b.txt"]
    assert yard.there() == yard.head()


@pytest.mark.parametrize(
    ("gate", "kind", "message"),
    [
        ("echo broken; exit 1", "failed", "gate test: exit code 1"),
        ("nope", "infra_error", "gate test: command not found"),
        ("kill -9 $$", "infra_error", "gate test: killed by signal 9"),
    ],
)
async def test_a_gate_that_does_not_pass(yard: Yard, gate: str, kind: str, message: str) -> None:
    """B25: nothing is merged, and only a pass is remembered"""
    before, entry = yard.head(), yard.done({"a.txt": "a"})
    for _ in range(2):
        got = await yard.run(entry, gate)
        assert (got.kind, got.message, yard.head(), yard.there()) == (kind, message, before, before)
        assert Path(got.gates[0].log).is_file() and got.gates[0].tail == Path(got.gates[0].log).read_text()
    assert not (yard.rig.runs / "verdicts").exists()


async def test_gates_run_in_order_on_the_same_tree(yard: Yard, tmp: Path) -> None:
    entry = yard.done({"a.txt": "a"})
    gates = [
        GateSpec(name="setup", run="echo changed >a.txt; echo made >made; mkdir build; touch build/x"),
        GateSpec(name="lint", run='[ "$(cat a.txt)$(cat made)$CI" = amade1 ] && git diff --quiet HEAD'),
        GateSpec(name="test", run=f"git rev-parse HEAD >{tmp}/head; echo $RGT_CANDIDATE $RGT_BASE >{tmp}/env; false"),
        GateSpec(name="never", run=f"touch {tmp}/never"),
    ]
    before = yard.head()
    got = await yard.run(entry, gates=gates)
    assert [(g.name, g.outcome) for g in got.gates] == [("setup", "pass"), ("lint", "pass"), ("test", "fail")]
    assert (tmp / "head").read_text().strip() == got.sha
    assert (tmp / "env").read_text().split() == [got.sha, before] and not (tmp / "never").exists()
    clean = await yard.run(entry, "[ ! -e made ] && [ ! -e build ]")
    assert clean.kind == "merged"


async def test_a_pass_is_reused_for_the_same_tree_and_gates(yard: Yard, tmp: Path) -> None:
    gate = f"echo x >>{tmp}/count"
    for text, runs in (("one", 1), ("two", 2), ("one", 2)):
        assert (await yard.run(yard.done({"a.txt": text}), gate)).kind == "merged"
        assert (tmp / "count").read_text() == "x\n" * runs
    await yard.run(yard.done({"a.txt": "two"}), gate + " ")
    assert (tmp / "count").read_text() == "x\n" * 3


async def test_a_remote_that_takes_nothing_blames_nobody(home: Home) -> None:
    """B28: not merged before the remote has it"""
    yard = await make_yard(home, "push")
    entry, hook = yard.done({"a.txt": "a"}), yard.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed on Sundays >&2\nexit 1\n")
    hook.chmod(0o755)
    before = yard.head()
    got = await yard.run(entry)
    assert got.kind == "infra_error" and "did not take the push" in got.message
    assert yard.head() == yard.there() == before
    hook.unlink()
    assert (await yard.run(entry)).kind == "merged"
    away = yard.remote.rename(yard.remote.with_name("away.git"))
    two = yard.done({"b.txt": "b"})
    assert (await yard.run(two)).kind == "infra_error"
    away.rename(yard.remote)
    assert (await yard.run(two)).kind == "merged"


async def test_no_gates_hold_the_landing_unless_the_owner_says_so(yard: Yard) -> None:
    entry = yard.done({"a.txt": "a"})
    held = await yard.run(entry, gates=[])
    assert held.kind == "paused" and "no gates" in held.message and "--no-gates" in held.message
    assert (await yard.run(entry, gates=[], no_gates=True)).kind == "merged"


async def test_target_moved_between_test_and_landing(yard: Yard, tmp: Path) -> None:
    """B24: tested again on the new head, never forced"""
    entry, other = yard.done({"a.txt": "a"}), yard.source if yard.landing == "local" else tmp / "clone"
    if yard.landing == "push":
        sh(tmp, "clone", "--quiet", str(yard.remote), str(other))
    gate = (
        f"[ -e {tmp}/once ] || (cd {other} && touch b.txt && git add . && git commit -qm 'by hand' && touch {tmp}/once"
    )
    gate += " && git push -q origin main)" if yard.landing == "push" else ")"
    got = await yard.run(entry, gate)
    assert got.kind == "moved" and yard.there() == sh(other, "rev-parse", "main")
    got = await yard.run(entry, gate)
    assert got.kind == "merged" and yard.there() == yard.head() == got.sha
    assert yard.subjects() == ["Some work", "by hand", "first"]


async def test_commits_made_by_others_are_taken_over_first(yard: Yard, tmp: Path) -> None:
    """B24: somebody's push before the run is the new base; a crash in between is no stray"""
    one, two = yard.done({"a.txt": "a"}), yard.done({"c.txt": "c"})
    await yard.run(one)
    theirs = yard.someone_pushes({"b.txt": "b"}, tmp / "clone")
    recorded = yard.recorded
    got = await yard.run(two, "false")
    assert got.kind == "failed" and got.base == theirs == yard.head()
    got = await yard.run(two, recorded=recorded)
    assert (got.kind, got.message, got.base) == ("merged", "", theirs)


async def test_a_rewritten_target_pauses(yard: Yard, tmp: Path) -> None:
    entry = yard.done({"a.txt": "a"})
    assert (await yard.run(entry)).kind == "merged"
    where = yard.source
    if yard.landing == "push":
        where = tmp / "clone"
        sh(tmp, "clone", "--quiet", str(yard.remote), str(where))
    sh(where, "reset", "--hard", "--quiet", "HEAD~1")
    commit(where, {"z.txt": "z"}, "another history")
    if yard.landing == "push":
        sh(where, "push", "--quiet", "--force", "origin", "main")
    before, there = yard.head(), yard.there()
    two = yard.done({"b.txt": "b"})
    got = await yard.run(two)
    assert got.kind == "paused" and (yard.head(), yard.there()) == (before, there)
    _, _, command = got.message.rpartition(": ")
    assert (await run(["sh", "-c", command], cwd=where)).code == 0
    assert (await yard.run(two)).kind == "merged"
    assert yard.there() == yard.head()


async def test_a_conflict_names_files_and_both_sides(yard: Yard) -> None:
    base = yard.head()
    one, two = yard.done({"a.txt": "one", "b.txt": "b"}, base), yard.done({"a.txt": "two"}, base)
    await yard.run(one)
    before = yard.head()
    got = await yard.run(two)
    assert (got.kind, got.files, got.base, yard.head()) == ("conflict", ["a.txt"], before, before)
    assert "CONFLICT (add/add): Merge conflict in a.txt" in got.message
    assert "target:" in got.message and f"yours:  {two.head[:7]} Test: work on" in got.message


async def test_branch_gone_after_done(yard: Yard) -> None:
    """B27: merged from the kept commit"""
    entry = yard.done({"a.txt": "a"})
    sh(yard.rig.hub, "worktree", "remove", "--force", str(yard.rig.worktrees / entry.item))
    sh(yard.rig.hub, "branch", "--quiet", "-D", entry.branch)
    sh(yard.rig.hub, "reflog", "expire", "--expire=now", "--all")
    sh(yard.rig.hub, "-c", "core.hooksPath=/dev/null", "gc", "--quiet", "--prune=now")
    assert (await yard.run(entry)).kind == "merged"


async def test_object_gone(yard: Yard) -> None:
    """B27: work may be lost"""
    entry = yard.done({"a.txt": "a"})
    got = await yard.run(entry.model_copy(update={"head": "1" * 40}))
    assert got.kind == "lost" and "work may be lost" in got.message and "1" * 12 in got.message


async def test_work_that_somebody_squashed_by_hand(yard: Yard, tmp: Path) -> None:
    """B02: recognised by patch id, also when the same lines were changed since"""
    entry = yard.done({"a.txt": "a\n"})
    theirs = yard.someone_pushes({"a.txt": "a\n"}, tmp / "one")
    got = await yard.run(entry)
    assert (got.kind, got.sha) == ("merged", theirs) and theirs[:12] in got.message
    late = yard.done({"c.txt": "c\n"}, theirs)
    squashed = yard.someone_pushes({"c.txt": "c\n"}, tmp / "two")
    yard.someone_pushes({"c.txt": "changed since\n"}, tmp / "three")
    got = await yard.run(late)
    assert (got.kind, got.sha) == ("merged", squashed)


async def test_nothing_to_merge(yard: Yard, tmp: Path) -> None:
    there = yard.head()
    inside = await yard.run(yard.entry("gt-aaaaa", there))
    assert (inside.kind, inside.sha) == ("merged", there) and "already" in inside.message
    empty = await yard.run(yard.done({}))
    assert empty.kind == "refused" and "nothing to merge" in empty.message and yard.head() == there


async def test_a_stray_move_of_the_target_is_undone_and_told(yard: Yard) -> None:
    one, two = yard.done({"a.txt": "a"}), yard.done({"b.txt": "b"})
    await yard.run(one)
    sh(yard.rig.hub, "-c", "core.hooksPath=/dev/null", "update-ref", TARGET, two.head)
    got = await yard.run(two)
    assert got.kind == "merged" and "somebody moved main" in got.message
    assert yard.subjects() == ["Some work", "Some work", "first"]


@pytest.mark.parametrize("landing", ["local", "push"])
def test_kill_at_each_step(home: Home, landing: str) -> None:
    """B30: exactly one landing, in the hub and in the path or remote"""
    yard = asyncio.run(make_yard(home, landing))
    never = {"local": "pushed", "push": "followed"}[landing]
    titles = []
    for at in STEPS:
        entry = yard.done({f"{at}.txt": at}, title=f"killed at {at}")
        titles.append(entry.title)
        job = yard.job(entry, recorded=yard.head())
        assert cut_off(yard, job, at) == (at != never)
        got = asyncio.run(refine(yard.rig, job))
        assert (got.kind, got.message, got.follow) == ("merged", "", ""), at
        assert yard.subjects() == [*reversed(titles), "first"]
        assert yard.there() == yard.head() == got.sha == got.target_head


def test_a_cut_off_push_is_found_though_others_pushed_on_top(home: Home, tmp: Path) -> None:
    """B30: the proof is the commit's ancestry in the remote, also after another entry ran in between"""
    yard = asyncio.run(make_yard(home, "push"))
    entry, other = yard.done({"a.txt": "a"}), yard.done({"b.txt": "b"})
    assert cut_off(yard, yard.job(entry, recorded=yard.head()), "pushed")
    landed = yard.there()
    yard.someone_pushes({"a.txt": "changed"}, tmp / "clone")
    assert asyncio.run(yard.run(other)).kind == "merged"
    got = asyncio.run(yard.run(entry))
    assert (got.kind, got.sha) == ("merged", landed)
    assert yard.subjects() == ["Some work", "by hand", "Some work", "first"]


def test_a_kill_during_a_gate_leaves_a_slot_that_works(home: Home, tmp: Path) -> None:
    """B30: what still runs in the slot is ended before the next run uses it"""
    yard = asyncio.run(make_yard(home))
    entry = yard.done({"a.txt": "a"})
    gate = f"[ -e {tmp}/pid ] && exit 0; touch $(git rev-parse --git-dir)/index.lock; echo $$ >{tmp}/pid; sleep 1000"
    pid = os.fork()
    if pid == 0:
        asyncio.run(refine(yard.rig, yard.job(entry, gate)))
        os._exit(0)
    orphan = int(eventually(lambda: (tmp / "pid").exists() and (tmp / "pid").read_text().strip()))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert Path(f"/proc/{orphan}").exists()
    assert asyncio.run(yard.run(entry, gate)).kind == "merged"
    assert identify(orphan) is None


async def test_every_landed_tree_has_a_stored_pass(yard: Yard, tmp: Path) -> None:
    """B31: over a run of changes that are good or bad, old or new, with other people's pushes in between"""
    dice = random.Random(31)
    trees, waiting = {yard.head()}, []
    gate = "! grep -rqs bad work"
    for n in range(12):
        text = dice.choice(["good", "good", "bad"])
        base = dice.choice(sorted(trees)) if dice.random() < 0.4 else ""
        waiting.append(yard.done({f"work/{dice.randrange(8)}.txt": f"{text} {n}\n"}, base))
        if dice.random() < 0.2:
            trees.add(yard.someone_pushes({f"hand/{n}.txt": "x"}, tmp / f"clone{n}"))
        before = yard.head()
        got = await yard.run(waiting[-1], gate, strategy=dice.choice(["squash", "rebase", "merge"]))
        trees.add(yard.head())
        if got.kind == "merged":
            tree = sh(yard.rig.hub, "rev-parse", f"{TARGET}^{{tree}}")
            assert verdict_file(yard.rig, yard.job(waiting[-1], gate), tree).exists()
            assert "bad" not in text and sh(yard.rig.hub, "merge-base", before, TARGET) == before
        else:
            assert got.kind in ("failed", "conflict") and got.target_head in (before, yard.there())
    assert sum(1 for s in yard.subjects() if s != "by hand") > 3


async def test_jobs_that_cannot_be_carried_out(yard: Yard) -> None:
    entry = yard.done({"a.txt": "a"})
    with pytest.raises(RgtError, match="not there yet"):
        await yard.run(entry, landing="pr")
    with pytest.raises(RgtError, match="one entry"):
        await yard.run(entry, entries=[entry, entry])
