"""Code of other languages that is given on a command line."""

from __future__ import annotations

from rgt.model.guard_git import DONE
from rgt.model.guard_words import CODE_OPTIONS, CODE_PROGRAMS, CODE_RUNS, CODE_VALUED, CODE_WORDS, CODE_WRITES


def refused_code(
    name: str, rest: list[str], here: list[str], worktree: str, places: tuple[str, ...], target: str
) -> str:
    """Why `name rest…` may not run the code that is in these words or in its here-documents.

    `places` are directories, beside the worktree in one of them, that it must not change."""
    texts = list(here)
    if name.endswith("awk"):
        texts += [w for w in rest if not w.startswith("-")]
    for at, word in enumerate(rest):
        if at and rest[at - 1] in CODE_VALUED:
            continue
        if word.startswith(("--eval=", "--print=")):
            texts.append(word.partition("=")[2])
        if word in CODE_OPTIONS or (word.startswith("-") and not word.startswith("--") and word[-1:] in "ce"):
            texts += rest[at + 1 : at + 2]
            break
        if not word.startswith("-"):
            break
    for text in texts:
        if text and text.strip("\0 ") == "":
            return "the code that this runs cannot be seen; write it out"
        other = text.replace(worktree, "")
        changes = any(w in text for w in CODE_RUNS + CODE_WRITES) and any(p and p in other for p in places)
        runs = any(w in text for w in CODE_RUNS) and any(w in text for w in CODE_PROGRAMS)
        if changes or runs or any(w in text for w in CODE_WORDS) or _pushes(text):
            return "what this code does is not for agents; " + DONE.format(target=target)
    return ""


def _pushes(text: str) -> bool:
    """Whether code speaks of `git` and of `push`, as words of their own: `digits.push(1)` does not."""
    if "git" not in text or "push" not in text:
        return False
    words = "".join(c if c.isalnum() or c in "._" else " " for c in text).split()
    return any(w.endswith("git.push") for w in words) or (
        any(w == "git" or w.endswith("/git") for w in words) and any(w.strip(".") in ("push", "send") for w in words)
    )
