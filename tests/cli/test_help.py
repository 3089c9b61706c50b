"""Help: the pages beside the program are fresh, say everything, and are printed without starting anything."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

import pytest

from rgt.cli import helptext
from rgt.cli.completions import bash, fish, zsh
from tests.scratch import scratch_env
from tests.town import RGT

STALE = "run `python -m rgt.cli.helptext`"


def run(tmp: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run `rgt argv…` in a home where no town runs."""
    env = {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}
    return subprocess.run([str(RGT), *argv], env=env, cwd=tmp, capture_output=True, text=True, timeout=60)


def test_the_pages_are_fresh() -> None:
    assert helptext.FILE.read_text() == helptext.text(), STALE
    assert helptext.DOCUMENT.read_text() == helptext.document(), STALE


def test_the_pages_are_plain_and_no_summary_is_cut() -> None:
    text = helptext.FILE.read_text()
    assert text.isascii()
    assert [line for line in text.splitlines() if line.endswith("...") and not line.startswith("Usage")] == []
    assert [line for line in text.splitlines() if len(line) > helptext.COLUMNS] == []


def test_every_command_and_option_says_what_it_does() -> None:
    silent = []
    for path, node in helptext.commands():
        if not (node.help or "").strip():
            silent.append(" ".join(path))
        silent += [f"{' '.join(path)} {p.name}" for p in node.params if not getattr(p, "help", None)]
    assert silent == []


@pytest.mark.parametrize(
    ("argv", "first"),
    [
        ([], "Usage: rgt [OPTIONS] COMMAND [ARGS]..."),
        (["--help"], "Usage: rgt [OPTIONS] COMMAND [ARGS]..."),
        (["help"], "Usage: rgt [OPTIONS] COMMAND [ARGS]..."),
        (["work"], "Usage: rgt work [OPTIONS] COMMAND [ARGS]..."),
        (["help", "work", "create"], "Usage: rgt work create [OPTIONS] {title}"),
        (["work", "create", "-h"], "Usage: rgt work create [OPTIONS] {title}"),
        (["status", "--help"], "Usage: rgt status [OPTIONS]"),
        (["--version"], "rgt 0.1.0"),
        (["version"], "rgt 0.1.0"),
        (["version", "--json"], '{"version": "0.1.0"}'),
    ],
)
def test_help_is_printed_without_a_town(tmp: Path, argv: list[str], first: str) -> None:
    ran = run(tmp, *argv)
    assert (ran.returncode, ran.stdout.splitlines()[0], ran.stderr) == (0, first, "")


def test_help_starts_nothing(tmp: Path) -> None:
    """Far below what importing the command tree takes; the median of the fastest runs bears a busy machine."""
    taken = []
    for _ in range(9):
        begun = time.perf_counter()
        assert run(tmp, "--help").returncode == 0
        taken.append(time.perf_counter() - begun)
    assert statistics.median(sorted(taken)[:5]) < 0.15


def test_the_whole_command_line_prints_the_same_page(tmp: Path) -> None:
    """Where the pages are not installed, help is only slower."""
    env = {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}
    words = [str(RGT.parent / "python"), "-m", "rgt.cli", "work", "create", "--help"]
    done = subprocess.run(words, env=env, cwd=tmp, capture_output=True, text=True, timeout=60)
    assert done.stdout == run(tmp, "work", "create", "--help").stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["st"], {"start", "stop", "status"}),
        (["work", ""], {"create", "list", "show", "close", "reopen", "edit", "recover"}),
        (["work", "list", "--st"], {"--state"}),
        (["work", "list", "--state", "m"], {"merging", "merged"}),
        (["completions", ""], {"bash", "zsh", "fish"}),
        (["work", "create", "--priority", ""], {"p0", "p1", "p2", "p3"}),
        (["sling", ""], set()),
    ],
)
def test_bash_completes_commands_options_and_words(tmp: Path, words: list[str], expected: set[str]) -> None:
    assert expected <= completed(tmp, words) and (expected or not completed(tmp, words))


def completed(tmp: Path, words: list[str], env: dict[str, str] | None = None) -> set[str]:
    """What bash would offer for `rgt words…`."""
    (tmp / "rgt.bash").write_text(bash())
    script = '. ./rgt.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _rgt; printf "%s\\n" "${COMPREPLY[@]}"'
    around = env or {**scratch_env(tmp), "GTR_ROOT": str(tmp / "gtr")}
    argv = ["bash", "--norc", "-c", script, "bash", "rgt", *words]
    around["PATH"] = f"{RGT.parent}:{around['PATH']}"
    done = subprocess.run(argv, cwd=tmp, env=around, capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    return {w for w in done.stdout.splitlines() if w}


def test_the_scripts_of_all_shells_know_every_command() -> None:
    for text in (bash(), zsh(), fish()):
        for path, _ in helptext.commands():
            assert " ".join(path[1:]) in text
