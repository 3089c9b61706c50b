"""Programs that change the files which their words name, and whether those are an agent's to change."""

from __future__ import annotations

from rgt.model.guard_line import GIVEN, Command
from rgt.model.guard_places import TEMP, shown

TYPE_CHECKING = False  # as in typing, whose import takes longer than a decision
if TYPE_CHECKING:
    from typing import Protocol

    class Fence(Protocol):
        """What is asked here of the guard."""

        worktree: str

        def write(self, path: str, why: str = "") -> str:
            """Why this file may not be written."""

        def resolved(self, path: str) -> str | None:
            """The absolute path; None when it cannot be seen."""

        def run(self, words: list[str], command: Command, depth: int) -> str:
            """Why this program may not be run."""


def _operands(rest: list[str], valued: str = "") -> list[str]:
    """Words that are no options; `valued` are letters of options that take the next word."""
    found: list[str] = []
    skip = False
    for at, word in enumerate(rest):
        if skip:
            skip = False
        elif word == "--":
            return found + rest[at + 1 :]
        elif word.startswith("-") and word != "-":
            skip = len(word) == 2 and word[1] in valued
        else:
            found.append(word)
    return found


def _rm(fence: Fence, rest: list[str]) -> str:
    deep = any(w.startswith("-") and ("r" in w.lower() or w == "--recursive") for w in rest)
    for path in _operands(rest):
        where = fence.resolved(path)
        if where is None:
            if deep and path != GIVEN and path.strip("\0/*") == "":
                return f"what `rm -r {shown(path)}` would remove cannot be seen; write it out"
            continue
        if where in (fence.worktree, "/") or where in TEMP or (why := fence.write(path)):
            return why if where not in (fence.worktree, "/", *TEMP) else f"{shown(path)} is too much to remove"
    return ""


def _last(fence: Fence, rest: list[str]) -> str:
    """Programs that write what their last word names."""
    named = [w.partition("=")[2] for w in rest if w.startswith("--target-directory=")]
    named += [rest[at + 1] for at, w in enumerate(rest[:-1]) if w == "-t"]
    named += [w[2:] for w in rest if w.startswith("-t/")]
    words = _operands(rest, "tSg")
    return next((why for path in named or words[-1:] if (why := fence.write(path))), "")


def _move(fence: Fence, rest: list[str]) -> str:
    return next((why for path in _operands(rest, "tS") if (why := fence.write(path))), "")


def _link(fence: Fence, rest: list[str]) -> str:
    words = _operands(rest, "tS")
    return fence.write(words[-1]) if len(words) > 1 else ""


def _each(fence: Fence, rest: list[str]) -> str:
    return next((why for path in _operands(rest, "sdrtm") if (why := fence.write(path))), "")


def _owned(fence: Fence, rest: list[str]) -> str:
    return next((why for path in _operands(rest)[1:] if (why := fence.write(path))), "")


def _sed(fence: Fence, rest: list[str]) -> str:
    if not any(
        w.startswith(("-i", "--in-place")) or (w.startswith("-") and not w.startswith("--") and "i" in w) for w in rest
    ):
        return ""
    words = _operands(rest, "ef")
    given = any(w in ("-e", "-f") or w.startswith(("--expression", "--file")) for w in rest)
    return next((why for path in words[0 if given else 1 :] if (why := fence.write(path))), "")


def _dd(fence: Fence, rest: list[str]) -> str:
    return next((why for w in rest if w.startswith("of=") and (why := fence.write(w[3:]))), "")


def _find(fence: Fence, rest: list[str]) -> str:
    roots: list[str] = []
    for word in rest:
        if word.startswith(("-", "(", "!")):
            break
        roots.append(word)
    for at, word in enumerate(rest):
        writes = word in ("-delete", "-fprint", "-fprintf", "-fls")
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next((i for i in range(at + 1, len(rest)) if rest[i] in (";", "+")), len(rest))
            inner = [w if w != "{}" else GIVEN for w in rest[at + 1 : end]] or ["true"]
            if why := fence.run(inner, Command(), 1):
                return why
            writes = inner[0].rpartition("/")[2] in PROGRAMS
        if writes and (why := next((why for root in roots if (why := fence.write(root))), "")):
            return why
    return ""


def _valued(rest: list[str], short: str, *long: str) -> list[str]:
    """What options such as `-o FILE`, `-oFILE`, `--output FILE` and `--output=FILE` say."""
    found = []
    for at, word in enumerate(rest):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in long:
                found += [value] if equals else rest[at + 1 : at + 2]
        elif word.startswith("-") and any(c in word for c in short):
            value = word[min(word.index(c) for c in short if c in word) + 1 :]
            found += [value] if value else rest[at + 1 : at + 2]
    return found


def _written(fence: Fence, paths: list[str]) -> str:
    return next((why for path in paths if path != "-" and (why := fence.write(path))), "")


def _curl(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _valued(rest, "o", "--output", "--output-dir"))


def _wget(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _valued(rest, "OP", "--output-document", "--directory-prefix"))


def _tar(fence: Fence, rest: list[str]) -> str:
    letters = "".join(w for at, w in enumerate(rest) if not w.startswith("--") and (w.startswith("-") or not at))
    if "x" in letters or any(w in ("--extract", "--get") for w in rest):
        return _written(fence, _valued(rest, "C", "--directory"))
    return _written(fence, rest[1:2]) if "c" in letters and "f" in rest[0] else ""


def _unzip(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _valued(rest, "d"))


def in_place(fence: Fence, rest: list[str]) -> str:
    """`perl -pi -e CODE FILE…`."""
    if not any(w.startswith("-") and not w.startswith("--") and "i" in w.partition("e")[0] for w in rest):
        return ""
    return _written(fence, _operands(rest, "e"))


PROGRAMS = {
    "rm": _rm, "rmdir": _rm, "shred": _each, "mkdir": _each, "mkfifo": _each, "unlink": _each, "truncate": _each,
    "tee": _each, "touch": _each,
    "cp": _last, "install": _last, "rsync": _last, "scp": _last, "mv": _move, "ln": _link, "chmod": _owned,
    "chown": _owned, "chgrp": _owned, "sed": _sed, "gsed": _sed, "dd": _dd, "find": _find, "fd": _find,
    "curl": _curl, "wget": _wget, "tar": _tar, "unzip": _unzip,
}  # fmt: skip
"""Programs that write what their words name."""
