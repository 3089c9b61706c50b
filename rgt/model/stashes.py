"""Whose a stash is: git keeps one list of stashes for all worktrees of a rig, the newest first.

Nothing is imported: the hook program loads it at every use of a tool.
"""

from __future__ import annotations


def whose(branch: str) -> str:
    """The item that a branch of an agent is for, `crew-<name>` for a crew member's own; empty for any other branch."""
    match branch.split("/"):
        case ["polecat", _, item]:
            return item
        case ["crew", name]:
            return f"crew-{name}"
    return ""


def owner(message: str) -> str:
    """The item that a stash is of, by what git wrote about it; empty when that says nothing."""
    for begin in ("WIP on ", "On "):
        if message.startswith(begin):
            return whose(message.removeprefix(begin).partition(":")[0])
    return ""


def owners(log: str) -> list[str]:
    """The same of each entry of the list, from git's own log of it, where the newest is last."""
    return [owner(line.partition("\t")[2]) for line in reversed(log.split("\n")) if line]


def refusal(words: list[str], log: str, branch: str) -> str:
    """Why an agent on `branch` may not do `git stash <words…>`: it would take or drop what another one has stashed."""
    verb = words[0] if words else "push"
    if verb not in ("pop", "apply", "drop", "branch", "clear"):
        return ""
    mine, found = whose(branch), owners(log)
    others = [bool(item) and item != mine for item in found]
    if not any(others):
        return ""
    own = [f"stash@{{{at}}}" for at, item in enumerate(found) if item == mine and mine]
    instead = f"yours: {', '.join(own[:5])}" if own else "none is yours"
    if verb == "clear":
        return f"the list of stashes is shared by the rig; drop your own by name ({instead})"
    named = words[2:3] if verb == "branch" else words[1:2]
    at = "".join(named).removeprefix("stash@{").removesuffix("}") or "0"
    if not at.isdecimal():
        return f"the list of stashes is shared by the rig; name one as stash@{{N}} ({instead})"
    if int(at) < len(others) and others[int(at)]:
        later = "; stash first and take it back in another call" if not own else ""
        return f"stash@{{{int(at)}}} is of {found[int(at)]}; the list is shared by the rig ({instead}{later})"
    return ""
