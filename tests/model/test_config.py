"""town.toml and rig.toml: what is accepted, and where and how what is wrong is said (B83)."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rgt.model.config import Gate, RigConfig, Section, Setup, Source, TownConfig
from rgt.model.errors import RgtError
from rgt.model.fields import Duration
from rgt.model.lines import Lines
from rgt.model.toml import check, keys, load
from rgt.model.toml_reader import read

RIG = """\
# what the repository needs
target = "main"
strategy = "rebase"
landing = "push"
slots = 2
max_polecats = 4
max_attempts = 3
no_gates = false

[source]
git_url = "git@example.org:team/api.git"

[setup]
copy = [".env", "config/local.toml"]
run = '''
pip install -e .
'''
ports = 10

[[gate]]
name = "lint"
run = "ruff check"

[[gate]]
name = "test"
run = "pytest -q"
timeout = "1h30m"

[[matcher]]
name = "tool"
fileLocation = ["relative", "src"]
pattern = { regexp = '^(.*):(\\d+): (.*)$', file = 1, line = 2, message = 3 }

[runtime.scripted]
script = "demo.toml"
"""
TOWN = """\
namespace = "default"
temporal_address = "http://localhost:7233/"

[town]
name = "riverside"
temporal_address = "localhost"

[escalation]
timeout_minutes = 30
max_retries = 2

[limits]
max_polecats = 12
max_load = 2.5

[temporal]
api_key_env = "TEMPORAL_API_KEY"

[runtime]
default = "scripted"

[runtime.claude]
auth = "api-key"
env = { A = "1", "B.c" = '2' }

[roles.polecat]
model = "small"

[notify]
desktop = true

[budget]
usd_per_day = 20
"""


def test_rig_toml_is_read_whole() -> None:
    rig = load(RigConfig, RIG, "rig.toml")
    assert (rig.target, rig.strategy, rig.landing, rig.slots) == ("main", "rebase", "push", 2)
    assert rig.source.where == "git@example.org:team/api.git"
    assert rig.setup.copy_files == [".env", "config/local.toml"]
    assert [(g.name, g.run, g.timeout_seconds) for g in rig.gate_specs()] == [
        ("lint", "ruff check", 600.0),
        ("test", "pytest -q", 5400.0),
    ]
    assert rig.matchers[0].pattern[0].line == 2
    assert rig.runtime == {"scripted": {"script": "demo.toml"}}


def test_town_toml_is_read_whole() -> None:
    town = load(TownConfig, TOWN, "town.toml")
    assert (town.name, town.namespace, town.temporal_address) == ("riverside", "default", "localhost:7233")
    assert town.limits.max_polecats == 12
    assert town.limits.per_rig is None
    assert town.temporal.retention_days == 30
    assert town.runtime.default == "scripted"
    assert town.runtime.get("claude")["env"] == {"A": "1", "B.c": "2"}
    assert town.runtime.get("codex") == {}
    assert town.roles.polecat.model == "small"


def test_an_empty_file_means_the_defaults() -> None:
    town = load(TownConfig, "", "town.toml")
    assert (town.name, town.namespace, town.temporal_address, town.limits.max_polecats) == ("town", "", "", 30)
    assert load(RigConfig, "", "rig.toml") == RigConfig()


@pytest.mark.parametrize("config", [load(RigConfig, RIG, "rig.toml"), RigConfig(setup=Setup(copy=["a"]))])
def test_a_config_survives_json(config: RigConfig) -> None:
    assert RigConfig.model_validate_json(config.model_dump_json()) == config


def test_a_town_survives_json() -> None:
    town = load(TownConfig, TOWN, "town.toml")
    again = TownConfig.model_validate_json(town.model_dump_json())
    assert again.model_dump() == town.model_dump()


def test_the_hash_follows_values_only() -> None:
    rig = load(RigConfig, RIG, "rig.toml")
    reordered = "strategy='rebase'\n" + RIG.replace('strategy = "rebase"\n', "").replace("# what", "# other")
    assert load(RigConfig, reordered, "rig.toml").config_hash() == rig.config_hash()
    assert load(RigConfig, RIG.replace("slots = 2", "slots = 3"), "rig.toml").config_hash() != rig.config_hash()
    assert re.fullmatch("[0-9a-f]{16}", rig.config_hash())


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("45s", 45), ("10m", 600), ("1h30m", 5400), ("2h", 7200), ("1h1m1s", 3661), (90, 90), (0.5, 0.5)],
)
def test_durations(given: str | float, seconds: float) -> None:
    parsed = Duration.parse(given)
    assert parsed.seconds == seconds
    assert Duration.parse(TypeAdapter(Duration).dump_python(parsed)) == parsed


@pytest.mark.parametrize("given", ["", "10", "m", "10 minutes", "30m1h", "-5s", 0, -1, True, None, float("nan"), 1e12])
def test_no_durations(given: object) -> None:
    with pytest.raises(ValueError, match="10m"):
        Duration.parse(given)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("localhost:7233", "localhost:7233"),
        ("http://localhost:7233", "localhost:7233"),
        ("HTTPS://ns.acct.tmprl.cloud:7233/", "ns.acct.tmprl.cloud:7233"),
        ("10.0.0.1", "10.0.0.1:7233"),
        ("[::1]:7000", "[::1]:7000"),
        ("", ""),
    ],
)
def test_addresses(given: str, address: str) -> None:
    assert TownConfig(temporal_address=given).temporal_address == address


@pytest.mark.parametrize("given", ["localhost:port", "a b:1", "host:0", "host:70000", "ftp://host", "http://"])
def test_no_addresses(given: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        TownConfig(temporal_address=given)


@pytest.mark.parametrize("branch", ["main", "release/1.2", "feature_x", "v1.0"])
def test_branches(branch: str) -> None:
    assert RigConfig(target=branch).target == branch


@pytest.mark.parametrize(
    "branch",
    ["", "-x", "a..b", "a b", "a~1", "a:b", "x.lock", "a//b", "/a", "a/", "a.", "x@{", "a\nb", ".a", "a/.b"],
)
def test_no_branches(branch: str) -> None:
    """B82"""
    with pytest.raises(ValidationError):
        RigConfig(target=branch)


@pytest.mark.parametrize("url", ["--upload-pack=x", "ext::sh -c x", "a b", "https://me:hunter2@example.org/x.git"])
def test_no_remotes(url: str) -> None:
    """B82, B86"""
    with pytest.raises(ValidationError):
        Source(git_url=url)


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "a b", "é", "x" * 33, "1a"])
def test_no_gate_names(name: str) -> None:
    """B82"""
    with pytest.raises(ValidationError):
        Gate(name=name, run="true")


TOWN_ERRORS = [
    ("[limits]\nmax_polecat = 3", "town.toml:2: unknown key `max_polecat` in [limits]", "did you mean max_polecats?"),
    ("\nnam = 'x'", "town.toml:2: unknown key `nam` at the top of the file", "did you mean name?"),
    ("max_load = 1", "town.toml:1: unknown key `max_load` at the top of the file", "`max_load` belongs in [limits]"),
    ("[limit]\n", "town.toml:1: unknown table [limit]", "did you mean limits?"),
    ("limits.max_polecat = 3", "town.toml:1: unknown key `max_polecat` in [limits]", "did you mean max_polecats?"),
    ("#\nlimits = { max_load = 1, per_rigs = 2 }", "town.toml:2: unknown key `per_rigs` in [limits]", "per_rig?"),
    ("[roles.polecat]\n\n 'modle' = 1", "town.toml:3: unknown key `modle` in [roles.polecat]", "did you mean model?"),
    ("[roles]\npolecat.modle = 1", "town.toml:2: unknown key `modle` in [roles.polecat]", "did you mean model?"),
    ("[roles.whale]", "town.toml:1: unknown table [roles.whale]", "known keys: mayor, crew, polecat, dog"),
    ("[limits]\nmax_polecats = '3'", "town.toml:2: `max_polecats` must be a whole number, not text", ""),
    ("[limits]\nmax_polecats = true", "town.toml:2: `max_polecats` must be a whole number, not true or false", ""),
    ("[limits]\nmax_polecats = -1", "town.toml:2: `max_polecats` must be at least 0", ""),
    ("[limits]\nmail_minutes = 0", "town.toml:2: `mail_minutes` must be more than 0", ""),
    ("[limits]\nmax_load = nan", "town.toml:2: `max_load` must be a finite number, not a number", ""),
    ("limits = 3", "town.toml:1: `limits` must be a table, not a whole number", ""),
    ("[runtime]\ndefualt = 'x'", "town.toml:2: `defualt` must be a table, not text", "did you mean default?"),
    ("name = 1979-05-27", "town.toml:1: `name` must be text, not a date", ""),
    ("name='a'\n[town]\nname='b'", "town.toml:3: `name` is given at the top and in [town], and unlike", ""),
    ("[temporal]\n\ntls_cert='/a'", "town.toml:3: `tls_cert` needs `tls_key`", ""),
    ("[notify]\nwebhook='x'", "town.toml:2: `webhook` is not valid: write an address that starts with https://", ""),
    ('"a\\nb" = 1', "town.toml:1: unknown key `a?b` at the top of the file", "known keys: name"),
    ("x" * 10_000 + " = 1", "town.toml:1: unknown key `xxxx", "known keys: name"),
    ("name = ", "town.toml:1: not TOML at column 6: a value is missing", ""),
    ("\n\nname 'x'", "town.toml:3: not TOML at column 1: `=` and a value are missing", ""),
    ("a = 1\na = 2", "town.toml:2: `a` is given twice", ""),
    ("x = '''\nabc", "town.toml:1: not TOML at column 5: the closing `'''` is missing", ""),
    ("n = 'x'\nm = " + "9" * 5000, "town.toml:2: not TOML at column 5: this is no value", ""),
    ("\na = " + "[" * 5000, "nested more than 32 deep", ""),
    ("\na = " + "[" * 40 + "]" * 40, "town.toml:2: tables and lists are nested more than 32 deep", ""),
    ("\n" + "a." * 40 + "a = 1", "town.toml:2: tables and lists are nested more than 32 deep", ""),
]
RIG_ERRORS = [
    ("strategy = 'squish'", "rig.toml:1: `strategy` must be squash, rebase or merge", "did you mean squash?"),
    ("[[gate]]\nname='a'\nrun='b'\n[[gate]]\nname='a'\nrun='c'", "rig.toml:5: there are two gates `a`", ""),
    ("\n[[gate]]\nname='a'\n", "rig.toml:2: `run` is missing in [[gate]]", ""),
    ("[[gate]]\nname='a'\nrun=''", "rig.toml:3: `run` must not be empty", ""),
    (
        "[[gate]]\nname='a'\nrun='x'\ntimeout='ten'",
        'rig.toml:4: `timeout` is not valid: write a time such as "45s"',
        "",
    ),
    ("[[gates]]\nname='a'", "rig.toml:1: unknown table [[gates]]", "did you mean gate?"),
    ("[gate]\nname='a'", "rig.toml:1: `gate` must be a list, not a table", ""),
    ("gate=[\n {name='a', run='b'},\n {name='b', rum='c'}]", "rig.toml:3: `run` is missing in [[gate]] (and 1", ""),
    ("[setup]\ncopy = [\n 'a',\n '../b']", "rig.toml:4: `copy` is not valid: write a path inside", ""),
    ("[source]\npath='/a'\ngit_url='b:c'", "rig.toml:3: `path` and `git_url` are both given", ""),
    ("[[matcher]]\npattern={regexp='('}", "rig.toml:2: `regexp` is not valid: not a regular expression", ""),
    ("[[matcher]]\npattern={regexp='(a) b[', file=1}", "rig.toml:2: `regexp` is not valid: not a regular expr", ""),
    ("[[matcher]]\n[matcher.pattern]\nregexp='(a)'\nfile=1\nline=2", "rig.toml:5: `line` is group 2, but the ex", ""),
    ("[[matcher]]\nfileLocation=['search']\npattern={regexp='(a)(b)'}", "rig.toml:2: `fileLocation` is not valid", ""),
    ("[[matcher]]\npattern={regexp='(a)', line=1}", "rig.toml:2: no pattern says which group is the `file`", ""),
    ("[[matcher]]\npattern={regexp='(a)', file=1}", "rig.toml:2: no pattern says which group is the `line`", ""),
    ("[[matcher]]\npattern={regexp='a'}", "rig.toml:2: an expression alone needs two groups", ""),
    ("[[matcher]]\npattern={regexp='(a)(b)', file=1, line=2, loop=true}", "rig.toml:2: `loop` is for the last", ""),
    ("[[gate]]\nname='a'\nrun='b'\nreport='/x.xml'", "rig.toml:4: `report` is not valid: write a path inside", ""),
    ("[[matcher]]\npattern={regexp='x', ln=1}", "rig.toml:2: unknown key `ln` in [matcher.pattern]", ""),
    ("[[matcher]]\nfileLocation=1\npattern={regexp='x'}", "rig.toml:2: `fileLocation` must be text, not a whole", ""),
    ("[[matcher]]\n[[matcher.pattern]]\nregexp='a'\n[[matcher.pattern]]", "rig.toml:4: `regexp` is missing in", ""),
    ("[runtime]\nscripted = 1", "rig.toml:2: `scripted` must be a table", ""),
    ("run = 'x'\n", "rig.toml:1: unknown key `run` at the top of the file", "`run` belongs in [setup] or in [[gate]]"),
]


@pytest.mark.parametrize(
    ("model", "name", "text", "message", "hint"),
    [(TownConfig, "town.toml", *row) for row in TOWN_ERRORS] + [(RigConfig, "rig.toml", *row) for row in RIG_ERRORS],
)
def test_errors_say_where_and_what(model: type[Section], name: str, text: str, message: str, hint: str) -> None:
    """B83"""
    with pytest.raises(RgtError) as caught:
        load(model, text, name)
    assert caught.value.code == "invalid"
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.line()


def test_no_value_of_a_secret_is_repeated_in_an_error() -> None:
    """B86"""
    with pytest.raises(RgtError) as caught:
        load(TownConfig, "[notify]\nwebhook = 'hunter2'\ntoken = 'hunter2'", "town.toml")
    assert "hunter2" not in str(caught.value.as_dict())


def test_all_problems_come_in_the_order_of_the_file() -> None:
    instance, found = check(TownConfig, "colour = 1\n[limits]\nmax_load = 'x'\nx = 1\n")
    assert instance is None
    assert [tuple(p.span) for p in found] == [(0, 6), (31, 34), (35, 36)]


def test_every_key_has_a_sentence() -> None:
    def walk(model: type[Section], path: tuple[str | int, ...] = ()) -> None:
        for key, sentence in keys(model, path).items():
            assert sentence.endswith("."), (path, key)
            walk(model, (*path, key))

    walk(TownConfig)
    walk(RigConfig)
    assert "copy" in keys(RigConfig, ("setup",))
    assert keys(RigConfig, ("gate", 3)).keys() == {"name", "run", "timeout", "report"}


def _paths(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return {path}.union(*(_paths(v, (*path, k)) for k, v in value.items()))
    if isinstance(value, list):
        return {path}.union(*(_paths(v, (*path, k)) for k, v in enumerate(value)))
    return {path}


ODD = r"""
"a.b" = 1
'c d'.e = [1, [2, "]", '#'], # ] here
  { f = "}", g = [] }, 1979-05-27 07:32:00 ]
"\u00e9\t" = @@@
[not.a.table]
x = "\"" \"" @@@
h = '''
[[nor]] this''''
i = ""
j = { }
[k . "l.m"]
n.o.p = true
n.q = 0xff
[[k.r]]
[k.r.s]
t = 1
[[k.r]]
[[k.r.u]]
[[k.r.u]]
v = '' # end""".replace("@@@", '"""')


@pytest.mark.parametrize("text", [RIG, TOWN, ODD, ODD.replace("\n", "\r\n")])
def test_every_path_has_a_place(text: str) -> None:
    """B83"""
    document = read(text)
    assert document.mistakes == []
    assert set(document.where) == _paths(tomllib.loads(text)) - {()}
    for path, span in document.where.items():
        if isinstance(path[-1], str) and re.fullmatch("[a-z_]+", path[-1]):
            assert text[slice(*span)].strip("'\"") == path[-1]


@pytest.mark.parametrize("text", [RIG, TOWN, ODD, ODD.replace("\n", "\r\n")])
def test_a_mistake_at_the_end_hides_nothing_before_it(text: str) -> None:
    document = read(f"{text}\n[end")
    assert [m.message for m in document.mistakes] == ["the closing `]` is missing"]
    assert {k: v for k, v in document.plain.items() if k != "end"} == tomllib.loads(text)


TOKENS = [
    "[",
    "]",
    "[[x]]",
    "=",
    '"',
    "'''",
    "\n",
    "\\",
    ".",
    "{",
    "}",
    ",",
    "#",
    "é",
    "\0",
    "1e999",
    "-1",
    "true",
    "a.b=1",
]


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """`text` with a piece cut out, replaced, doubled or moved."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 30)))
    kind = draw(st.sampled_from(["put", "double", "line", "number"]))
    if kind == "put":
        put = draw(st.one_of(st.just(""), st.sampled_from(TOKENS), st.text(max_size=8)))
        return text[:start] + put + text[end:]
    if kind == "double":
        return text[:end] + text[start:end] + text[end:]
    if kind == "number":
        numbers = list(re.finditer(r"\d+", text))
        chosen = draw(st.sampled_from(numbers))
        put = draw(st.one_of(st.integers().map(str), st.floats().map(str), st.just("'x'"), st.just("[[1]]")))
        return text[: chosen.start()] + put + text[chosen.end() :]
    lines = text.split("\n")
    moved = lines.pop(draw(st.integers(0, len(lines) - 1)))
    lines.insert(draw(st.integers(0, len(lines))), moved)
    return "\n".join(lines)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(*(st.tuples(st.just(model), mutations(text)) for model, text in ((RigConfig, RIG), (TownConfig, TOWN))))
)
def test_one_mutation_is_accepted_or_located(case: tuple[type[Section], str]) -> None:
    """B83"""
    model, text = case
    try:
        load(model, text, "file.toml").model_dump_json()
    except RgtError as e:
        assert e.code == "invalid"
        found = re.match(r"file\.toml:(\d+): .", e.message)
        assert found and 1 <= int(found[1]) <= len(Lines(text).starts)
        assert "\n" not in e.line()


@settings(max_examples=200, deadline=None)
@given(st.one_of(mutations(ODD), st.text(max_size=200)))
def test_places_are_found_in_half_written_files_too(text: str) -> None:
    """B83"""
    document = read(text)
    for span in [*document.where.values(), *(v.span for v in document.values.values())]:
        assert 0 <= span.start <= span.end <= len(text)
