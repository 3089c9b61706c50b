"""Names and ids: how they look, which are reserved, how new ones are drawn."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Iterable
from typing import Literal

from rgt.model.errors import RgtError

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
ITEM = re.compile(r"gt-[a-z0-9]{5}")
ADDRESS = re.compile(rf"{NAME.pattern}/{NAME.pattern}")
"""Of a polecat or crew member: `<rig>/<name>`."""
RESERVED_RIGS = frozenset({"mayor", "boot", "town", "host", "dog"})
RESERVED_AGENTS = frozenset({"witness", "refinery"})
LISTS = {
    "work item": "rgt work list",
    "agent": "rgt agents list",
    "rig": "rgt rig list",
    "rig or agent": "rgt rig list",
    "setting": "rgt config explain",
    "runtime": "rgt doctor",
    "session": "rgt session list --ended",
}
"""The command that lists what one may have meant."""
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

NameKind = Literal["rig", "agent", "gate", "dog", "host"]


def check_name(kind: NameKind, name: str) -> str:
    """Return `name` when it is a good name for a `kind`, else raise `invalid` with what is allowed."""
    shown = name if len(name) <= 40 else name[:37] + "..."
    if not NAME.fullmatch(name):
        hint = "use a-z, 0-9 and -, a letter first, at most 32"
        raise RgtError("invalid", f"{shown!r} is no name for a {kind}", hint)
    if name in (RESERVED_RIGS if kind == "rig" else RESERVED_AGENTS if kind == "agent" else ()):
        raise RgtError("invalid", f"{name!r} is reserved", f"choose another name for the {kind}")
    return name


def check_item(item: str) -> str:
    """Return `item` when it is a well-formed work item id (`gt-` and five of a-z, 0-9)."""
    if not ITEM.fullmatch(item):
        raise RgtError("invalid", f"{item[:40]!r} is no work item id", "ids look like gt-3f8k2; see `rgt work list`")
    return item


def draw(prefix: str = "gt-") -> str:
    """A new random id; the caller draws again when a workflow of that id exists."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(5))


def resolve(given: str, known: Iterable[str], what: str) -> str:
    """The one id of `known` that `given` names, whole or as a unique prefix; else `not_found` with a suggestion."""
    ids = list(known)
    if given in ids:
        return given
    hits = sorted(i for i in ids if given and i.startswith(given))
    if len(hits) == 1:
        return hits[0]
    if hits:
        fits = f"{len(hits)} {what.replace(' or ', 's or ')}s"
        raise RgtError("not_found", f"{given!r} fits {fits}: {', '.join(hits[:5])}", "type more of it")
    # Ids of items are drawn: two of them share some letters by chance.
    near = difflib.get_close_matches(given, ids, n=1, cutoff=0.8 if given.startswith("gt-") else 0.6)
    hint = f"did you mean {near[0]}?" if near else f"see `{LISTS[what]}`" if what in LISTS else ""
    raise RgtError("not_found", f"there is no {what} {given[:40]!r}", hint)
