"""One start of an agent from its preset to the words and variables that tmux is given."""

from __future__ import annotations

from typing import NamedTuple

from rgt.host import sandbox
from rgt.host.runtimes import presets, provision
from rgt.host.runtimes.provision import Where
from rgt.host.sandbox import Fence
from rgt.model.runtime import Choice, Preset


class Prepared(NamedTuple):
    """What starts an agent whose directory is ready."""

    argv: list[str]
    env: dict[str, str]
    """Beside the environment that every agent gets."""
    paste: str
    """To be typed into the session once it is ready; empty when the command has it already."""


def prepare(preset: Preset, where: Where, fence: Fence, choice: Choice) -> Prepared:
    """Make the agent's directory ready and give what starts it, with the model and effort of `choice`."""
    added = provision.provision(preset, where)
    launch = presets.Launch(
        python=where.python,
        agent_dir=where.agent_dir,
        mode=where.mode,
        session=where.session,
        worktree=where.worktree,
        model=choice.model,
        effort=choice.effort,
        name=where.address,
        sandbox=sandbox.words(preset, fence),
    )
    env = {**added, **presets.environment(preset, launch)}
    return Prepared(presets.command(preset, launch), env, presets.to_paste(preset, launch))
