"""The settings with which the town's git works in a worktree: its own, whatever agents have set.

An agent without a sandbox, or a gate, can change the settings of the hub and of its worktree, and some of them name
programs. So git is shown the hub through a directory with a `config` of the town and links to the rest, and reads no
`config.worktree`, since that `config` does not ask for it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from rgt.host import nolinks

NAME = "town"
"""The directory in the hub."""
SHARED = ("objects", "refs", "logs", "packed-refs", "shallow", "worktrees")
"""What git finds in the hub itself."""
KEPT = re.compile(
    r"^\s*(filemode|ignorecase|precomposeunicode|symlinks|repositoryformatversion|objectformat)\s*=\s*(\w+)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
"""Settings that say what the file system and the repository are like, as git wrote them when it made the hub."""
FORMAT = "objectformat"
OURS = """\
[core]
\tuntrackedCache = true
\tlogAllRefUpdates = always
[gc]
\tauto = 0
\tworktreePruneExpire = never
[maintenance]
\tauto = false
"""


def of(hub: Path, place: Path | None = None) -> Path:
    """The directory by which git in a worktree is to know its hub; made, or put right, if it is not as it should be.

    With a `place` for it the hub is a submodule, whose list of what to ignore does not count.
    """
    exclude = "" if place else _text(hub, "info/exclude")
    place = place or hub / NAME
    wanted = _config(hub)
    if _text(place, "config") != wanted:
        nolinks.make(place.parent, f"{place.name}/info")
        nolinks.write(place, "info/exclude", exclude)
        for name in SHARED:
            with suppress(FileExistsError):
                (place / name).symlink_to(Path("..", name) if place.parent == hub else hub / name)
        nolinks.write(place, "config", wanted)
    return place


def _config(hub: Path) -> str:
    said = {key.lower(): value for key, value in KEPT.findall(_text(hub, "config"))}
    kind = said.pop(FORMAT, "")
    core = "".join(f"\t{key} = {value}\n" for key, value in sorted(said.items()))
    return f"[core]\n{core}{OURS}" + (f"[extensions]\n\t{FORMAT} = {kind}\n" if kind else "")


def _text(directory: Path, name: str) -> str:
    try:
        return nolinks.read(directory, name).decode(errors="replace")
    except OSError:
        return ""
