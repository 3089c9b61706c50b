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

        def guarded(self, path: str) -> str:
            """Why a place of the town may not be written."""

        def covers(self, where: str) -> str:
            """Why a directory may not be given away: a place of the town is in it."""

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
    return _written(fence, _into(rest) or _operands(rest, "tSgmo")[-1:])


def _into(rest: list[str]) -> list[str]:
    """The directory that `-t` names."""
    return _valued(rest, "t", "--target-directory") if any(w[:2] == "-t" or w[:3] == "--t" for w in rest) else []


def _move(fence: Fence, rest: list[str]) -> str:
    return _written(fence, [*_into(rest), *_operands(rest, "tS")])


def _link(fence: Fence, rest: list[str]) -> str:
    words = _operands(rest, "tS")
    # What a symbolic link says is read from where it stands, not from here.
    soft = any(w.startswith("-") and not w.startswith("--") and "s" in w for w in rest) or "--symbolic" in rest
    targets = [w for w in words if not soft or w.startswith(("/", "~"))]
    if why := next((why for path in targets if (why := fence.guarded(path))), ""):
        return why + ", and copy what you need: writing through a link changes what it leads to"
    return _written(fence, _into(rest) or (words[-1:] if len(words) > 1 else []))


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
    while rest[:1] and rest[0] in ("-L", "-H", "-P"):
        rest = rest[1:]
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


def _rsync(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _operands(rest, "efTB")[-1:])


def _output(fence: Fence, rest: list[str]) -> str:
    """Programs that write what `-o` names, and what directory `-d` says."""
    return _written(fence, _valued(rest, "o", "--output"))


def _patch(fence: Fence, rest: list[str]) -> str:
    named = _valued(rest, "do", "--directory", "--output")
    return _written(fence, [*named, *_operands(rest, "pdoiFDBrVYz")[:1]])


def _second(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _operands(rest, "blnCafsw")[1:2])


def _first(fence: Fence, rest: list[str]) -> str:
    return _written(fence, _operands(rest, "ixnPT")[:1])


def _edited(fence: Fence, rest: list[str]) -> str:
    return _written(fence, [w for w in _operands(rest, "cSsuTt") if not w.startswith("+")])


def mounted(fence: Fence, rest: list[str]) -> str:
    """What of this machine a container may write."""
    for mount in _valued(
        [w for w in rest if w[:2] == "-v" or w[:1] != "-" or w.startswith("--volume")], "v", "--volume"
    ):
        place, _, inner = mount.partition(":")
        where = fence.resolved(place) if place[:1] in "/.~" and not inner.endswith(":ro") else None
        if where is not None and (why := fence.guarded(place) or fence.covers(where)):
            return why
    return ""


def directed(fence: Fence, rest: list[str]) -> str:
    """What other programs are told to write, or where to work, when that is a place of the town."""
    for at, word in enumerate(rest):
        option, equals, value = word.partition("=")
        if option not in DIRECTED and word[:2] not in ("-o", "-C"):
            continue
        value = (
            value
            if equals
            else word[2:]
            if word[:2] in ("-o", "-C") and len(word) > 2
            else "".join(rest[at + 1 : at + 2])
        )
        if value and (why := fence.guarded(value)):
            return why
    return ""


DIRECTED = frozenset(
    "-o -C -D -d --output --out --outdir --out-dir --output-dir --directory --dir --prefix --target-dir --chdir "
    "--root-dir --cwd --manifest-path -f --file".split()
)
"""Options by which many programs are told so."""


def in_place(fence: Fence, rest: list[str]) -> str:
    """`perl -pi -e CODE FILE…`."""
    if not any(w.startswith("-") and not w.startswith("--") and "i" in w.partition("e")[0] for w in rest):
        return ""
    return _written(fence, _operands(rest, "e"))


PROGRAMS = {
    "rm": _rm, "rmdir": _rm, "shred": _each, "mkdir": _each, "mkfifo": _each, "unlink": _each, "truncate": _each,
    "tee": _each, "touch": _each,
    "cp": _last, "install": _last, "rsync": _rsync, "scp": _last, "mv": _move, "ln": _link, "chmod": _owned,
    "chown": _owned, "chgrp": _owned, "sed": _sed, "gsed": _sed, "dd": _dd, "find": _find, "fd": _find,
    "curl": _curl, "wget": _wget, "tar": _tar, "bsdtar": _tar, "unzip": _unzip, "sort": _output, "patch": _patch,
    "split": _second, "uniq": _second, "zip": _first, "vi": _edited, "vim": _edited, "nvim": _edited, "ex": _edited,
    "ed": _edited, "nano": _edited, "emacs": _edited,
}  # fmt: skip
"""Programs that write what their words name."""
