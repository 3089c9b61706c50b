"""The files of a home: read, changed in place, written whole or not at all."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rgt.host.config import (
    Env,
    masked,
    read_env,
    read_rig,
    read_town,
    set_rig_key,
    town_explain,
    write_env,
    write_file,
    write_rig,
)
from rgt.model.config import Gate, RigConfig, Setup, Source
from rgt.model.errors import RgtError
from rgt.model.fields import Duration
from rgt.model.home import Home

RIG = """\
# our api
max_polecats = 4  # the machine is small

[source]
path = "/src/api"   # the checkout

# gates, in order
[[gate]]
name = "test"
run = "pytest -q"
"""


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rig_file(home: Home, text: str = RIG) -> Path:
    put(home.rig("api").rig_toml, text)
    return home.rig("api").rig_toml


def test_no_file_means_the_defaults(home: Home) -> None:
    assert read_town(home).limits.max_polecats == 30
    with pytest.raises(RgtError) as caught:
        read_rig(home, "api")
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a b", "a;b", "mayor", "é", "x" * 10_000])
def test_names_that_are_no_rig_are_refused(home: Home, name: str) -> None:
    """B82"""
    for act in (
        lambda: read_rig(home, name),
        lambda: write_rig(home, name, RigConfig()),
        lambda: set_rig_key(home, name, "slots", "2"),
    ):
        with pytest.raises(RgtError) as caught:
            act()
        assert caught.value.code == "invalid"
    assert not home.root.exists()


def test_errors_name_file_and_line(home: Home) -> None:
    """B83"""
    put(home.town_toml, "\n[limits]\nmax_polecat = 3\n")
    with pytest.raises(RgtError, match=r"^town.toml:3: unknown key `max_polecat` in \[limits\]$"):
        read_town(home)
    rig_file(home, "slots = 'x'\n")
    with pytest.raises(RgtError, match=r"^rigs/api/rig.toml:1: `slots` must be a whole number, not text$"):
        read_rig(home, "api")
    home.town_toml.write_bytes(b"name = 'a'\n# \xff\n")
    with pytest.raises(RgtError, match=r"^town.toml:2: this is not UTF-8 text$"):
        read_town(home)
    home.town_toml.unlink()
    home.town_toml.mkdir()
    with pytest.raises(RgtError, match=r"cannot be read: Is a directory$"):
        read_town(home)


def test_a_new_rig_is_readable_by_people_and_by_us(home: Home) -> None:
    config = RigConfig(
        source=Source(path="/src/a b"),
        setup=Setup(copy=[".env"], run="pip install -e .\nmake 'x'"),
        gate=[Gate(name="lint", run="ruff check"), Gate(name="test", run="pytest -q", timeout=Duration(90))],
        runtime={"scripted": {"script": "s.toml"}},
    )
    write_rig(home, "api", config)
    assert read_rig(home, "api") == config
    text = home.rig("api").rig_toml.read_text()
    assert 'target = "main" # Branch that work lands on.\n' in text
    assert 'timeout = "1m30s"' in text
    assert "[[matcher]]" not in text
    assert [p.name for p in home.rig("api").root.iterdir()] == ["rig.toml"]


def test_writing_again_touches_only_what_differs(home: Home) -> None:
    path = rig_file(home)
    config = read_rig(home, "api")
    write_rig(home, "api", config)
    assert path.read_text() == RIG
    write_rig(home, "api", config.model_copy(update={"max_polecats": 6, "slots": 2}))
    assert path.read_text() == RIG.replace(
        "max_polecats = 4  # the machine is small\n", "max_polecats = 6  # the machine is small\nslots = 2\n"
    )
    write_rig(home, "api", config.model_copy(update={"gate": []}))
    assert read_rig(home, "api").gates == []
    assert "# our api\nmax_polecats = 4  # the machine is small\n" in path.read_text()


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("max_polecats", "6", "max_polecats = 4 ", "max_polecats = 6 "),
        ("source.path", "/src/b", 'path = "/src/api"', 'path = "/src/b"'),
        ("slots", "3", "small\n", "small\nslots = 3\n"),
        ("target", "6", "small\n", 'small\ntarget = "6"\n'),
        ("target", "release/1", "small\n", 'small\ntarget = "release/1"\n'),
        ("no_gates", "true", "small\n", "small\nno_gates = true\n"),
        ("setup.run", "make deps", '"pytest -q"\n', '"pytest -q"\n\n[setup]\nrun = "make deps"\n'),
        ("setup.copy", '[".env"]', '"pytest -q"\n', '"pytest -q"\n\n[setup]\ncopy = [".env"]\n'),
    ],
)
def test_one_key_is_set_and_the_rest_stays(home: Home, key: str, value: str, before: str, after: str) -> None:
    path = rig_file(home)
    config = set_rig_key(home, "api", key, value)
    assert path.read_text() == RIG.replace(before, after)
    assert read_rig(home, "api") == config


@pytest.mark.parametrize(
    ("key", "value", "message", "hint"),
    [
        ("max_polecat", "6", "a rig has no key 'max_polecat' to set", "did you mean max_polecats?"),
        ("setup.rum", "6", "a rig has no key 'setup.rum' to set", "did you mean run?"),
        ("gate", "x", "a rig has no key 'gate' to set", "edit its file"),
        ("gate.name", "x", "a rig has no key 'gate.name' to set", "edit its file"),
        ("", "x", "a rig has no key '' to set", ""),
        ("..", "x", "a rig has no key '..' to set", ""),
        ("runtime", "x", "`runtime` must be a table, not text", ""),
        ("source", "x", "`source` must be a table, not text", ""),
        ("max_polecats", "many", "`max_polecats` must be a whole number, not text", ""),
        ("max_polecats", "0", "`max_polecats` must be", ""),
        ("strategy", "squish", "`strategy` must be squash, rebase or merge", "did you mean squash?"),
        ("source.git_url", "a:b", "`path` and `git_url` are both given, keep one", ""),
        ("target", "a\nb = 1", "`target` is not valid: not a name for a git branch", ""),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(
    home: Home, key: str, value: str, message: str, hint: str
) -> None:
    """B82, B83"""
    path = rig_file(home)
    with pytest.raises(RgtError) as caught:
        set_rig_key(home, "api", key, value)
    assert caught.value.code == "invalid"
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert path.read_text() == RIG


def test_setting_a_key_can_repair_a_file(home: Home) -> None:
    path = rig_file(home, "slots = 'x'\n")
    with pytest.raises(RgtError, match=r"rig.toml:1: `slots`"):
        set_rig_key(home, "api", "max_polecats", "3")
    assert set_rig_key(home, "api", "slots", "3").slots == 3
    assert path.read_text() == "slots = 3\n"


def test_a_runtime_of_the_rig_is_set_by_its_whole_key(home: Home) -> None:
    rig_file(home)
    assert set_rig_key(home, "api", "runtime.scripted.script", "s.toml").runtime == {"scripted": {"script": "s.toml"}}


def test_explain_tells_where_values_come_from(home: Home) -> None:
    put(
        home.town_toml,
        "[town]\nname = 'x'\n[limits]\n\nmax_load = 2.0\n[runtime.claude]\nauth = 'api-key'\n"
        "env = { ANTHROPIC_API_KEY = 'hunter2', A = 'b' }\n[notify]\nwebhook = 'https://hooks.example.org/hunter2'\n",
    )
    rows = {row.key: row for row in town_explain(home)}
    assert rows["name"][1:3] == ('"x"', "town.toml:2")
    assert rows["limits.max_load"][1:3] == ("2.0", "town.toml:5")
    assert rows["limits.max_polecats"][1:3] == ("30", "default")
    assert rows["budget.usd_per_day"].value == "not given"
    assert rows["runtime.claude.auth"].value == '"api-key"'
    assert rows["runtime.claude.env"].value == '{ANTHROPIC_API_KEY = "…", A = "b"}'
    assert rows["notify.webhook"].value == '"https://hooks.example.org/…"'
    assert all(row.doc for row in rows.values())
    assert "hunter2" not in str(rows), "B86"


@pytest.mark.parametrize("key", ["x.api_key", "token", "db-password", "credentials", "auth"])
def test_secrets_are_masked(key: str) -> None:
    """B86"""
    assert masked(key, "hunter2") == '"…"'
    assert masked("x", {key: "hunter2"}) == f'{{{key} = "…"}}'


def test_env_json_survives_and_forgives(home: Home) -> None:
    assert read_env(home) == Env()
    env = Env(temporal_address="localhost:1", worker_pid=7, worker_start=8, started_at="2026-01-01T00:00:00Z")
    write_env(home, env)
    assert read_env(home) == env
    assert home.env_json.stat().st_mode & 0o777 == 0o600
    home.env_json.write_text('{"worker_pid": 7, "later": {}}')
    assert read_env(home).worker_pid == 7
    for broken in ("", "{", "[]", '{"worker_pid": "x"}', "\udcff"):
        home.env_json.write_bytes(broken.encode(errors="surrogateescape"))
        assert read_env(home) == Env()


def test_a_write_keeps_mode_and_symlink(tmp: Path) -> None:
    real = tmp / "dotfiles"
    put(real, "old")
    real.chmod(0o640)
    link = tmp / "town.toml"
    link.symlink_to(real)
    write_file(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_home_that_cannot_be_is_one_clear_line(tmp: Path) -> None:
    """B84"""
    put(tmp / "file", "")
    with pytest.raises(RgtError) as caught:
        write_env(Home(tmp / "file" / "home"), Env())
    assert "cannot be used: Not a directory" in caught.value.message
    assert "GTR_ROOT" in caught.value.hint
    with pytest.raises(RgtError, match="cannot be"):
        write_rig(Home(Path("/proc/rgt")), "api", RigConfig())


def test_a_full_disk_is_one_clear_line_and_the_old_file_stays(home: Home) -> None:
    """B84"""
    path = rig_file(home)
    program = (
        "import sys, pathlib; from rgt.host.config import set_rig_key; from rgt.model.errors import RgtError\n"
        "from rgt.model.home import Home\n"
        "try: set_rig_key(Home(pathlib.Path(sys.argv[1])), 'api', 'slots', '2')\n"
        "except RgtError as e: sys.exit(e.line())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.root)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
        cwd=Path(__file__).parents[2],
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no space left to write ")
    assert done.stderr.count("\n") == 1
    assert path.read_text() == RIG
    assert [p.name for p in path.parent.iterdir()] == ["rig.toml"]
