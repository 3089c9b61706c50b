"""What goes wrong is said in one line with what to do next, and ends with the exit code that scripts rely on."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.town import RGT, LiveTown, Ran

TABLE = [
    ("staus", 2, "no such command 'staus'. Did you mean 'status', 'start'? — see `rgt --help`"),
    ("work shw", 2, "no such command 'shw'. Did you mean 'show'? — see `rgt work --help`"),
    ("--nope", 2, "no such option: --nope — see `rgt --help`"),
    ("work list --stat x", 2, "no such option: --stat (Possible options: --state) — see `rgt work list --help`"),
    ("work show", 2, "missing argument 'id' — see `rgt work show --help`"),
    ("work create a b", 2, "got unexpected extra argument(s) (b) — see `rgt work create --help`"),
    ("work create a --label", 2, "option '--label' requires an argument — see `rgt work create --help`"),
    ("work create a --priority p9", 2, "priority: input should be 'p0', 'p1', 'p2' or 'p3' — {create}"),
    ("completions tcsh", 2, "invalid value for 'shell': 'tcsh' is not one of 'bash', 'zsh', 'fish' — {shell}"),
    ("sling gt-zzzzz", 2, "missing option '--target' — see `rgt sling --help`"),
    ("work show gt-zzzzz", 5, "there is no work item 'gt-zzzzz' — see `rgt work list`"),
    ("work show nonsense", 2, "'nonsense' is no work item id — ids look like gt-3f8k2; see `rgt work list`"),
    ("work create a --needs gt-zzzzz", 5, "there is no work item 'gt-zzzzz' — see `rgt work list`"),
    ("work create a --rig nope", 5, "there is no rig 'nope' — see `rgt rig list`"),
    ("log gt-zzzzz", 5, "there is no work item 'gt-zzzzz' — see `rgt work list`"),
    ("log nope", 5, "there is no agent 'nope' — see `rgt agents list`"),
    ("sling @last --target nope", 5, "there is no rig or agent 'nope' — see `rgt rig list`"),
    ("sling @last --target apo --runtime scripted", 5, "there is no rig or agent 'apo' — did you mean api?"),
    ("sling @last --target api", 4, "no agent runtime is set up — add `--runtime scripted`, or set [runtime] default"),
    ("sling @last --target api --runtime scriptd", 5, "there is no runtime 'scriptd' — did you mean scripted?"),
    ("rig add Api --path .", 2, "'Api' is no name for a rig — use a-z, 0-9 and -, a letter first, at most 32"),
    ("rig add town --path .", 2, "'town' is reserved — choose another name for the rig"),
    ("rig add api --path repo", 4, "rig api exists — see `rgt rig list`, or choose another name"),
    ("rig add web", 2, "a rig needs one of --path and --git-url — `rgt rig add web --path .`"),
    ("rig add web --path . --gate foo", 2, "'foo' is no gate — write name=command, such as test='pytest -q'"),
    ("rig status nope", 5, "there is no rig 'nope' — see `rgt rig list`"),
    ("status --rig nope", 5, "there is no rig 'nope' — see `rgt rig list`"),
    ("feed --rig nope", 5, "there is no rig 'nope' — see `rgt rig list`"),
    ("agents show nope", 5, "there is no agent 'nope' — see `rgt agents list`"),
    ("attach nope", 5, "nope has no session — see `rgt agents list`"),
    ("crew create witness --rig api", 2, "'witness' is reserved — choose another name for the agent"),
    ("mq log @last", 5, "no gate has run for {last} — `rgt mq show {last}`"),
    ("done", 2, "which item is finished? — `rgt done ID`"),
    ("hook", 2, "a person has no hook — say whose: `rgt hook --agent api/nux`"),
    ("escalate @last", 2, "an escalation needs a message — `rgt escalate ID MESSAGE`"),
    ("work edit @last", 2, "there is nothing to change — see `rgt work edit --help`"),
    ("config show nope", 5, "there is no setting 'nope' — see `rgt config explain`"),
    ("config show limits.max_load_", 5, "there is no setting 'limits.max_load_' — did you mean limits.max_load?"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_a_wrong_use_is_one_line_and_an_exit_code(shared: LiveTown, line: str, code: int, said: str) -> None:
    last = shared.ask("work", "list")[-1]["id"]
    said = said.format(last=last, create="see `rgt work create --help`", shell="see `rgt completions --help`")
    assert shared.run(*line.split()) == Ran(code, "", f"rgt: {said}\n")


@pytest.mark.parametrize("line", ["staus", "work show gt-zzzzz", "rig add web", "attach nope", "config show nope"])
def test_with_json_the_error_is_an_object_on_standard_error(shared: LiveTown, line: str) -> None:
    ran = shared.run(*line.split(), "--json")
    plain = shared.run(*line.split())
    assert (ran.out, ran.code, set(ran.error())) == ("", plain.code, {"code", "message", "hint", "data"})
    assert plain.err == f"rgt: {ran.error()['message']} — {ran.error()['hint']}\n"


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "a;b", "a'b", "é", "x" * 10_000, "-", "A"])
def test_a_bad_name_makes_nothing(shared: LiveTown, name: str) -> None:
    """B82."""

    def crew() -> set[str]:
        return {a["id"] for a in shared.ask("agents", "list") if a["role"] == "crew"}

    before, those = sorted(p.name for p in shared.home.rigs.iterdir()), crew()
    assert shared.run("rig", "add", "--path", "repo", "--no-gates", "--", name).code == 2
    assert shared.run("crew", "create", "--rig", "api", "--runtime", "scripted", "--", name).code == 2
    assert sorted(p.name for p in shared.home.rigs.iterdir()) == before
    assert crew() <= those, "some that were there may have left"


def test_ids_can_be_short_last_or_piped_in(shared: LiveTown) -> None:
    made = shared.run("work", "create", "-", "--json", stdin="from a pipe\n").json()
    assert made["title"] == "from a pipe"
    assert shared.ask("work", "show", "@last")["id"] == made["id"] == shared.ask("work", "show", made["id"][:7])["id"]
    described = shared.run("work", "create", "t", "--description", "-", "--json", stdin='two\nlines "é"\n').json()
    assert described["description"] == 'two\nlines "é"'
    many = shared.run("work", "show", "gt-")
    assert many.code == 5 and "type more of it" in many.err


@pytest.mark.parametrize("command", ["status", "work list", "agents list", "rig list", "needs", "mq list", "sessions"])
@pytest.mark.parametrize("columns", [40, 80])
def test_tables_fit_a_narrow_terminal(shared: LiveTown, command: str, columns: int) -> None:
    shared.rgt("work", "create", "a title that is quite long and goes on")
    ran = shared.run(*command.split(), env={"COLUMNS": str(columns), "LANG": "C"})
    assert ran.code == 0 and ran.out.isascii() and "\x1b" not in ran.out
    if command in ("status", "work list") and columns == 80:
        assert max(map(len, ran.out.splitlines())) <= columns, ran.out


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_for_terminals_that_want_it(shared: LiveTown, env: dict[str, str], coloured: bool) -> None:
    assert ("\x1b[" in on_terminal(shared, {**shared.env, **env}, "rig", "list")) is coloured


def on_terminal(town: LiveTown, env: dict[str, str], *argv: str, code: int = 0) -> str:
    """What a command prints on a terminal, that ends with this code."""
    main, other = pty.openpty()
    child = subprocess.Popen([str(RGT), *argv], env=env, cwd=town.root, stdin=other, stdout=other, stderr=other)
    os.close(other)
    seen = b""
    while select.select([main], [], [], 30)[0]:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(main)
    assert child.wait(30) == code
    return seen.decode()


@pytest.mark.parametrize("command", ["rgt work list", "rgt doctor", "rgt --help", "rgt completions bash", "rgt log"])
def test_a_reader_that_goes_away_is_no_error(shared: LiveTown, command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1 > /dev/null"], env=shared.env, capture_output=True, timeout=60
    )
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("work show gt-aaaaa", 3, "the town does not run — `rgt start`"),
        ("status", 3, "the town does not run — `rgt start`"),
        ("work list", 3, "the town does not run — `rgt start`"),
        ("up", 3, "the town does not run — `rgt start`"),
        ("down", 3, "the town does not run — `rgt start`"),
        ("feed --once", 3, "the town does not run — `rgt start`"),
        ("feed", 3, "the town does not run — `rgt start`"),
        ("log -f", 3, "the town does not run — `rgt start`"),
    ],
)
def test_a_town_that_does_not_run(tmp: Path, line: str, code: int, said: str) -> None:
    assert LiveTown(tmp).run(*line.split()) == Ran(code, "", f"rgt: {said}\n")


def test_what_needs_no_town_works_without_one(tmp: Path) -> None:
    town = LiveTown(tmp)
    assert town.run("sessions").out == "no sessions\n"
    assert town.run("stop").out == "nothing ran\n"
    assert town.run("complete", "items", "").code == 0
    installed = town.run("install", "--json").json()
    assert {s["state"] for s in installed["steps"]} == {"made"}
    assert {s["state"] for s in town.run("install", "--json").json()["steps"]} == {"kept"}
    checked = town.ask("doctor")
    assert checked["healthy"] and any(c["cause"] == "the town does not run" for c in checked["checks"])
    assert "limits.max_polecats" in town.rgt("config", "explain")


def without(tmp: Path, *programs: str) -> str:
    """A PATH on which everything is but these programs."""
    folder = tmp / "bin"
    folder.mkdir()
    for name in ("bash", "sh", "git", "tmux", "env", "readlink", "cat", "uname", "ps"):
        if name not in programs and (found := shutil.which(name)):
            (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize("program", ["git", "tmux"])
def test_a_missing_program_is_said_before_anything_starts(tmp: Path, program: str) -> None:
    """B84."""
    town = LiveTown(tmp)
    ran = town.run("start", env={"PATH": without(tmp, program)})
    assert ran.code == 4 and ran.err.startswith(f"rgt: {program} is not installed — `") and ran.err.count("\n") == 1
    assert town.leftovers() == [] and not town.home.env_json.exists()


@contextmanager
def listening(port: int = 0) -> Iterator[int]:
    """Another program that has a port of loopback."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        yield int(s.getsockname()[1])


def test_the_default_home_says_that_its_port_is_taken(tmp: Path) -> None:
    """B84."""
    town = LiveTown(tmp)
    env = {k: v for k, v in town.env.items() if k != "GTR_ROOT"}
    try:
        with listening(7233):
            done = subprocess.run([str(RGT), "start"], env=env, cwd=tmp, capture_output=True, text=True, timeout=60)
    except OSError:
        pytest.skip("another program of this machine has port 7233 already")
    assert done.returncode == 4
    assert done.stderr == (
        "rgt: port 7233 of 127.0.0.1 is used by another program, so Temporal cannot listen there — "
        'stop it, use it with `temporal_address = "127.0.0.1:7233"` in town.toml, or set GTR_ROOT\n'
    )


def test_a_given_temporal_that_does_not_answer(tmp: Path) -> None:
    """B84."""
    town = LiveTown(tmp)
    town.rgt("install")
    with listening() as port:
        pass
    town.home.town_toml.write_text(f'temporal_address = "127.0.0.1:{port}"\n')
    ran = town.run("start")
    assert ran.code == 3 and ran.err.endswith(" — start it, or remove temporal_address from town.toml\n")
    assert town.leftovers() == []


def test_wrong_settings_are_said_with_their_line(tmp: Path) -> None:
    town = LiveTown(tmp)
    town.rgt("install")
    town.home.town_toml.write_text("[limits]\nmax_polecat = 3\n")
    for command in ("start", "config show", "doctor"):
        ran = town.run(*command.split())
        assert ran.code in (1, 2) and "town.toml:2" in ran.err + ran.out, command
        assert "Traceback" not in ran.err
    assert town.leftovers() == []


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A small file system of its own, which only root can have."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_read_only_home(tmp: Path) -> None:
    """B84. Root may write wherever the file system can be written."""
    (tmp / "gtr").mkdir(mode=0o500)
    with mounted(tmp / "gtr", "ro") if os.getuid() == 0 else nullcontext():
        ran = LiveTown(tmp).run("start")
    assert ran.code == 1 and "cannot be written" in ran.err and ran.err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists() or os.getuid() != 0, reason="needs a small file system")
def test_a_full_disk(tmp: Path) -> None:
    """B84: nothing half-made stays behind."""
    (tmp / "gtr").mkdir()
    with mounted(tmp / "gtr", "size=4k"):
        (tmp / "gtr" / "filler").write_bytes(b"x" * 4096)
        ran = LiveTown(tmp).run("start")
        assert ran.code == 1 and "no space left" in ran.err and ran.err.count("\n") == 1
        assert [p.name for p in (tmp / "gtr").iterdir()] == ["filler"]


def test_a_database_that_another_server_has(shared: LiveTown, tmp: Path) -> None:
    """B84."""
    script = (
        "import fcntl, os, sys\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    town = LiveTown(tmp)
    town.rgt("install")
    lock = str(town.home.town_db) + ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", script, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        ran = town.run("start")
        other.stdin.close()
    assert ran.code == 4 and "is locked by another server" in ran.err and ran.err.count("\n") == 1
    assert town.leftovers() == []


def test_errors_of_the_gateway_itself_are_json_too(shared: LiveTown) -> None:
    ran = shared.run("work", "list", "--json", env={"GTR_TOKEN": "forged"})
    assert ran.code == 4 and json.loads(ran.err)["error"]["code"] == "denied"
