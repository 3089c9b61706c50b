"""The guard: whether an agent may use a tool, decided before it runs.

It holds agents to their own worktree and branch, and away from the target, remotes, keys, the town's programs and other
people's processes. What it does not understand where it matters is a no; each no says what to do instead. It is a fence
for agents that mean well, beside the hub's hooks and the sandbox, not a wall against one that does not.

The standard library alone: the hook program loads it at every use of a tool.
"""

from __future__ import annotations

from rgt.model import guard_words as lists
from rgt.model import stashes
from rgt.model.guard_code import refused_code
from rgt.model.guard_files import PROGRAMS, directed, in_place, mounted
from rgt.model.guard_git import DONE, PUSHES, Git, changes, refusal, runs, written
from rgt.model.guard_line import GIVEN, MADE, PIPE, WRITES, Command, Word
from rgt.model.guard_places import Places
from rgt.model.guard_shell import Unclear, commands

TYPE_CHECKING = False  # as in typing, whose import takes longer than a decision
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 8
"""Programs within programs, as in `env nice sh -c`, that are followed."""
TOO_DEEP = "it is nested too deep to be understood; write it plainly"
ASK = "ask with `rgt escalate`"
TOOLS = {
    "AskUserQuestion": "nobody sits at this terminal; ask with `rgt escalate`, then do what you can",
    "EnterPlanMode": "nobody can approve a plan here; begin to work",
    "ExitPlanMode": "nobody can approve a plan here; begin to work",
    "EnterWorktree": "work in the worktree that you have",
    "ExitWorktree": "work in the worktree that you have",
    "CronCreate": "nothing may outlive your session; do it now, or ask with `rgt escalate`",
    "ScheduleWakeup": "nothing may outlive your session; do it now, or ask with `rgt escalate`",
    "RemoteTrigger": "nothing may start elsewhere; " + ASK,
    "SendMessage": "write to other agents with `rgt mail send`",
    "ListAgents": "`rgt agents list` shows the agents of the town",
}
"""Tools that no agent may use, with what to do instead."""
LONGEST = 32_768
"""Characters that the variables in one word may stand for; more is as good as unknown."""
LINE = 262_144
"""Characters of a command; a shell takes no more in one argument either."""
EDITORS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
READERS = ("Read", "Grep", "Glob", "LS")
UNSEEN_SHELL = (
    "what is piped into a program that runs it cannot be seen; write it out, or into a file that you have read"
)


def policy_for(
    role: str, *, worktree: str, branch: str, hub: str, target: str, home: str, rig_path: str = "", agent_dir: str = ""
) -> dict[str, Any]:
    """What the guard holds an agent of this role to, as it is written to `policy.json`."""
    return {
        "role": role,
        "worktree": worktree,
        "branch": branch,
        "hub": hub,
        "target": target,
        "home": home,
        "rig_path": rig_path,
        "agent_dir": agent_dir,
    }


def permissions(policy: dict[str, Any]) -> dict[str, list[str]]:
    """The same as rules of Claude Code's settings: a second fence, coarser than the guard."""
    protected = [p for p in (policy["home"], policy["rig_path"]) if p]
    allowed = "Bash Read Glob Grep Edit Write NotebookEdit Task TodoWrite WebFetch WebSearch mcp__rgt"
    return {
        "allow": allowed.split(),
        "deny": [
            *TOOLS,
            *(f"Read(/{p}/config/key)" for p in protected[:1]),
            *(f"Edit(/{p}/**)" for p in protected[1:]),
        ],
    }


def decide(policy: dict[str, Any], tool: str, given: dict[str, Any], cwd: str) -> str:
    """Why the tool may not be used so; empty when it may."""
    if tool in TOOLS:
        return f"rgt: {TOOLS[tool]}"
    fence = _Fence(policy, cwd)
    why = ""
    if tool == "Bash":
        line = given.get("command")
        why = fence.line(line) if isinstance(line, str) else "a command must be text"
    elif tool in EDITORS:
        path = given.get("file_path") or given.get("notebook_path")
        why = fence.write(path) if isinstance(path, str) else "a file must be named"
    elif tool in READERS:
        path = given.get("file_path") or given.get("path") or ""
        why = fence.read(str(path))
    return f"rgt: {why}" if why else ""


class _Fence(Places):
    def __init__(self, policy: dict[str, Any], cwd: str) -> None:
        super().__init__(policy, cwd)
        self.role = str(policy["role"])
        self.branch = str(policy["branch"])
        self.target = str(policy["target"])
        self.stashes = str(policy.get("stashes", ""))
        self.known: dict[str, str] = {
            "TMPDIR": "/tmp", "PWD": self.worktree, "HOME": "~", "GTR_ROOT": self.home, "RGT_AGENT_DIR": self.agent_dir,
            "RGT_BIN": "rgt", "!": lists.JOB, PIPE: lists.PIPED, MADE: "/tmp/made",
        }  # fmt: skip
        """Variables whose value can be seen in the line."""
        self.produced: list[str] = []
        """What `cat <<END`, `echo` and `printf` put into the pipeline that is looked at."""
        self.pipeline: list[list[str]] = []
        """Commands whose output goes into the one that is looked at."""

    # --- lines of shell

    def line(self, text: str, depth: int = 0) -> str:
        """Why this script may not run."""
        if depth > DEEPEST:
            return TOO_DEEP
        if len(text) > LINE:
            return "the line is too long to be understood; put what it holds into a file"
        try:
            found = commands(text)
        except Unclear as e:
            return f"the guard does not understand this line ({e}); write it more plainly"
        places: list[tuple[tuple[object, ...], str | None]] = []
        for command in found:
            while places and command.scope[: len(places[-1][0])] != places[-1][0]:
                self.cwd = places.pop()[1]
            if command.scope and (not places or places[-1][0] != command.scope):
                places.append((command.scope, self.cwd))
            if not command.piped:
                self.pipeline, self.produced = [], []
            if why := self.command(command, depth):
                return why
        if places:
            self.cwd = places[0][1]
        return ""

    def command(self, command: Command, depth: int) -> str:
        """Why one simple command may not run."""
        for name, value in command.assigned:
            if name.startswith(lists.TAKEN):
                return f"{name} is set by the town; leave it as it is"
            self.known[name] = self.text(value)
            if name in lists.EDITOR_VARIABLES and (why := self.script(self.known[name], depth, f"what {name} names")):
                return why
        for operator, where in command.redirects:
            path = self.text(where)
            why = self.write(path) if operator in WRITES else self.read(path)
            if why:
                return why
        words = []
        for word in command.words:
            text = self.text(word)
            spread = not word.quoted or "".join(word.names).endswith(("@", "[@]"))
            spread = word.unknown and "\0" not in text and spread
            words += text.split() if spread else [text]
        for text in words:
            if why := self.read(text, words[0]):
                return why
        why = self.run(words, command, depth) if words else ""
        self.pipeline.append(words or ["true"])
        self.produced += command.here + (words[1:] if words and words[0] in ("echo", "printf") else [])
        return why

    def text(self, word: Word) -> str:
        """A word with the variables that are known put in."""
        if not word.unknown:
            return word.text.replace(lists.UNSEEN, "\0")
        parts = word.text.split("\0")
        self.known["PWD"] = self.cwd or "\0"
        values = [self.known.get(name, "\0") if name else "\0" for name in word.names]
        if sum(map(len, values)) > LONGEST:  # values of values grow without end, as with `X=$X$X`
            return "\0"
        text = "".join(part + value for part, value in zip(parts, [*values, ""], strict=False))
        return text.replace(lists.UNSEEN, "\0")

    def run(self, words: list[str], command: Command, depth: int) -> str:
        """Why this program may not be run with these words."""
        if depth > DEEPEST:
            return TOO_DEEP
        if "\0" in words[0]:
            return self.unknown_program(words)
        name = words[0].rpartition("/")[2]
        rest = words[1:]
        if any(c in words[0] for c in "*?") or ("{" in words[0] and "," in words[0]):
            return "which program this runs cannot be seen; write its name out"
        if name in lists.SHELLS:
            return self.shell(name, rest, command, depth)
        if name in lists.WRAPPERS and rest:
            return self.wrapped(name, rest, command, depth)
        if name == "eval":
            return self.script(" ".join(rest), depth, "what `eval` gets")
        if name == "trap" and rest:
            return self.script(rest[0], depth, "what `trap` gets")
        if name == "alias":
            return next((why for w in rest if (why := self.script(w.partition("=")[2], depth, "an alias"))), "")
        if name in ("source", "."):
            return UNSEEN_SHELL if rest[:1] in ([lists.PIPED], ["/dev/stdin"]) else ""
        if name == "set" and "--" in rest:
            self.known["@"] = self.known["*"] = " ".join(rest[rest.index("--") + 1 :])
            return ""
        if name in ("cd", "pushd"):
            self.go(rest)
            return ""
        if name in ("export", "declare", "typeset", "local", "readonly", "unset", "read", "mapfile", "readarray"):
            return self.declared(rest)
        if name == "printf" and rest[:1] == ["-v"]:
            return self.declared(rest[1:2])
        if name == "git":
            return self.git(rest, depth)
        rule = PROGRAMS.get(name)
        if rule is not None:
            return rule(self, rest) or self.embedded(name, [*rest, *command.here]) or self.spoken(name, rest, depth)
        if name in lists.EMBEDS and (why := self.embedded(name, [*rest, *command.here])):
            return why
        if name in lists.OTHERS:
            return f"`{name}` is not for agents: work as the user that you are"
        if name in lists.KILLERS or (name == "kill"):
            return self.kill(name, rest)
        if name in lists.SYSTEM:
            return f"`{name}` reaches beyond your worktree; {ASK}"
        if name in ("tmux", "screen", "zellij"):
            return "terminals of the town are not yours; write to others with `rgt mail send`"
        if name in ("temporal", "tctl"):
            return f"the state of the town is not changed by hand; {ASK}"
        if name.partition("@")[0] in lists.AGENTS and not (rest and lists.ASKED.issuperset(rest)):
            return f"the agent that `{name}` starts would be held by no guard; do the work yourself, or {ASK}"
        if name in ("docker", "podman") and (why := mounted(self, rest)):
            return why
        if name in lists.PUBLISHERS and (why := self.publish(name, rest)):
            return why
        if name.rstrip("0123456789.") in lists.INTERPRETERS:
            return self.code(name, rest, command)
        return self.spoken(name, rest, depth)

    def spoken(self, name: str, rest: list[str], depth: int) -> str:
        """A command within the words of a program that the guard does not know, which may run it."""
        if name in lists.QUOTES:
            return ""
        if why := directed(self, rest):
            return why
        for at, word in enumerate(rest[:-1]):
            last = word.rpartition("/")[2]
            if (last == "git" and rest[at + 1] in PUSHES) or (last in lists.SHELLS and rest[at + 1] in ("-c", "-lc")):
                return self.run(rest[at:], Command(), depth + 1)
        return ""

    def embedded(self, name: str, rest: list[str]) -> str:
        """A command within one word, for programs that run such."""
        if name not in lists.EMBEDS:
            return ""
        runs = any(w in word for word in rest for w in ("git push", "git send-pack", "tmux kill", "temporal workflow"))
        return f"what `{name}` would run is not for agents; " + DONE.format(target=self.target) if runs else ""

    def unknown_program(self, words: list[str]) -> str:
        """A program whose name is only known when it runs."""
        if self.role == "crew":
            return ""
        if len(words) == 1 and words[0].replace(GIVEN, "").strip("\0") == "":
            return "which program this runs cannot be seen; write its name out"
        if any(w in lists.SENSITIVE for w in words[1:]) or (len(words) > 1 and words[1].strip("\0") == "" and words[1]):
            return "which program this runs cannot be seen; write its name out"
        return ""

    def script(self, text: str, depth: int, what: str) -> str:
        """A line that a program of ours hands to a shell."""
        if text and text.replace(GIVEN, "").strip("\0 ") == "":
            return f"{what} cannot be seen; write it out"
        before = self.pipeline
        why = self.line(text.replace("\0", lists.UNSEEN), depth + 1)
        self.pipeline = before
        return why

    def shell(self, name: str, rest: list[str], command: Command, depth: int) -> str:
        """`sh -c LINE`, `sh FILE`, `… | sh`."""
        if name == "busybox":
            return self.run(rest, command, depth + 1) if rest else ""
        at = 0
        while at < len(rest):
            word = rest[at]
            if word in ("-o", "+o", "-O", "+O", "--rcfile", "--init-file"):
                at += 1
            elif word.startswith("-") and not word.startswith("--") and "c" in word[1:]:
                following = [w for w in rest[at + 1 :] if not w.startswith("-")]
                self.known["@"] = self.known["*"] = " ".join(following[2:])
                self.known.update({str(n): value for n, value in enumerate(following[1:])})
                return self.script(following[0] if following else "", depth, f"the line for `{name} -c`")
            elif not word.startswith(("-", "+")):
                if "\n" in word or " " in word:
                    return self.script(word, depth, f"the line for `{name}`")
                return UNSEEN_SHELL if word in (lists.PIPED, "/dev/stdin") else ""
            at += 1
        if command.here:
            return next((why for body in command.here if (why := self.line(body, depth + 1))), "")
        if command.piped or any(operator == "<" for operator, _ in command.redirects):
            return UNSEEN_SHELL
        return ""

    def wrapped(self, name: str, rest: list[str], command: Command, depth: int) -> str:
        """`env X=1 PROGRAM …` and its like."""
        if name == "script":
            given = (
                at for at, w in enumerate(rest[:-1]) if w == "--command" or (w[:1] == "-" != w[1:2] and w[-1] == "c")
            )
            line = next((rest[at + 1] for at in given), "")
            return self.script(line, depth, "what `script` runs")
        if name in lists.SUBCOMMANDS:
            if lists.SUBCOMMANDS[name] not in rest:
                return self.publish(name, rest) or directed(self, rest)
            rest = rest[rest.index(lists.SUBCOMMANDS[name]) + 1 :]
        at, skip = 0, int(name in lists.PLACED)
        while at < len(rest):
            word = rest[at]
            if name == "command" and word in ("-v", "-V"):
                return ""
            if word == "--":
                at += 1
                break
            if word.startswith("-") and word != "-":
                if name == "env" and word.startswith(("-S", "--split-string")):
                    return "`env -S` hides what runs; write it out"
                if name == "env" and word.startswith(("-C", "--chdir")):
                    return "`env -C` is not understood here; use `cd`"
                if name == "npx" and word in ("-c", "--call"):
                    return self.script(" ".join(rest[at + 1 : at + 2]), depth, "what `npx -c` runs")
                valued = word in lists.LONG or (len(word) == 2 and word[1] in lists.WRAPPERS[name])
                if name == "env" and valued and rest[at + 1 : at + 2][:1] and rest[at + 1].startswith(lists.TAKEN):
                    return f"{rest[at + 1]} is set by the town; leave it as it is"
                if name == "xargs" and word.startswith("-I"):
                    mark = word[2:] or "".join(rest[at + 1 : at + 2])
                    rest = [*rest[: at + 2], *(w.replace(mark, GIVEN) if mark else w for w in rest[at + 2 :])]
                at += 1 + valued
            elif name == "env" and "=" in word:
                if word.startswith(lists.TAKEN):
                    return f"{word.partition('=')[0]} is set by the town; leave it as it is"
                at += 1
            elif skip:
                at, skip = at + 1, skip - 1
            else:
                break
        inner = rest[at:]
        if not inner:
            return UNSEEN_SHELL if name == "parallel" and command.piped else ""
        if (
            name == "env"
            and any(w in ("-i", "-", "--ignore-environment") for w in rest[:at])
            and inner[0] in lists.TOWN
        ):
            return "run `rgt` as you are; without its environment it does not know you"
        if name == "watch" and len(inner) == 1:
            return self.script(inner[0], depth, "what `watch` runs")
        if name == "parallel" and inner[0] == ":::":
            return UNSEEN_SHELL
        if name == "parallel" and " " in inner[0]:
            return self.script(inner[0].replace("{}", GIVEN), depth, "what `parallel` runs")
        if name in ("xargs", "parallel"):
            found = self.pipeline[0] if self.pipeline and inner[0].rpartition("/")[2] in PROGRAMS else []
            roots = [w for w in found[1:2] if found[0] == "find" and not w.startswith("-")]
            inner = [*inner, GIVEN]
            if why := next((why for root in roots if (why := self.write(root))), ""):
                return why
        return self.run(inner, command, depth + 1)

    def declared(self, rest: list[str]) -> str:
        for word in rest:
            name, equals, value = word.partition("=")
            if name.startswith(lists.TAKEN) and not word.startswith("-"):
                return f"{name} is set by the town; leave it as it is"
            if equals:
                self.known[name] = value
        return ""

    # --- git

    def git(self, rest: list[str], depth: int) -> str:
        git = Git(rest)
        if why := refusal(git, self.target, self.branch):
            return why
        if git.verb == "stash" and (why := stashes.refusal(git.plain(), self.stashes, self.branch)):
            return why
        if git.verb == "bisect" and git.args[:1] == ["run"] and len(git.args) > 1:
            return self.run(git.args[1:], Command(), depth + 1)
        for line in runs(git):
            if why := self.script(line, depth, f"what `git {git.verb}` runs"):
                return why
        if why := next((why for path in written(git) if (why := self.write(path))), ""):
            return why
        if changes(git):
            return self.write(git.directory or ".", "git would change another place there")
        return ""

    # --- other programs

    def kill(self, name: str, rest: list[str]) -> str:
        """Only jobs of its own."""
        whom = [w for w in rest if not w.startswith("-") or w == "-1"]
        if name == "kill" and rest[:1] in (["-l"], ["-L"]):
            return ""
        if name == "kill" and whom and all(w.startswith("%") or w == lists.JOB for w in whom):
            return ""
        return "only jobs that you began in the same line may be ended, as `kill $!` or `kill %1`"

    def publish(self, name: str, rest: list[str]) -> str:
        valued = lists.PUBLISHERS_VALUED
        words = [w for at, w in enumerate(rest) if w[:1] not in "-+" and (not at or rest[at - 1] not in valued)]
        if len(words) > 1 and words[0] in ("image", "compose", "manifest"):
            words = words[1:]
        if name in ("docker", "podman") and "--push" in rest and "build" in words[:2]:
            words = ["push"]
        if not words or words[0] not in lists.PUBLISHERS.get(name, ()):
            return ""
        if name in ("gh", "glab") and len(words) > 1 and words[1] in lists.GH_READS:
            return ""
        return f"`{name} {words[0]}` sends work elsewhere; " + DONE.format(target=self.target)

    def code(self, name: str, rest: list[str], command: Command) -> str:
        """Programs in other languages: their code as far as it is in the line, and what they are piped."""
        alone = not [w for w in rest if w != "-"]
        if lists.PIPED in rest or (command.piped and alone and any(c[0] in lists.FETCHERS for c in self.pipeline)):
            return UNSEEN_SHELL
        if (
            name.startswith("python")
            and rest[:1] == ["-m"]
            and rest[1:2] in (["twine"], ["flit"], ["hatch"], ["poetry"])
        ):
            return self.publish(rest[1], rest[2:])
        texts = [*command.here, *(self.produced if command.piped and alone else [])]
        if name in ("perl", "ruby") and (why := in_place(self, rest)):
            return why
        if name.endswith("awk") and rest[:2] == ["-i", "inplace"]:
            rest = rest[2:]
            if why := next((why for path in rest[1:] if (why := self.write(path))), ""):
                return why
        return directed(self, rest) or refused_code(
            name, rest, texts, self.worktree, (self.home, self.rig_path), self.target
        )
