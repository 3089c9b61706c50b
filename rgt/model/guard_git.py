"""What an agent may do with git: everything for its own branch, nothing to the target, remotes, hooks or others."""

from __future__ import annotations

DONE = "finish with `rgt done`: only the merge queue moves {target}"
KNOWN = frozenset(
    (
        "add am annotate apply archive bisect blame branch bundle cat-file check-attr check-ignore check-ref- "
        "format checkout cherry cherry-pick clean clone commit commit-tree config count-objects describe diff "
        "diff-files diff-index diff-tree difftool fetch for-each-ref format-patch fsck grep hash-object help init "
        "interpret-trailers lfs log ls-files ls-remote ls-tree merge merge-base merge-file merge-tree mergetool "
        "mktree mv name-rev notes patch-id pull range-diff read-tree rebase reflog remote rerere reset restore "
        "rev-list rev-parse revert rm shortlog show show-branch show-ref sparse-checkout stage stash status "
        "submodule subtree switch symbolic-ref tag update-index var verify-commit version whatchanged worktree "
        "write-tree "
    ).split()
)
"""Commands that are looked at; another word may be an alias for anything."""
VALUED = frozenset(
    ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env", "--super-prefix"]
)
"""Options before the command that take the next word."""
SAFE_KEYS = tuple(
    "user. color. advice. merge.conflictstyle rebase. log. core.quotepath core.autocrlf core.safecrlf "
    "init.defaultbranch commit.gpgsign tag.gpgsign format. blame. column. status. gc.auto diff.renames "
    "diff.algorithm diff.context diff.noprefix diff.mnemonicprefix core.pager pager. core.editor core.filemode "
    "core.ignorecase merge.ff merge.tool merge.renamelimit diff.tool pull. rerere. protocol.version "
    "sequence.editor".split()
)
"""Settings that `-c` and `git config` may set."""
PROGRAM_KEYS = ("core.pager", "pager.", "core.editor", "sequence.editor")
HARMLESS = ("cat", "less", "true", "false", ":", "", "/bin/true", "/bin/cat")
"""Programs that those may name."""


class Git:
    """One git command line, taken apart."""

    __slots__ = ("args", "directory", "keys", "places", "verb")

    def __init__(self, words: list[str]) -> None:
        self.directory = ""
        """What `-C` says."""
        self.keys: list[str] = []
        """Settings that `-c` sets."""
        self.places: list[str] = []
        """Options that make it work on another repository or with other programs."""
        at = 0
        while at < len(words) and words[at].startswith("-"):
            option, equals, value = words[at].partition("=")
            if option in VALUED and not equals:
                at += 1
                value = words[at] if at < len(words) else ""
            if option == "-C":
                self.directory = value if value.startswith("/") or not self.directory else f"{self.directory}/{value}"
            elif option == "-c":
                self.keys.append(value)
            elif option in VALUED:
                self.places.append(option)
            at += 1
        self.verb = words[at] if at < len(words) else ""
        self.args = words[at + 1 :]

    def options(self) -> list[str]:
        """Its options, before a `--`."""
        end = self.args.index("--") if "--" in self.args else len(self.args)
        return [a for a in self.args[:end] if a.startswith("-")]

    def plain(self) -> list[str]:
        """Its other words."""
        return [a for a in self.args if not a.startswith("-")]

    def has(self, short: str, *long: str) -> bool:
        """Whether one of these options is given; short ones may be joined, as in `-fd`."""
        for option in self.options():
            if option.startswith("--"):
                if option.partition("=")[0] in long:
                    return True
            elif any(letter in option[1:] for letter in short):
                return True
        return False


def refusal(git: Git, target: str, branch: str) -> str:
    """Why an agent on `branch` may not run this; empty when it may. A `\\0` in a word is what is not known of it."""
    if not git.verb:
        return ""
    if "\0" in git.verb:
        return "which git command this is cannot be seen; write it out"
    if bad := next((k for k in git.keys if not _harmless(*k.partition("=")[::2])), ""):
        return f"`git -c {_shown(bad)}` is not for agents; leave it out"
    if git.places:
        return f"`git {git.places[0]}` is not for agents: work in your own worktree"
    if git.verb in PUSHES:
        return DONE.format(target=target)
    if git.verb not in KNOWN:
        return f"`git {_shown(git.verb)}` is not known to the guard, and may be an alias; use git's own commands"
    rule = RULES.get(git.verb)
    return rule(git, target, branch) if rule else ""


PUSHES = frozenset("push send-pack http-push receive-pack svn p4 cvsexportcommit send-email request-pull".split())


def _harmless(key: str, value: str) -> bool:
    """Whether a setting runs nothing and redirects nothing."""
    key = key.lower()
    return key.startswith(SAFE_KEYS) and (not key.startswith(PROGRAM_KEYS) or value in HARMLESS)


def _shown(word: str) -> str:
    return word.replace("\0", "…")[:40]


def _names(words: list[str], target: str) -> bool:
    """Whether the target's branch is meant by one of these words."""
    return any(w.removeprefix("refs/").removeprefix("heads/") == target for w in words)


def _switch(git: Git, target: str, branch: str) -> str:
    words = git.plain()
    made = git.has("bBcC", "--create", "--force-create", "--orphan")
    joined = [o[2:] for o in git.options() if o[1:2] in "bBcC"]
    joined += [o.partition("=")[2] for o in git.options() if o.startswith("--")]
    if not made and git.has("t", "--track"):
        joined += [w.partition("/")[2] for w in words[:1]]
    own, polecat = branch.rpartition("/")[0] + "/", branch.startswith("polecat/")
    others = len(words) == 1 and words[0].startswith("polecat/") and not words[0].startswith(own)
    if polecat and others and not made:
        return "that is the branch of another agent; work on your own, and read theirs with `git show`"
    if _names([*(words[:1] if made or "--" not in git.args[:-1] else []), *joined], target):
        return f"stay on {branch or 'your branch'}: `git merge origin/{target}` brings it up to date"
    return ""


def _branch(git: Git, target: str, branch: str) -> str:
    if not git.has("dDmMcCf", "--delete", "--move", "--copy", "--force"):
        asks = git.has("lv", "--list", "--contains", "--no-contains", "--merged", "--no-merged", "--points-at")
        named = not asks and _names(git.plain()[:1], target)
        return f"{target} is the merge queue's: name yours otherwise" if named else ""
    if _names(git.plain(), target):
        return DONE.format(target=target)
    if any(w.startswith("polecat/") and w != branch for w in git.plain()):
        return "that is the branch of another agent; leave it alone"
    return ""


def _tag(git: Git, target: str, branch: str) -> str:
    return f"a tag must not be called {target}" if _names(git.plain()[:1], target) else ""


def _remote(git: Git, target: str, branch: str) -> str:
    if git.plain() and git.plain()[0] not in ("show", "get-url"):
        return "remotes are not yours to change; " + DONE.format(target=target)
    return ""


def _fetch(git: Git, target: str, branch: str) -> str:
    if any(w.startswith("ext::") for w in git.args):
        return "`ext::` runs a program; name a repository"
    written = [w.rpartition(":")[2] for w in git.plain() if ":" in w and "//" not in w]
    written += [o.rpartition(":")[2] for o in git.options() if o.startswith("--refmap=")]
    guarded = ("refs/rgt", "refs/heads/*", "refs/heads/polecat/", "polecat/")
    if _names(written, target) or any(w.startswith(guarded) for w in written):
        return f"`git fetch` may not write {target}; fetch without a colon"
    return ""


def _worktree(git: Git, target: str, branch: str) -> str:
    return "" if git.plain()[:1] == ["list"] else "work in the worktree that you have; others are not yours"


def _config(git: Git, target: str, branch: str) -> str:
    words = git.plain()
    reads = ("--get", "--get-all", "--get-regexp", "--list", "--get-urlmatch", "--show-origin", "--show-scope")
    if git.has("l", *reads) or words[:1] in (["get"], ["list"]):
        return ""
    if git.has("f", "--global", "--system", "--file", "--blob"):
        return "the configuration of git is the person's; leave it as it is"
    if words[:1] and words[0] in ("set", "unset", "edit", "rename-section", "remove-section"):
        words = words[1:]
    elif len(words) == 1 and not git.has("e", "--unset", "--unset-all", "--edit", "--remove-section"):
        return ""
    if not words or not _harmless(words[0], "".join(words[1:2])):
        return f"`git config {_shown(' '.join(words[:1]))}` is not for agents; leave it as it is"
    return ""


def _clone(git: Git, target: str, branch: str) -> str:
    if any(w.startswith("ext::") for w in git.args):
        return "`ext::` runs a program; name a repository"
    settings = [git.args[at + 1] for at, w in enumerate(git.args[:-1]) if w in ("-c", "--config")]
    settings += [w.partition("=")[2] for w in git.options() if w.startswith("--config=")]
    if bad := next((s for s in settings if not _harmless(*s.partition("=")[::2])), ""):
        return f"`git clone -c {_shown(bad)}` is not for agents; leave it out"
    return ""


def _stash(git: Git, target: str, branch: str) -> str:
    words = git.plain()
    return f"{target} is the merge queue's" if words[:1] == ["branch"] and _names(words[1:2], target) else ""


def _reads_ref(git: Git, target: str, branch: str) -> str:
    return "" if len(git.plain()) < 2 and not git.has("d", "--delete") else DONE.format(target=target)


def _reflog(git: Git, target: str, branch: str) -> str:
    return "what git remembers must stay" if git.plain()[:1] in (["expire"], ["delete"]) else ""


def _publishes(git: Git, target: str, branch: str) -> str:
    return DONE.format(target=target) if git.plain()[:1] == ["push"] else ""


RULES = {
    "checkout": _switch,
    "clone": _clone,
    "stash": _stash,
    "switch": _switch,
    "branch": _branch,
    "remote": _remote,
    "tag": _tag,
    "fetch": _fetch,
    "pull": _fetch,
    "worktree": _worktree,
    "config": _config,
    "symbolic-ref": _reads_ref,
    "reflog": _reflog,
    "lfs": _publishes,
    "subtree": _publishes,
}


READS = frozenset(
    "log show diff status grep blame ls-files ls-tree rev-parse rev-list cat-file describe shortlog merge-base "
    "for-each-ref show-ref name-rev cherry help version var check-ignore check-attr".split()
)
"""Commands that change nothing, wherever they run."""


SHOWS = {
    "branch": ("--list", "--show-current", "--contains", "--merged", "--no-merged", "-l"),
    "config": ("--get", "--get-all", "--get-regexp", "--list", "-l", "get", "list"),
    "remote": ("show", "get-url"),
    "bundle": ("verify", "list-heads"),
    "stash": ("list", "show"),
    "worktree": ("list",),
    "tag": ("-l", "--list", "--contains"),
}
"""Of commands that change something, the words by which they only show it."""


def changes(git: Git) -> bool:
    """Whether this command would change the repository that it works on."""
    if not git.verb or git.verb in READS or git.verb in ("clone", "init", "ls-remote", "archive"):
        return False
    if git.verb in ("branch", "remote", "tag") and not git.plain():
        return False
    if git.verb == "config" and len(git.plain()) == 1 and len(git.args) == 1:
        return False
    return not any(w in SHOWS.get(git.verb, ()) for w in git.args)


def written(git: Git) -> list[str]:
    """Places that this command would write, beside its own repository."""
    found = []
    for at, word in enumerate(git.args):
        option, equals, value = word.partition("=")
        if option in ("--output", "--output-directory", "--separate-git-dir") or (
            word == "-o" and git.verb in ("archive", "format-patch")
        ):
            found += [value] if equals else git.args[at + 1 : at + 2]
    words = git.plain()
    if git.verb == "clone" or (git.verb == "bundle" and words[:1] == ["create"]):
        found += words[1:2]
        if git.verb == "clone" and len(words) == 1:
            found.append(words[0].rstrip("/").rpartition("/")[2].removesuffix(".git"))
    elif git.verb == "init":
        found += words[:1]
    return found


def runs(git: Git) -> list[str]:
    """Shell lines that git itself would run for this command."""
    if git.verb == "submodule" and "foreach" in git.args:
        return [" ".join(git.args[git.args.index("foreach") + 1 :])]
    found = []
    for at, word in enumerate(git.args):
        option, equals, value = word.partition("=")
        cut = option.startswith("--ex") and git.verb == "rebase"
        if cut or option in ("-x", "--exec", "--extcmd", "--upload-pack", "--receive-pack"):
            found.append(value if equals else " ".join(git.args[at + 1 : at + 2]))
        elif git.verb == "clone" and word == "-u":
            found += git.args[at + 1 : at + 2]
        elif len(word) > 2 and (
            (git.verb == "rebase" and word[:2] == "-x") or (git.verb == "grep" and word[:2] == "-O")
        ):
            found.append(word[2:])
    return found
