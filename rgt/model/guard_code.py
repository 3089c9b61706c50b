"""Code of other languages that is given on a command line."""

from __future__ import annotations

from rgt.model.guard_git import DONE
from rgt.model.guard_words import CODE_OPTIONS, CODE_PROGRAMS, CODE_RUNS, CODE_WORDS, CODE_WRITES


def refused_code(
    name: str, rest: list[str], here: list[str], worktree: str, places: tuple[str, ...], target: str
) -> str:
    """Why `name rest…` may not run the code that is in these words or in its here-documents.

    `places` are directories, beside the worktree in one of them, that it must not change."""
    texts = list(here)
    if name.endswith("awk"):
        texts += [w for w in rest if not w.startswith("-")]
    for at, word in enumerate(rest):
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
        if changes or runs or any(w in text for w in CODE_WORDS) or ("git" in text and "push" in text):
            return "what this code does is not for agents; " + DONE.format(target=target)
    return ""
