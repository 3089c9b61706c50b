"""Agents' sessions: started once, found again by their marks, ended with everything they started."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from rgt.host import processes
from rgt.host.processes import Proc
from rgt.host.tmux import Pane, Tmux
from rgt.model.base import Model
from rgt.model.errors import RgtError

PREFIX = "gtr-"
NONCE = r"^[A-Za-z0-9_-]{8,64}$"


class Launch(Model):
    """Everything that starts one process of one agent."""

    agent: str
    """Workflow id, e.g. `polecat/api/nux`."""
    address: str
    """What people type, e.g. `api/nux`."""
    role: str = ""
    rig: str = ""
    item: str = ""
    branch: str = ""
    generation: int = 1
    attempt: int = 1
    nonce: str = Field(pattern=NONCE)
    """Random, new for every generation; marks the process and all its children."""
    cwd: str
    argv: list[str]
    env: dict[str, str] = Field(default_factory=dict, repr=False)


class Session(Model):
    """One session as it is on this machine."""

    name: str
    agent: str
    nonce: str
    generation: int
    pid: int
    started: int = 0
    """Start time that makes the pid unique, see `Proc`; 0 once it is dead."""
    alive: bool = True
    status: int | None = None
    """Exit code, once it ended by itself."""
    signal: int | None = None
    """Number of the signal that killed it."""

    @property
    def proc(self) -> Proc:
        return Proc(self.pid, self.started)


def session_name(address: str) -> str:
    """`gtr-api/nux` for `api/nux`."""
    return PREFIX + address


async def launch(tmux: Tmux, spec: Launch) -> Session:
    """Start the agent's process, or give the session that an earlier try of this very launch has started.

    What is left of another generation is ended first. Raises `refused` when the name is taken by a session that we
    did not start, and what `Tmux.new_session` raises.
    """
    first = spec.generation == 1 and spec.attempt == 1
    for _ in range(3):
        if not first and (found := await _clear(tmux, spec)):
            return found
        try:
            return await _start(tmux, spec)
        except RgtError as e:
            if e.code != "exists":
                raise
        first = False
    raise RgtError("failed", f"session {session_name(spec.address)} is started again and again by others")


async def end(tmux: Tmux, session: Session, grace: float = 3.0) -> None:
    """End the agent's process and all it started, then close its session; what is gone already is fine."""
    await processes.end(session.proc, grace, {"GTR_NONCE": session.nonce})
    await tmux.kill_session(session.name, session.nonce)


async def list_sessions(tmux: Tmux) -> list[Session]:
    """All sessions of agents on this tmux server, dead ones too."""
    return [_session(p) for p in await tmux.panes() if p.session.startswith(PREFIX) and p.nonce]


async def find(tmux: Tmux, address: str) -> Session | None:
    """The session of the agent at `address`, also one whose process is dead."""
    name = session_name(address)
    return next((s for s in await list_sessions(tmux) if s.name == name), None)


async def _start(tmux: Tmux, spec: Launch) -> Session:
    name = session_name(spec.address)
    marks = {"GTR_AGENT": spec.agent, "GTR_NONCE": spec.nonce}
    if root := spec.env.get("GTR_ROOT"):
        marks["GTR_ROOT"] = root
    options = {"@rgt_agent": spec.agent, "@rgt_nonce": spec.nonce, "@rgt_generation": str(spec.generation)}
    pid = await tmux.new_session(name, spec.argv, Path(spec.cwd), spec.env, options, marks)
    proc = processes.identify(pid)
    return Session(
        name=name,
        agent=spec.agent,
        nonce=spec.nonce,
        generation=spec.generation,
        pid=pid,
        started=proc.started if proc else 0,
        alive=proc is not None,
    )


async def _clear(tmux: Tmux, spec: Launch) -> Session | None:
    """Make room for a launch; gives the live session when the very same launch has happened already."""
    name = session_name(spec.address)
    for pane in await tmux.panes():
        if pane.session != name:
            continue
        session = _session(pane)
        same = (session.nonce, session.generation) == (spec.nonce, spec.generation)
        if same and session.alive:
            return session
        if session.alive and not session.nonce:
            hint = f"close it: tmux -S {tmux.socket} kill-session -t ={name}:"
            raise RgtError("refused", f"the tmux session {name} is not one of ours", hint)
        if session.nonce:
            await end(tmux, session)
        else:
            await tmux.kill_session(name)
    # Of a process whose tmux server died under it, nothing but its marks is left.
    root = spec.env.get("GTR_ROOT", "")
    for proc in processes.find_by_env("GTR_AGENT", spec.agent, GTR_ROOT=root) if root else ():
        nonce = processes.environ(proc.pid).get("GTR_NONCE", "")
        if nonce and nonce != spec.nonce:
            await processes.end(proc, 1.0, {"GTR_NONCE": nonce})
    return None


def _session(pane: Pane) -> Session:
    proc = None if pane.dead else processes.identify(pane.pid)
    return Session(
        name=pane.session,
        agent=pane.agent,
        nonce=pane.nonce,
        generation=pane.generation,
        pid=pane.pid,
        started=proc.started if proc else 0,
        alive=proc is not None,
        status=pane.status,
        signal=pane.signal,
    )
