"""Scripts of scripted agents and runtime presets: what is read, and how mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.model.errors import RgtError
from rgt.model.runtime import parse_preset
from rgt.model.script import STEPS, Step, find_block, parse_script, without_block

GOOD = '''\
[[start]]
do = "write"
path = "src/x.py"
text = """
[[start]]
x = 1
"""

[[start]]
do = "run"
cmd = "make"
ok = "any"

[[rejected]]
do = "commit"
message = "Again"
'''


def test_reads_the_lists() -> None:
    script = parse_script(GOOD)
    assert script.start == [
        Step(do="write", path="src/x.py", text="[[start]]\nx = 1\n"),
        Step(do="run", cmd="make", ok="any"),
    ]
    assert script.rejected == [Step(do="commit", message="Again")]
    assert script.resumed == []


MISTAKES = [
    ("", 1, "`start` is missing at the top of the file", ""),
    ("[[start]]\ndo = ", 2, "not TOML at column 4", ""),
    ('[[start]]\ndo = "hang"\n[[begin]]\ndo = "hang"\n', 3, "unknown table [[begin]]", "known keys: start"),
    ('[[start]]\ndo = "say"\ntxt = "hi"\n', 3, "unknown key `txt` in [[start]]", "did you mean text?"),
    ('[[start]]\n\ndo = "comit"\n', 3, "`do` must be write, append,", "did you mean commit?"),
    ("[[start]]\nseconds = 1\n", 1, "`do` is missing in [[start]]", ""),
    (GOOD + '[[rejected]]\ndo = "run"\n', 17, "the step `run` needs `cmd`", ""),
    (GOOD + '[[rejected]]\ndo = "wait"\nseconds = "1 s"\n', 19, "`seconds` must be a number, not text", ""),
    ('[[start]]\ndo = "wait"\nseconds = nan\n', 3, "`seconds` must be a finite number", ""),
    ('[[start]]\ndo = "exit"\ncode = 256\n', 3, "`code` must be at most 255", ""),
    ('[[start]]\ndo = "ask"\ntext = "a"\nmessage = "b"\n', 4, "`ask` has no `message`: it takes `text`", ""),
    ('[[start]]\ndo = "crash"\ncode = 1\n', 3, "`crash` has no `code`: it takes nothing else", ""),
    ("start = 5\n", 1, "`start` must be a list", ""),
    ("start = []\n", 1, "`start` must not be empty", ""),
]


@pytest.mark.parametrize(("text", "line", "message", "hint"), MISTAKES)
def test_B83_a_mistake_is_located(text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(RgtError) as caught:
        parse_script(text)
    error = caught.value
    assert error.code == "invalid"
    assert error.message.startswith(f"rgt-script:{line}: ")
    assert message in error.message
    assert hint in error.hint


def test_every_step_can_be_written() -> None:
    values = {
        "path": '"a"',
        "text": '"a"',
        "cmd": '"a"',
        "ok": '"any"',
        "message": '"a"',
        "seconds": "1",
        "count": "1",
        "code": "1",
        "tokens": "1",
        "model": '"m"',
    }
    for do, shape in STEPS.items():
        for keys in (shape.needs, shape.needs + shape.may):
            lines = [f'[[start]]\ndo = "{do}"', *(f"{key} = {values[key]}" for key in keys)]
            assert parse_script("\n".join(lines)).start[0].do == do


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", ".git/config", "~/x", "."])
def test_B82_a_file_outside_the_worktree_is_refused(path: str) -> None:
    with pytest.raises(RgtError, match="name a file inside the worktree"):
        parse_script(f'[[start]]\ndo = "write"\npath = "{path}"\ntext = ""\n')


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD)), st.text(max_size=4), st.integers(0, 6))
def test_B83_any_mutation_is_read_or_refused_with_a_line(at: int, put: str, drop: int) -> None:
    try:
        parse_script(GOOD[:at] + put + GOOD[at + drop :])
    except RgtError as error:
        assert error.code == "invalid"
        assert error.data["line"] >= 1


@pytest.mark.parametrize(
    ("description", "block"),
    [
        ("Fix it.\n\n```rgt-script\na = 1\n```\nThanks.", "a = 1\n"),
        ("```rgt-script\r\na = 1\r\n```", "a = 1\n"),
        ("~~~~ rgt-script\na = 1\n```\n~~~~\n", "a = 1\n```\n"),
        ("```rgt-script\n```", ""),
        ("```toml\na = 1\n```", None),
        ("```rgt-script\nnever closed", None),
        ("nothing", None),
    ],
)
def test_finds_the_block(description: str, block: str | None) -> None:
    assert find_block(description) == block


def test_people_see_the_description_without_the_block() -> None:
    assert without_block("Fix it.\n\n```rgt-script\na = 1\n```\nThanks.") == "Fix it.\n\nThanks."


PRESET = 'name = "x"\ncommand = ["x", "{agent_dir}"]\n'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('name = "x"\n', 1, "`command` is missing at the top of the file"),
        (PRESET + "redy = 1\n", 3, "unknown key `redy`"),
        ('name = "x"\ncommand = ["x", "{home}"]\n', 2, "there is no {home}"),
        (PRESET + 'ready = "smoke"\n', 3, "`ready` must be file, hook or delay"),
        (PRESET + '[env]\nA = "{mod}"\n', 4, "there is no {mod}"),
    ],
)
def test_a_mistake_in_a_preset_is_located(text: str, line: int, message: str) -> None:
    with pytest.raises(RgtError) as caught:
        parse_preset(text, "x")
    assert caught.value.message.startswith(f"x.toml:{line}: ")
    assert message in caught.value.message


def test_a_preset_carries_the_name_of_its_file() -> None:
    with pytest.raises(RgtError, match=r"y\.toml: the name in it is x"):
        parse_preset(PRESET, "y")
