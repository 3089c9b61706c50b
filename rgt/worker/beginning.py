"""One start of an agent, from what is known of it to the words and variables that tmux is given."""

from __future__ import annotations

import os
import re
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rgt.host import config, nolinks, recipe, trees
from rgt.host.runtimes import presets, starting, versions
from rgt.host.runtimes.provision import Where
from rgt.host.sandbox import Fence
from rgt.host.sessions import Launch
from rgt.model.config import TownConfig
from rgt.model.guard import policy_for
from rgt.model.home import Home
from rgt.model.priming import prime_facts
from rgt.model.prompts import Role, prime
from rgt.model.runtime import Mode, Preset, choose
from rgt.model.script import find_block, parse_script
from rgt.model.tokens import token
from rgt.model.work import Work
from rgt.worker.tending import Launched

SCRIPT = "script.toml"
SESSION = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
"""What a session may be called."""


class Recipe(NamedTuple):
    """What the worktree needs: for which item, the shell line, how many ports."""

    item: str
    line: str = ""
    ports: int = 0


class Ready(NamedTuple):
    """Everything is written and the agent can be launched."""

    launch: Launch
    launched: Launched
    usage: str
    """Where it will write down what it uses."""


@dataclass(frozen=True)
class Beginning:
    """An agent that is about to be started in its worktree."""

    home: Home
    town: TownConfig
    agent: str
    """Workflow id."""
    role: Role
    rig: str
    item: str
    branch: str
    target: str
    source: str
    generation: int
    attempt: int
    nonce: str
    worktree: Path
    mode: Mode
    runtime: str
    work: Work | None
    recipe: Recipe

    @property
    def address(self) -> str:
        """`<rig>/<name>`."""
        return self.agent.partition("/")[2]

    @property
    def directory(self) -> Path:
        """Where its generated files are."""
        return self.home.agent_dir(self.agent)

    async def ready(self, key: str, rgt_bin: Path) -> Ready:
        """Make its directory ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = config.read_rig(self.home, self.rig)
        choice = choose(self.town, settings, self.role, self.runtime)
        preset = presets.configured(self.home, choice.runtime or "scripted", self.rig)
        if preset.name == "scripted":
            self._write_script(settings.runtime.get("scripted", {}))
        if self.mode == "start":
            nolinks.remove(self.directory, "progress.json")
        await versions.refuse_older(preset)
        rig = self.home.rig(self.rig)
        path = self.source if Path(self.source).is_dir() else ""
        where = self._where(preset, path, str(rgt_bin))
        fence = Fence(self.home, rig, self.worktree, self.directory, path)
        prepared = starting.prepare(preset, where, fence, choice)
        first, ports = self._recipe()
        env = {**self._environment(key, rgt_bin), **ports, **prepared.env}
        launch = Launch(
            agent=self.agent,
            address=self.address,
            role=self.role,
            rig=self.rig,
            item=self.item,
            branch=self.branch,
            generation=self.generation,
            attempt=self.attempt,
            nonce=self.nonce,
            cwd=str(self.worktree),
            argv=[*first, *prepared.argv],
            env=env,
        )
        launched = Launched(
            nonce=self.nonce,
            generation=self.generation,
            runtime=preset.name,
            ready=preset.ready,
            seconds=preset.ready_seconds,
            mail=preset.mail,
            paste=prepared.paste,
        )
        return Ready(launch, launched, preset.usage)

    def _environment(self, key: str, rgt_bin: Path) -> dict[str, str]:
        email = f"{self.address.replace('/', '.')}@rgt.localhost"
        return {
            **{f"GIT_{who}_NAME": self.address for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": email for who in ("AUTHOR", "COMMITTER")},
            "GTR_AGENT": self.agent,
            "GTR_ADDRESS": self.address,
            "GTR_ROLE": self.role,
            "GTR_RIG": self.rig,
            "GTR_ROOT": str(self.home.root),
            "GTR_WORK_ITEM": self.item,
            "GTR_TITLE": self.work.title if self.work else "",
            "GTR_BRANCH": self.branch,
            "GTR_TOKEN": token(key, self.agent, self.generation),
            "GTR_NONCE": self.nonce,
            "RGT_BIN": str(rgt_bin),
            "RGT_AGENT_DIR": str(self.directory),
            "PATH": f"{rgt_bin.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def _where(self, preset: Preset, rig_path: str, rgt: str) -> Where:
        return Where(
            agent_dir=self.directory,
            worktree=self.worktree,
            hub=self.home.rig(self.rig).hub,
            rig_path=rig_path,
            role=self.role,
            address=self.address,
            item=self.item,
            session=self._session(preset),
            mode=self.mode,
            prompt=self._prompt(preset),
            resume=RESUMED,
            settings=presets.settings(self.home, preset.name, self.rig),
            python=sys.executable,
            policy=self._policy(rig_path),
            rgt=rgt,
        )

    def _policy(self, rig_path: str) -> dict[str, Any]:
        # What a program calls its directory has no symlinks in it.
        return policy_for(
            self.role,
            worktree=str(self.worktree.resolve()),
            branch=self.branch,
            hub=str(self.home.rig(self.rig).hub.resolve()),
            target=self.target,
            home=str(self.home.root.resolve()),
            rig_path=str(Path(rig_path).resolve()) if rig_path else "",
            agent_dir=str(self.directory.resolve()),
        )

    def _session(self, preset: Preset) -> str:
        """The runtime's own id of the session: the old one for one that goes on, else a new one.

        Made of the nonce, so that a start that is tried again gives the same."""
        if self.mode == "resumed":
            with suppress(OSError, ValueError):
                old = nolinks.read(self.directory, "session").decode().strip()
                if SESSION.fullmatch(old) and presets.resumes(preset, self.directory, self.mode, old):
                    return old
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.nonce))

    def _prompt(self, preset: Preset) -> str:
        """What it is told first. Where hooks tell it the rest at the start of its session, that is not said twice."""
        if preset.prompt == "none":
            return ""
        if preset.ready == "hook":
            return HOOKED if self.item else WITHOUT_ITEM
        facts = prime_facts(self.address, self.rig, self.work, resumed=self.generation > 1)
        # A session that goes on is told something else.
        facts.anew = self.mode == "resumed"
        facts.handed_over = self.mode == "handoff"
        return prime(self.role, facts)

    def _write_script(self, settings: dict[str, Any]) -> None:
        """The script of a scripted agent: from the item's description, else from the rig; none makes it a shell."""
        text = find_block(self.work.description) if self.work else None
        if text is None:
            text = str(settings["script"]) if settings.get("script") else None
        if text is None:
            nolinks.remove(self.directory, SCRIPT)
            return
        parse_script(text)
        nolinks.write(self.directory, SCRIPT, text)

    def _recipe(self) -> tuple[list[str], dict[str, str]]:
        """Words before the agent's command, and variables with its ports; it costs nothing when there is no recipe."""
        r = self.recipe
        if not (r.line.strip() or r.ports):
            return [], {}
        admin = trees.known(self.home.rig(self.rig).hub, self.worktree).admin
        ports = recipe.environment(recipe.ports(self.home, admin, r.ports))
        return recipe.words(self.directory, admin, r.line, r.item), ports


HOOKED = (
    "Begin with your work item now. What you were told at the start of the session says what it is and how to finish."
)
WITHOUT_ITEM = "Your hook is empty. Say so in one line and wait; you will be told when there is work or mail for you."
RESUMED = (
    "You were restarted in the middle of your work. Look at `git status` and `git log`, then go on where you were; "
    "`rgt prime` says again what your work is and how to finish."
)
