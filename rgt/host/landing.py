"""One run of the refinery: read the target, build the candidate, test it, land it, read it back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rgt.host import follow, hub
from rgt.host.candidate import Candidate, Point, both_sides, build, landed_as
from rgt.host.clashes import clashes
from rgt.host.findings import run_and_read
from rgt.host.gates import BEAT
from rgt.host.git import NO_HOOKS, git, try_git
from rgt.host.slots import slot
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import RigHome
from rgt.model.queue import Entry, GateResult, Job, Verdict, VerdictKind

STEPS = ("read", "built", "kept", "filled", "tested", "checked", "pushed", "moved", "landed", "followed")
"""What `step` hears, in order; each is said when it has been done. `pushed` is said with `landing = "push"` only."""


def _nothing(_: object) -> None:
    return


async def refine(
    rig: RigHome, job: Job, beat: Callable[[int], None] = _nothing, step: Callable[[str], None] = _nothing
) -> Verdict:
    """Fold the job's entry onto the target, run the gates on exactly that tree, and land it.

    Every step may be cut off by a kill and the whole be run again: there is one landing. With `landing = "local"` the
    hub's target is the authority and the rig's own path follows it; commits that somebody made there in the meantime
    are taken over first. With `push` the remote's branch is the authority and is never forced. `beat` hears about once
    a second how much the running gate has printed. A `message` on a `merged` verdict tells what had to be repaired on
    the way. Raises `RgtError` only for a job that cannot be carried out at all.
    """
    if job.landing == "pr":
        raise RgtError("refused", 'landing = "pr" is not there yet', 'use landing = "push" or "local"')
    if len(job.entries) != 1:
        raise RgtError("invalid", f"a run tests one entry, not {len(job.entries)}")
    entry = job.entries[0]
    run = _Run(rig, job, entry, step)
    async with _beating(run, beat):
        try:
            verdict = await _refine(run)
        except _Stop as stop:
            verdict = stop.verdict
        except (RgtError, OSError) as e:
            # Network, disk or git itself: nobody's work is at fault, and the queue tries again.
            verdict = Verdict(kind="infra_error", message=e.line() if isinstance(e, RgtError) else str(e))
    if run.repaired:
        verdict.message = "; ".join(part for part in (run.repaired, verdict.message) if part)
    verdict.item, verdict.head = entry.item, entry.head
    if verdict.kind == "merged" and entry.fixes:
        verdict.carries = await hub.kept_in(rig, entry.fixes, entry.head)
    verdict.target_head = verdict.target_head or await hub.target_head(rig, job.target)
    return verdict


@dataclass
class _Run:
    rig: RigHome
    job: Job
    entry: Entry
    step: Callable[[str], None]
    printed: int = 0
    """Bytes that the running gate has printed."""
    repaired: str = ""
    """What somebody did to the target behind our back, and was undone."""

    @property
    def target_ref(self) -> str:
        return refs.target(self.job.target)

    @property
    def landed_ref(self) -> str:
        return refs.landed(self.entry.item, self.entry.head)

    @property
    def try_ref(self) -> str:
        """The commit as which this head is to land; its ancestry in the remote proves a push that was cut off."""
        return refs.attempt(self.entry.item, self.entry.head)

    def landing_refs(self, sha: str) -> dict[str, str]:
        """What changes with the target when the head lands as `sha`: zeros delete what was only kept for the try."""
        zero = "0" * len(sha)
        return {self.landed_ref: sha, refs.candidate(sha): zero, self.try_ref: zero}

    @property
    def path(self) -> Path | None:
        """The rig's own repository, when it has one that follows the hub."""
        here = self.job.landing == "local" and self.job.source.startswith("/") and Path(self.job.source).is_dir()
        return Path(self.job.source) if here else None


class _Stop(Exception):
    """The end of a run that did not land anything new."""

    def __init__(self, kind: VerdictKind, message: str, **more: Any) -> None:
        super().__init__(message)
        self.verdict = Verdict(kind=kind, message=message, **more)


@dataclass(frozen=True)
class _Seen:
    """The authority as it was read at one moment."""

    target: Point
    theirs: follow.Branch | None
    """Target branch in the rig's own path or remote, None when there is neither."""
    marks: dict[str, Point] = field(default_factory=dict)
    """What earlier runs with this head left in the hub: `landed_ref`, `try_ref`."""


async def _refine(run: _Run) -> Verdict:
    job = run.job
    seen = await _read_authority(run)
    run.step("read")
    for mark in seen.marks.values():
        if await hub.is_ancestor(run.rig, mark.sha, seen.target.sha):
            return await _already(run, seen, mark.sha)
    made = await _build(run, seen)
    if isinstance(made, str):
        return await _already(run, seen, made)
    run.step("built")
    if not job.gates and not job.no_gates:
        hint = "name one with `rgt rig set` or say `--no-gates`"
        raise _Stop("paused", f"no gates: rig {job.rig} does not say how to test a change; {hint}")
    await _keep(run, made)
    run.step("kept")
    results = [] if job.no_gates else await _test(run, made)
    run.step("tested")
    seen = await _check_again(run, seen, made, results)
    run.step("checked")
    if job.landing == "push":
        await _push(run, seen, made, results)
        run.step("pushed")
    also = run.landing_refs(made.sha)
    if not await hub.move_target(run.rig, job.target, made.sha, seen.target.sha, also=also):
        raise _moved(made, results)
    run.step("moved")
    return await _finish(run, seen, made, results)


async def _read_authority(run: _Run) -> _Seen:
    """The target after the hub was checked for strays and commits of the path or remote were taken over."""
    job, rig = run.job, run.rig
    stray, seen = await asyncio.gather(hub.stray_check(rig, job.target, job.recorded), _look(run))
    if stray:
        run.repaired = stray
        seen = await _look(run)
    if seen.theirs is None or seen.theirs.head == seen.target.sha:
        return seen
    head, ours = seen.theirs.head, seen.target.sha
    if not head:
        if job.landing == "push":
            raise _Stop("paused", f"{job.source} has no branch {job.target} any more; push it again, then resume")
        return seen
    if not await hub.exists(rig, head):
        await hub.fetch_branch(rig, job.source, job.target)
    if job.landing == "local" and await hub.is_ancestor(rig, head, ours):
        return seen
    if not await hub.is_ancestor(rig, ours, head):
        raise _Stop("paused", _diverged(run, seen))
    # The mark of a landing tells `stray_check` that this move is ours, should the run be cut off before it is recorded.
    if not await hub.move_target(rig, job.target, head, ours, also={refs.landed("source", head): head}):
        raise _Stop("moved", "the target moved while it was read", base=ours)
    return await _look(run)


def _diverged(run: _Run, seen: _Seen) -> str:
    assert seen.theirs
    target, source, ours = run.job.target, run.job.source, refs.target(run.job.target)
    if run.job.landing == "push":
        lease = f"--force-with-lease={target}:{seen.theirs.head}"
        fetch = shlex.join(["git", "fetch", str(run.rig.hub), ours])
        push = shlex.join(["git", "push", lease, source, f"FETCH_HEAD:refs/heads/{target}"])
        gone = f"{target} of {source} was rewritten, {seen.target.sha[:12]} is not in it any more"
        return f"{gone}; to put it back, in a clone: {fetch} && {push}"
    where = seen.theirs.worktree or source
    pull = shlex.join(["git", "-C", where, "pull", "--rebase", str(run.rig.hub), ours])
    switch = "" if seen.theirs.worktree else shlex.join(["git", "-C", where, "switch", target]) + " && "
    return f"{target} of {source} and the town's {target} have gone apart; to bring them together: {switch}{pull}"


async def _look(run: _Run) -> _Seen:
    found, theirs = await asyncio.gather(_refs(run, run.target_ref, run.landed_ref, run.try_ref), _theirs(run))
    if run.target_ref not in found:
        raise RgtError("missing", f"the hub of rig {run.rig.name} has no target {run.job.target}", "see `rgt doctor`")
    return _Seen(found.pop(run.target_ref), theirs, found)


async def _refs(run: _Run, *args: str) -> dict[str, Point]:
    """Those of the hub's refs that `for-each-ref` lists for `args`."""
    listed = await git(run.rig.hub, "for-each-ref", "--format=%(refname) %(objectname) %(tree)", *args)
    rows = (line.split(" ") for line in listed.splitlines())
    return {name: Point(sha, tree) for name, sha, tree in rows}


async def _theirs(run: _Run) -> follow.Branch | None:
    if run.job.landing == "push":
        return follow.Branch(await hub.source_head(run.rig, run.job.source, run.job.target), "")
    return await follow.look(run.path, run.job.target) if run.path else None


async def _build(run: _Run, seen: _Seen) -> Candidate | str:
    """The candidate, or the commit of the target that has the entry's work already."""
    rig, entry, base = run.rig, run.entry, seen.target
    try:
        made = await build(rig.hub, base, [entry], run.job.strategy)
    except RgtError:
        if await hub.exists(rig, entry.head):
            raise
        raise _Stop(
            "lost", f"work may be lost: commit {entry.head[:12]} of {entry.item} is gone from the hub"
        ) from None
    if made.entries:
        return made
    if not made.conflicts and await hub.is_ancestor(rig, entry.head, base.sha):
        return entry.head
    if same := await landed_as(rig.hub, base.sha, entry.head):
        return same
    if made.conflicts:
        clash = made.conflicts[0]
        sides = await both_sides(rig.hub, base.sha, clash)
        message = "\n".join(part for part in ("it does not apply to the target", clash.said, sides) if part)
        lines = await clashes(rig.hub, clash.tree, clash.onto, entry.head, clash.files) if clash.tree else []
        raise _Stop("conflict", message[:4096], files=clash.files, clashes=lines, base=base.sha)
    if (await try_git(rig.hub, "diff", "--quiet", f"{base.sha}...{entry.head}")).code == 0:
        raise _Stop("refused", "nothing to merge: its commits change nothing", base=base.sha)
    return base.sha


async def _already(run: _Run, seen: _Seen, sha: str) -> Verdict:
    """The verdict on work that is in the target; a path that has not followed yet does so now."""
    message = "" if seen.marks else f"its work is in the target already, as {sha[:12]}"
    if run.landed_ref not in seen.marks:
        also = run.landing_refs(sha)
        await hub.move_target(run.rig, run.job.target, seen.target.sha, seen.target.sha, also=also)
    followed = await _follow(run, seen, seen.target.sha)
    return Verdict(kind="merged", message=message, sha=sha, target_head=seen.target.sha, follow=followed)


async def _keep(run: _Run, made: Candidate) -> None:
    lines = f"update {refs.candidate(made.sha)} {made.sha}\nupdate {run.try_ref} {made.sha}\n"
    await git(run.rig.hub, *NO_HOOKS, "update-ref", "--stdin", stdin=lines.encode())


async def _test(run: _Run, made: Candidate) -> list[GateResult]:
    """Results of all gates on the candidate's tree, from an earlier run when one passed on the same tree."""
    job, rig, entry = run.job, run.rig, run.entry
    stored = verdict_file(rig, job, made.tree)
    if known := _stored_pass(stored):
        return known
    results: list[GateResult] = []
    env = {"CI": "1", "RGT_RIG": str(rig.root), "RGT_CANDIDATE": made.sha, "RGT_BASE": made.base.sha}
    logs = rig.runs / entry.item / made.sha[:12]

    def printed(offset: int) -> None:
        run.printed = offset

    async with slot(rig, job.slot, made.sha) as here:
        run.step("filled")
        for gate in job.gates:
            if results:
                await here.show(made.sha)
            log = logs / f"{gate.name}.log"
            result = await run_and_read(
                gate, here.tree, log, {**env, **here.env}, printed,
                matchers=job.matchers, commit=made.sha, base=made.base.sha, head=entry.head,
            )  # fmt: skip
            # Verdicts travel through workflow histories: of a pass the log is enough.
            results.append(result.model_copy(update={"tail": ""}) if result.outcome == "pass" else result)
            if result.outcome != "pass":
                break
    last = results[-1]
    if last.outcome != "pass":
        why = last.reason or f"exit code {last.exit_code}"
        if last.diagnostics:
            why += f"; {last.diagnostics[0].place}: {last.diagnostics[0].words()[:120]}"
        kind: VerdictKind = "failed" if last.outcome == "fail" else "infra_error"
        raise _Stop(kind, f"gate {last.name}: {why}", **_about(made, results))
    stored.parent.mkdir(parents=True, exist_ok=True)
    new = stored.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps([r.model_dump() for r in results]))
    new.rename(stored)
    return results


def verdict_file(rig: RigHome, job: Job, tree: str) -> Path:
    """Where it is written down that `tree` passed all gates of the job; another gate or command is another file."""
    gates = json.dumps([[g.name, g.run] for g in job.gates])
    return rig.runs / "verdicts" / f"{tree}-{hashlib.sha256(gates.encode()).hexdigest()[:16]}.json"


def _stored_pass(file: Path) -> list[GateResult]:
    try:
        results = [GateResult.model_validate(row) for row in json.loads(file.read_text())]
    except (OSError, ValueError, TypeError, ValidationError):
        return []
    return results if all(r.outcome == "pass" for r in results) else []


async def _check_again(run: _Run, seen: _Seen, made: Candidate, results: Sequence[GateResult]) -> _Seen:
    """Nobody moved the target while the gates ran, and the candidate is what was tested, on top of the target."""
    candidate = refs.candidate(made.sha)
    # A push has its lease; there the remote need not be asked twice.
    looked = asyncio.sleep(0, seen.theirs) if run.job.landing == "push" else _theirs(run)
    found, theirs = await asyncio.gather(_refs(run, "--contains", seen.target.sha, run.target_ref, candidate), looked)
    if found.get(run.target_ref) != seen.target or (theirs and theirs.head) != (seen.theirs and seen.theirs.head):
        raise _moved(made, results)
    if found.get(candidate) != Point(made.sha, made.tree):
        raise RgtError("internal", f"candidate {made.sha[:12]} is not what was tested; nothing was landed")
    return _Seen(seen.target, theirs, seen.marks)


async def _push(run: _Run, seen: _Seen, made: Candidate, results: Sequence[GateResult]) -> None:
    """Move the remote's branch if it still is where it was read, and read it back."""
    job, ref = run.job, f"refs/heads/{run.job.target}"
    done = await try_git(
        run.rig.hub, *NO_HOOKS, "push", "--quiet", f"--force-with-lease={ref}:{seen.target.sha}",
        "--", job.source, f"{made.sha}:{ref}", timeout=hub.TRANSFER,
    )  # fmt: skip
    head = await hub.source_head(run.rig, job.source, job.target)
    if head == seen.target.sha:
        lines = done.err.strip().splitlines() or ["no reason given"]
        # What the remote's own hooks print says more than git's last line.
        said = " ".join(x.removeprefix("remote:").strip() for x in lines if x.startswith("remote:")) or lines[-1]
        raise _Stop("infra_error", f"{job.source} did not take the push: {said[:300]}", **_about(made, results))
    if head != made.sha:
        # Moved before our push, or right after it: the next run sees which.
        raise _moved(made, results)


async def _finish(run: _Run, seen: _Seen, made: Candidate, results: Sequence[GateResult]) -> Verdict:
    """Read the landing back, let the path follow, and say `merged`."""
    head, followed = await asyncio.gather(hub.target_head(run.rig, run.job.target), _follow(run, seen, made.sha))
    if head != made.sha:
        raise _moved(made, results)
    run.step("landed")
    return Verdict(kind="merged", target_head=head, follow=followed, **_about(made, results))


async def _follow(run: _Run, seen: _Seen, sha: str) -> str:
    if run.path and seen.theirs:
        said = await follow.follow(run.rig, run.path, run.job.target, seen.theirs, sha)
        run.step("followed")
        return said
    gone = run.job.landing == "local" and run.job.source.startswith("/")
    return f"{run.job.source} is gone; the work is in {run.rig.hub}" if gone else ""


def _moved(made: Candidate, results: Sequence[GateResult]) -> _Stop:
    return _Stop("moved", "the target moved while the change was tested", **_about(made, results))


def _about(made: Candidate, results: Sequence[GateResult]) -> dict[str, Any]:
    return {"sha": made.sha, "tree": made.tree, "base": made.base.sha, "gates": list(results)}


@asynccontextmanager
async def _beating(run: _Run, beat: Callable[[int], None]) -> AsyncIterator[None]:
    """Call `beat` about once a second for as long as the run lasts, also while git is at work."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(BEAT)
            beat(run.printed)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
