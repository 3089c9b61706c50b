"""Programs and words that the guard knows by name."""

from __future__ import annotations

SHELLS = frozenset("sh bash dash ash rbash zsh ksh mksh fish busybox".split())
WRAPPERS = {
    "env": "uS", "command": "", "builtin": "", "exec": "a", "nohup": "", "time": "fo", "nice": "n", "ionice": "cn",
    "setsid": "", "stdbuf": "ioe", "timeout": "ks", "xargs": "IiLlnPsdEa", "unbuffer": "", "chronic": "",
    "strace": "eop", "ltrace": "eop", "catchsegv": "", "faketime": "", "caffeinate": "", "watch": "n", "flock": "wE",
    "taskset": "", "parallel": "jI", "script": "", "entr": "", "direnv": "", "uv": "", "poetry": "", "pipenv": "",
    "npx": "p", "npm": "", "pnpm": "", "bundle": "", "pdm": "", "rye": "", "hatch": "", "unshare": "", "setarch": "",
    "chrt": "", "runcon": "", "prlimit": "", "numactl": "",
}  # fmt: skip
"""Programs that run the rest of their line, with the letters of their options that take a word."""
LONG = frozenset(
    "--unset --signal --kill-after --output --input --error --adjustment --arg-file --max-args --max-procs "
    "--max-lines --delimiter --class --classdata --interval --timeout --jobs --package".split()
)
"""Their long options that take a word."""
PLACED = frozenset("timeout flock taskset faketime direnv setarch chrt runcon".split())
"""Those that take one word of their own before the rest."""
SUBCOMMANDS = {
    "uv": "run", "poetry": "run", "pipenv": "run", "pdm": "run", "rye": "run", "hatch": "run", "direnv": "exec",
    "npm": "exec", "pnpm": "exec", "bundle": "exec",
}  # fmt: skip
"""Of some, only this subcommand does."""
OTHERS = frozenset("sudo su doas pkexec runuser chroot nsenter machinectl".split())
KILLERS = frozenset("pkill killall killall5 skill snice fuser".split())
SYSTEM = frozenset(
    "systemctl service launchctl crontab at batch reboot shutdown halt poweroff init mkfs fdisk mount umount".split()
)
PUBLISHERS = {
    "npm": ("publish", "unpublish", "login"), "yarn": ("publish", "npm"), "pnpm": ("publish",),
    "cargo": ("publish", "login"), "twine": ("upload",), "poetry": ("publish",), "uv": ("publish",), "gem": ("push",),
    "docker": ("push", "login"), "podman": ("push", "login"), "hub": ("push", "pull-request", "release"),
    "gh": ("pr", "issue", "release", "repo", "api", "auth", "workflow", "secret"), "glab": ("mr", "release", "api"),
    "mvn": ("deploy",), "hatch": ("publish",), "flit": ("publish",), "gradle": ("publish",), "gradlew": ("publish",),
    "svn": ("commit", "ci"), "hg": ("push",),
}  # fmt: skip
"""Programs whose first words send work elsewhere."""
PUBLISHERS_VALUED = frozenset(
    "--prefix -w --workspace -C --dir --filter --registry --context -R --repo -f --file -H --host".split()
)
"""Their options that take a word."""
GH_READS = ("view", "list", "diff", "checks", "status", "checkout")
INTERPRETERS = (
    "awk",
    "gawk",
    "mawk",
    "python",
    "python2",
    "python3",
    "pypy3",
    "node",
    "deno",
    "bun",
    "ruby",
    "perl",
    "php",
    "lua",
)
CODE_OPTIONS = ("-c", "-e", "-E", "-r", "-p", "--eval", "--print", "eval")
CODE_VALUED = ("-X", "-W")
"""Options of theirs that take a word which is no code."""
CODE_WORDS = ("os.kill", "killpg", "process.kill", "landing.key", "config/key", "runtime/socket", "import kill")
"""What code of any language may not have in it."""
CODE_RUNS = ("subprocess", "system", "popen", "Popen", "exec", "spawn", "`", "sh -c")
"""What code that runs other programs has in it."""
CODE_PROGRAMS = ("tmux", "temporal", "pkill", "killall", "sudo", "send-pack", "b64decode")
CODE_WRITES = (
    *("write", "rmtree", "remove", "unlink", "rename", "copy", "move", "mkdir", "chmod", "symlink", "rmdir"),
    *("'w'", '"w"', "'a'", '"a"', "rmSync", "rm_rf", "truncate", '> "', '>"'),
)
QUOTES = frozenset("echo printf grep egrep fgrep rg ag man help which whence type whatis apropos tldr".split())
"""Programs that only speak of what their words name."""
EMBEDS = frozenset("vi vim nvim view ex ed emacs less tclsh expect gdb lldb tar rsync ssh make zip".split())
"""Programs that run commands which stand within one of their words."""
TOWN = ("rgt",)
AGENTS = frozenset("claude claude-code codex gemini gemini-cli opencode opencode-ai copilot aider cursor-agent".split())
"""Programs that are agents themselves, by their own names and by those of their packages."""
ASKED = frozenset("--version -v -V version --help -h help".split())
"""What they may be asked."""
FETCHERS = frozenset("curl wget base64 openssl xxd uudecode aria2c".split())
"""Programs whose output nobody has seen."""
EDITOR_VARIABLES = frozenset("EDITOR VISUAL GIT_EDITOR GIT_SEQUENCE_EDITOR PAGER GIT_PAGER MANPAGER".split())
"""Variables whose value is run."""
TAKEN = tuple(
    "GTR_ RGT_ GIT_CONFIG_COUNT GIT_CONFIG_KEY GIT_CONFIG_VALUE GIT_CONFIG_PARAMETERS GIT_EXEC_PATH LD_PRELOAD GIT_DIR "
    "GIT_COMMON_DIR GIT_WORK_TREE GIT_OBJECT_DIRECTORY GIT_SSH GIT_PROXY_COMMAND".split()
)
"""Variables that say who an agent is, or make git do something else."""
SENSITIVE = frozenset("push send-pack update-ref kill-server kill-session send-keys respawn-pane".split())
JOB = "\1"
"""What `$!` stands for: a job that was begun in the same line."""
UNSEEN = "\3"
"""What cannot be seen, in a line that is read as shell once more."""
PIPED = "\2"
"""What `<(…)` stands for: a file that nobody has seen."""
