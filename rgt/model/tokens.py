"""Tokens: how an agent proves which agent it is, and what an agent's work proves when nobody could ask."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from rgt.model.errors import RgtError

ROLES = {"polecat": "polecat", "agent": "crew", "mayor": "mayor", "dog": "dog"}


@dataclass(frozen=True)
class Identity:
    """Who calls: a person (`agent` empty) or one generation of an agent."""

    role: str = "person"
    agent: str = ""
    """Workflow id, such as `polecat/api/nux`."""
    generation: int = 0

    @property
    def address(self) -> str:
        """`api/nux`; empty for a person."""
        return self.agent.partition("/")[2] or self.agent


PERSON = Identity()


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:40]


def token(key: str, agent: str, generation: int) -> str:
    """`agent.generation.signature`."""
    return f"{agent}.{generation}.{_mac(key, f'{agent}.{generation}')}"


def identify(key: str, given: str) -> Identity:
    """Who holds this token. No token: a person. A wrong one: `denied`."""
    if not given:
        return PERSON
    agent, _, rest = given.partition(".")
    generation, _, signature = rest.partition(".")
    expected = _mac(key, f"{agent}.{generation}")
    if not generation.isdigit() or not hmac.compare_digest(signature, expected):
        raise RgtError("denied", "this GTR_TOKEN is not of this town", "start again from a session that rgt made")
    return Identity(ROLES.get(agent.partition("/")[0], "agent"), agent, int(generation))


def proof(given: str, item: str, branch: str, head: str) -> str:
    """What an agent leaves with a `done` that no worker could check."""
    return _mac(given, f"{item}\0{branch}\0{head}")
