"""May this work tree be destroyed? One function decides; whatever removes, cleans or reuses a tree asks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TreeFacts:
    """What was found in a work tree. Facts that could not be read must never look like a clean tree: `readable`."""

    readable: bool = True
    unreadable: str = ""
    """Why it is not, when that is known."""
    head: str = ""
    """Commit that is checked out; empty before the first one."""
    branch: str = ""
    """Branch that is checked out; empty when detached."""
    changed: int = 0
    """Tracked files that differ from the head, staged or not, deletions too."""
    untracked: int = 0
    """New files that are not ignored."""
    conflicts: int = 0
    """Files in conflict; they are among `changed`."""
    operation: str = ""
    """`merge`, `rebase`, `cherry-pick`, `revert`, `bisect`, `am` when one is half done."""
    nested: tuple[str, ...] = ()
    """Other repositories inside, whose commits no snapshot can hold."""
    live: int = 0
    """Processes whose working directory is inside."""
    ahead: int = 0
    """Commits of the head that the target does not have."""
    unkept: int = 0
    """Commits of the head that neither the target nor a ref under `refs/rgt/keep/` holds."""
    saved: bool = False
    """All uncommitted work is in a snapshot."""

    @property
    def dirty(self) -> bool:
        """Is there anything that a commit of the head alone would not bring back?"""
        return bool(self.changed or self.untracked or self.operation)


def safe_to_destroy(facts: TreeFacts) -> list[str]:
    """The reasons why the tree must stay, as ends of a sentence that begins "it"; none means it may go."""
    if not facts.readable:
        return [": ".join(filter(None, ("cannot be read", facts.unreadable)))]
    reasons = []
    if facts.live:
        reasons.append(f"has {_count(facts.live, 'process', 'es')} running in it")
    if facts.nested:
        reasons.append(f"holds other repositories: {', '.join(facts.nested[:3])}")
    if not facts.saved:
        if uncommitted := facts.changed + facts.untracked:
            reasons.append(f"has {_count(uncommitted, 'uncommitted change')} saved nowhere")
        if facts.operation:
            reasons.append(f"is in the middle of a {facts.operation} saved nowhere")
    if facts.unkept:
        reasons.append(f"has {_count(facts.unkept, 'commit')} neither landed nor pinned")
    return reasons


def _count(n: int, what: str, plural: str = "s") -> str:
    return f"{n} {what}{plural if n != 1 else ''}"
