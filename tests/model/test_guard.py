"""B80: what agents must not run is refused, whichever way round it is written, and ordinary work never is."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgt.host.runtimes.presets import SHIPPED
from rgt.model import guard, guard_code, guard_files, guard_git, guard_line, guard_places, guard_shell, guard_words

WORKTREE = "/home/ann/.gtr/rigs/api/worktrees/nux"
POLICY = guard.policy_for(
    "polecat",
    worktree=WORKTREE,
    branch="polecat/nux/gt-3f8k2",
    hub="/home/ann/.gtr/rigs/api/hub.git",
    target="main",
    home="/home/ann/.gtr",
    rig_path="/home/ann/src/api",
    agent_dir="/home/ann/.gtr/runtime/agents/polecat/api/nux",
)


BODIES = {
    "END": "git push\n",
    "PY": "import os\nos.system('git push')\n",
    "EOF": "Don't push (git push) `here`\n\nCo-Authored-By: x\n",
    "PY2": "import app\nprint('ok')\n",
    "EOF2": "print($HOME)\n",
    "EOF3": "def f():\n    return 'git push'\n",
    "EOF4": "Run `git push` $(never)\n",
    "EOF5": "set -e\npytest -q\n",
}
"""Bodies of here-documents by their delimiter."""


def lines(corpus: str) -> list[str]:
    """The command lines of a file in `guard/`, one a line; a here-document is given its body."""
    found = []
    for line in (Path(__file__).parent / "guard" / corpus).read_text().splitlines():
        opened, _, delimiter = line.rpartition("<<")
        name = delimiter.strip().strip("'").partition("'")[0].split(" ")[0]
        if opened and not opened.endswith("<") and name in BODIES:
            closing = '\n)"' if "$(cat <<" in line else ""
            line = f"{line}\n{BODIES[name]}{name}{closing}"
        found.append(line)
    return found


DENIED, ALLOWED = lines("denied.txt"), lines("allowed.txt")


def said(line: str) -> str:
    return guard.decide(POLICY, "Bash", {"command": line}, WORKTREE)


@pytest.mark.parametrize("line", DENIED)
def test_B80_denied(line: str) -> None:
    assert said(line).startswith("rgt: ")


@pytest.mark.parametrize("line", ALLOWED)
def test_B80_ordinary_work_is_allowed(line: str) -> None:
    assert said(line) == ""


@pytest.mark.parametrize(
    "preset", sorted(p for p in SHIPPED.glob("*.toml") if p.stem != "scripted"), ids=lambda p: p.stem
)
def test_B80_every_runtime_is_an_agent_to_the_guard(preset: Path) -> None:
    program = tomllib.loads(preset.read_text())["command"][0]
    assert said(f"{program} 'do it'").startswith(f"rgt: the agent that `{program}` starts")


def test_B80_the_logins_of_a_person_are_known_by_their_whole_path() -> None:
    policy = {**POLICY, "person": "/home/ann"}
    refused = f"rgt: {guard_places.LOGINS}"
    assert guard.decide(policy, "Bash", {"command": "cat /home/ann/.ssh/id_rsa"}, WORKTREE) == refused
    assert guard.decide(policy, "Read", {"file_path": "/home/ann/.netrc"}, WORKTREE) == refused
    assert guard.decide(policy, "Read", {"file_path": "/home/ann/.ssh/id_rsa.pub"}, WORKTREE) == ""


def test_B80_the_corpora_are_large() -> None:
    assert len(set(DENIED)) >= 150
    assert len(set(ALLOWED)) >= 150


@pytest.mark.parametrize(
    ("tool", "given", "allowed"),
    [
        ("Edit", {"file_path": f"{WORKTREE}/src/app.py"}, True),
        ("Write", {"file_path": "/tmp/notes.md"}, True),
        ("Write", {"file_path": "/home/ann/src/api/app.py"}, False),
        ("Write", {"file_path": f"{WORKTREE}/../furiosa/app.py"}, False),
        ("Edit", {"file_path": f"{WORKTREE}/.git"}, False),
        ("MultiEdit", {"file_path": "/home/ann/.gtr/config/town.toml"}, False),
        ("NotebookEdit", {"notebook_path": f"{WORKTREE}/a.ipynb"}, True),
        ("Write", {}, False),
        ("Write", {"file_path": 3}, False),
        ("Read", {"file_path": "/home/ann/src/api/app.py"}, True),
        ("Read", {"file_path": "/home/ann/.gtr/config/key"}, False),
        ("Grep", {"pattern": "x", "path": "/home/ann/.gtr/rigs/api/landing.key"}, False),
        ("Bash", {"command": 3}, False),
        ("Bash", {}, False),
        ("AskUserQuestion", {"questions": []}, False),
        ("EnterPlanMode", {}, False),
        ("ExitPlanMode", {"plan": ""}, False),
        ("SendMessage", {}, False),
        ("WebFetch", {"url": "https://example.org"}, True),
        ("TodoWrite", {}, True),
        ("mcp__rgt__rgt_done", {}, True),
    ],
)
def test_tools(tool: str, given: dict[str, object], allowed: bool) -> None:
    assert (guard.decide(POLICY, tool, given, WORKTREE) == "") is allowed


def test_a_refusal_says_what_to_do_instead() -> None:
    assert "`rgt done`" in said("git push")
    assert "`git merge origin/main`" in said("git checkout main")
    assert "`rgt mail send`" in said("tmux ls")
    assert "not in your worktree" in said("echo x > /etc/passwd")


def test_crew_looks_at_the_branches_of_polecats_and_pushes_none() -> None:
    crew = {**POLICY, "role": "crew", "branch": "crew/ann"}
    for line, allowed in [
        ("git checkout polecat/nux/gt-3f8k2", True),
        ("$TOOL --check", True),
        ("git push origin HEAD", False),
        ("git checkout main", False),
        ("tmux kill-server", False),
    ]:
        assert (guard.decide(crew, "Bash", {"command": line}, WORKTREE) == "") is allowed, line


def test_the_persons_home_is_where_the_hook_program_says() -> None:
    """The town's home is usually below it, and so is the worktree."""
    policy = {**POLICY, "person": "/home/ann"}
    for line, allowed in [
        ("cat ~/.gtr/config/key", False),
        ('cat "$HOME/.gtr/config/key"', False),
        ("cd ~/.gtr/config && cat k*", False),
        ("echo x > ~/.gtr/rigs/api/worktrees/nux/src/a.py", True),
        ("cd ~/.gtr/rigs/api/worktrees/nux && git commit -am x", True),
        ("cd ~/src/api && git commit -am x", False),
        ("echo x > ~/.bashrc", False),
    ]:
        assert (guard.decide(policy, "Bash", {"command": line}, WORKTREE) == "") is allowed, line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda x: st.lists(x), max_leaves=3
)


@given(
    st.sampled_from(["Bash", "Edit", "Read", "Task", "Grep"]),
    st.dictionaries(st.sampled_from(["command", "file_path", "path", "notebook_path"]), JSON),
    st.text(max_size=9),
)
def test_no_use_of_a_tool_makes_it_fail(tool: str, given: dict[str, object], cwd: str) -> None:
    assert isinstance(guard.decide(POLICY, tool, given, cwd), str)


@given(st.text(max_size=60))
def test_no_line_makes_it_fail(line: str) -> None:
    assert isinstance(said(line), str)


PIECES = st.sampled_from(
    [
        *"\"'`$(){}[]<>|&;\n \\#!=",
        "git",
        "push",
        "$(",
        "<<E\n",
        "\nE\n",
        "sh -c",
        "x",
        "[[",
        "]]",
        "((",
        "))",
        "${",
        "case",
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_shell_makes_it_fail(line: str) -> None:
    assert isinstance(said(line), str)


@pytest.mark.parametrize(
    "line",
    [
        "X=a;" + "X=$X$X;" * 60 + "echo $X",
        'X=ls;X="$X;$X";' * 30 + "eval $X",
        "cat " + "{a,b}" * 3000,
        "echo x > " + "{a,b}" * 60,
        "env " * 900 + "git push",
        "eval " * 900 + "git push",
        "busybox " * 900 + "git push",
        "find . -exec " * 300 + "git push",
        "$(" * 900 + "git push" + ")" * 900,
        "`" * 900,
        "<<E " * 900 + "\n",
        "a" * 300_000,
        "x=1;" * 5000 + "git push",
    ],
    ids=lambda line: line[:12],
)
def test_no_line_grows_without_end(line: str) -> None:
    """What would double at each word, or call itself too often, is refused, and soon."""
    assert said(line).startswith("rgt: ") or "push" not in line


def test_the_rules_of_claude_deny_what_the_guard_denies() -> None:
    rules = guard.permissions(POLICY)
    assert set(guard.TOOLS) <= set(rules["deny"])
    assert "Edit(//home/ann/src/api/**)" in rules["deny"]
    assert "Bash" in rules["allow"]


@pytest.mark.parametrize(
    "module", [guard, guard_code, guard_files, guard_git, guard_line, guard_places, guard_shell, guard_words]
)
def test_the_guard_is_quick_to_load(module: object) -> None:
    """Nothing that imports half the standard library: it runs at every use of a tool."""
    tree = ast.parse(Path(str(vars(module)["__file__"])).read_text())
    used = {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    assert {m for m in used if m and not m.startswith("rgt.model.guard_")} <= {"__future__", "posixpath", "rgt.model"}
    assert not any(isinstance(n, ast.Import) for n in tree.body)
