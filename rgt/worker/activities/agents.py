"""Activities that start and end agents on this machine. Each is idempotent and fenced by attempt and generation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rgt.host import candidate, config, hub, saving, sessions, stashes, trees, worktrees
from rgt.host.git import git
from rgt.host.sessions import Session
from rgt.host.tmux import Tmux
from rgt.host.watching import Watcher
from rgt.model import refs
from rgt.model.errors import RgtError
from rgt.model.home import Home, RigHome
from rgt.model.messages import Taken
from rgt.model.work import Work
from rgt.worker.accounting import Accounting
from rgt.worker.beginning import Beginning, Recipe
from rgt.worker.guard import guarded
from rgt.worker.jobs import EndAgent, EndedAgent, StartAgent, StartCrew, Started
from rgt.worker.pools import Pools
from rgt.worker.tending import Tending

OURS = ("queued", "assigned", "in_progress")
"""States of an item in which its agent may be started."""
CREW_BRANCH = "crew"


class AgentActivities:
    """The hands that start and end agents."""

    def __init__(
        self,
        client: Client,
        home: Home,
        key: str,
        tmux: Tmux,
        watcher: Watcher,
        tending: Tending,
        accounting: Accounting,
        pools: Pools,
        rgt_bin: Path,
    ) -> None:
        self.client = client
        self.home = home
        self.key = key
        self.tmux = tmux
        self.watcher = watcher
        self.tending = tending
        self.accounting = accounting
        self.pools = pools
        self.rgt_bin = rgt_bin

    @activity.defn(name="start_agent")
    @guarded
    async def start_agent(self, job: StartAgent) -> Started:
        """Prepare the worktree of a polecat and start its process; what an earlier try has done is kept."""
        s = job.start
        rig = self.home.rig(s.rig)
        again = job.mode in ("resumed", "handoff") or (job.mode == "start" and s.attempt > 1)
        if again and await candidate.landed_as(rig.hub, await self._target(rig, s.target), job.branch):
            head = await git(rig.hub, "rev-parse", job.branch)
            return Started(outcome="landed", head=head, branch=job.branch)
        reading = asyncio.create_task(self._take(job))
        try:
            worktree = await self._prepared(rig, s.name, s.item, job.branch, s.target)
            if s.source and s.setup_copy:
                await worktrees.setup_files(Path(s.source), worktree, s.setup_copy)
            work = await reading
        finally:
            reading.cancel()
        refusal = self._refusal(work, job)
        if refusal:
            return Started(outcome="refused", reason=refusal, worktree=str(worktree))
        assert work is not None
        try:
            begin = self._polecat(job, work, worktree)
            session = await self._begin(begin)
        except RgtError as e:
            e.data["unused"] = await self._roll_back(job, worktree)
            raise
        self.pools.taken(s.rig, s.target)
        return self._started(begin, session, job.branch)

    async def _prepared(self, rig: RigHome, name: str, item: str, branch: str, target: str) -> Path:
        """The worktree of an agent, begun at the target's head when it is new."""
        try:
            return await worktrees.prepare(rig, name, item, branch, refs.target(target))
        except RgtError:
            await self._target(rig, target)
            raise

    @staticmethod
    async def _target(rig: RigHome, target: str) -> str:
        """The target's head; `failed` when there is none."""
        if head := await hub.target_head(rig, target):
            return head
        raise RgtError("failed", f"rig {rig.name} has no target {target}", "see `rgt doctor`")

    @staticmethod
    def _started(begin: Beginning, session: Session, branch: str) -> Started:
        limits = begin.town.limits
        return Started(
            pid=session.pid,
            worktree=str(begin.worktree),
            branch=branch,
            dialog_seconds=limits.dialog_seconds,
            idle_minutes=limits.idle_minutes,
            mail_minutes=limits.mail_minutes,
        )

    def _polecat(self, job: StartAgent, work: Work, worktree: Path) -> Beginning:
        s = job.start
        return Beginning(
            home=self.home,
            town=config.read_town(self.home),
            agent=f"polecat/{s.rig}/{s.name}",
            role="polecat",
            rig=s.rig,
            item=s.item,
            branch=job.branch,
            target=s.target,
            source=s.source,
            generation=job.generation,
            attempt=s.attempt,
            nonce=job.nonce,
            worktree=worktree,
            mode=job.mode,
            runtime=s.runtime,
            work=work,
            recipe=Recipe(s.item, s.setup_run, s.setup_ports),
        )

    async def _begin(self, begin: Beginning) -> Session:
        """Start the agent's process and have it watched."""
        ready = await begin.ready(self.key, self.rgt_bin)
        self.tending.launched(begin.agent, ready.launched)
        new = begin.role == "crew" and begin.generation == 1
        await self.accounting.begin(begin.agent, begin.item, ready.usage, new=new)
        session = await sessions.launch(self.tmux, ready.launch)
        self.watcher.watch(session)
        self.tending.expect(session, ready.launched)
        return session

    async def _roll_back(self, job: StartAgent, worktree: Path) -> bool:
        """Give the worktree of an agent that could not be started back to the pool, if nobody ever worked in it."""
        tree = trees.of(self.home.rig(job.start.rig).hub, worktree)
        if job.generation > 1 or tree is None:
            return False
        facts = await saving.describe(tree)
        if not facts.readable or facts.dirty or facts.ahead:
            return False
        return await worktrees.recycle(self.home.rig(job.start.rig), job.start.name, job.start.item)

    async def _take(self, job: StartAgent) -> Work | None:
        """Read the item, and tell it whose it is if it may be ours: its agent may say `done` before its workflow has
        said anything. In this order, since what is told first would have to be thought about before it can be read."""
        s = job.start
        agent = f"polecat/{s.rig}/{s.name}"
        taken = Taken(
            agent=agent, address=f"{s.rig}/{s.name}", branch=job.branch, attempt=s.attempt, generation=job.generation
        )
        work = await self._read(s.item)
        if self._refusal(work, job):
            return work
        try:
            await self.client.get_workflow_handle(f"work/{s.item}").signal("taken", taken)
        except RPCError as e:
            if e.status != RPCStatusCode.NOT_FOUND:
                raise
            return None
        return work

    async def _read(self, item: str) -> Work | None:
        """The item, or None when there is none; unreadable is an error, so that the start waits and is tried again."""
        try:
            state: dict[str, Any] = await self.client.get_workflow_handle(f"work/{item}").query(
                "show", result_type=dict
            )
        except RPCError as e:
            if e.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        return Work.model_validate(state)

    @staticmethod
    def _refusal(work: Work | None, job: StartAgent) -> str:
        if work is None:
            return "the item does not exist"
        if work.state not in OURS:
            return f"the item is {work.state}"
        if work.attempt != job.start.attempt:
            return f"the item is at attempt {work.attempt}"
        return ""

    @activity.defn(name="end_agent")
    @guarded
    async def end_agent(self, job: EndAgent) -> EndedAgent:
        """End a polecat's session and save what it has not committed; the worktree stays as it is."""
        address = f"{job.start.rig}/{job.start.name}"
        await self._end(address, job.nonce, job.grace)
        rig = self.home.rig(job.start.rig)
        worktree = rig.worktrees / job.start.name
        if not worktree.is_dir():
            return EndedAgent()
        tree = trees.known(rig.hub, worktree)
        trees.tidy(tree)
        saved = await saving.snapshot(rig, tree, job.start.item)
        stashed = await stashes.keep(rig, tree, job.start.item)
        left = await saving.left(tree, saved or "", stashed) if job.lost else ""
        await worktrees.park(rig, job.start.name, job.start.item)
        return EndedAgent(snapshot=saved or "", left=left)

    async def _end(self, address: str, nonce: str, grace: float) -> None:
        """End the session at `address` when it is the one with this nonce; another one is none of our business."""
        session = await sessions.find(self.tmux, address)
        if session is None or session.nonce != nonce:
            return
        self.watcher.unwatch(session)
        await sessions.end(self.tmux, session, grace)
        self.accounting.soon(session.agent)

    @activity.defn(name="start_crew")
    @guarded
    async def start_crew(self, job: StartCrew) -> Started:
        """Prepare the workspace of a crew member and start its session."""
        rig = self.home.rig(job.rig).for_crew()
        branch = f"{CREW_BRANCH}/{job.name}"
        worktree = await self._prepared(rig, job.name, f"crew-{job.name}", branch, job.target)
        setup = config.read_rig(self.home, job.rig).setup
        if job.source and setup.copy_files:
            await worktrees.setup_files(Path(job.source), worktree, setup.copy_files)
        begin = Beginning(
            home=self.home,
            town=config.read_town(self.home),
            agent=f"agent/{job.rig}/{job.name}",
            role="crew",
            rig=job.rig,
            item=job.item,
            branch=branch,
            target=job.target,
            source=job.source,
            generation=job.generation,
            attempt=max(job.generation, 2),
            nonce=job.nonce,
            worktree=worktree,
            mode="handoff" if job.handoff else "resumed" if job.generation > 1 else "start",
            runtime=job.runtime,
            work=await self._read(job.item) if job.item else None,
            recipe=Recipe(f"crew-{job.name}", setup.run, setup.ports),
        )
        session = await self._begin(begin)
        return self._started(begin, session, branch)

    @activity.defn(name="end_crew")
    @guarded
    async def end_crew(self, job: StartCrew) -> bool:
        """End a crew member's session; its workspace stays as it is."""
        await self._end(f"{job.rig}/{job.name}", job.nonce, 3.0)
        return True

    @activity.defn(name="remove_crew")
    @guarded
    async def remove_crew(self, job: StartCrew) -> bool:
        """Give a crew member's workspace back to the pool, its work saved."""
        rig = self.home.rig(job.rig).for_crew()
        if (rig.crew / job.name).is_dir():
            await worktrees.recycle(rig, job.name, f"crew-{job.name}")
        return True
