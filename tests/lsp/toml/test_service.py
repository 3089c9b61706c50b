"""What is said about town.toml, rig.toml and presets while they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgt.lsp.toml.service import Service
from rgt.model.toml_reader import Span
from tests.lsp.toml.files import PRESET, RIG, SHIPPED, TOWN
from tests.model import test_config

DIAGNOSTICS = [
    (TOWN, "", []),
    (TOWN, test_config.TOWN, []),
    (RIG, test_config.RIG, []),
    (TOWN, "[limits]\nmax_polecat = 3", ["max_polecat|unknown key `max_polecat` in [limits]"]),
    (TOWN, "[limits]\nmax_polecats = 'x'", ["'x'|`max_polecats` must be a whole number, not text"]),
    (TOWN, "[limits]\nmax_load = -1 # x", ["-1|`max_load` must be at least 0"]),
    (TOWN, "limits = { per_rig = [\n1 ] }", ["[\n1 ]|`per_rig` must be a whole number, not a list"]),
    (TOWN, "[limit]\nx = 1", ["limit|unknown table [limit]"]),
    (TOWN, "name = 'a'\nname = 'b'", ["name|`name` is given twice"]),
    (TOWN, "name = a\n[limits]\nx = 1", ["a|text stands in quotes", "x|unknown key `x` in [limits]"]),
    (TOWN, "name = \n[limits\nx = 1", ["= |a value is missing", "[limits|the closing `]` is missing", "x|unknown key"]),
    (TOWN, "[temporal]\ntls_cert = '/a'", ["'/a'|`tls_cert` needs `tls_key`"]),
    (TOWN, "[temporal]\ntls_cert = '/a'\ntls_key =", ["=|a value is missing"]),
    (TOWN, "runtime.default = 'cluade'", ["'cluade'|there is no runtime `cluade`"]),
    (TOWN, "[roles.crew]\nfallback = 'x'", ["'x'|there is no runtime `x`"]),
    (TOWN, "[runtime.clade]\nmodel = 'x'", ["clade|there is no runtime `clade`"]),
    (TOWN, "[runtime.claude]\nmodel = 'x'\nauth = 'helper'\nenv = { A = '1' }", []),
    (TOWN, "[runtime.claude]\nmodle = 'x'", ["modle|unknown key `modle` in [runtime.claude]"]),
    (TOWN, "[runtime.claude]\nname = 'x'", ["name|unknown key `name` in [runtime.claude]"]),
    (TOWN, "[runtime.claude]\nstop = ['TERM', 'KIL']", ["'KIL'|`stop` must be HUP, INT or TERM"]),
    (TOWN, "[runtime.claude]\nprompt = 'paste'", ["'paste'|`prompt = \"flag\"` and `prompt_flag` need each other"]),
    (RIG, "runtime.codex.ready_seconds = 0", ["0|`ready_seconds` must be more than 0"]),
    (RIG, "[[gate]]\n", ["gate|`name` is missing in [[gate]]", "gate|`run` is missing in [[gate]]"]),
    (RIG, "[[gate]]\nname = 'a'\nrun =", ["=|a value is missing"]),
    (RIG, "gate = [{ name = 'a' }]", ["{ name = 'a' }|`run` is missing in [[gate]]"]),
    (RIG, "[[gate]]\nname='a'\nrun='b'\n[[gate]]\nname='a'\nrun='c'", ["'a'|there are two gates `a`"]),
    (RIG, "[setup]\ncopy = ['a', '../b']", ["'../b'|`copy` is not valid: write a path inside"]),
    (RIG, "strategy = 'squish'", ["'squish'|`strategy` must be squash, rebase or merge"]),
    (RIG, "[[matcher]]\npattern = { regexp = '(' }", ["'('|`regexp` is not valid: not a regular expression"]),
    (PRESET, "command = ['x']", ["|`name` is missing at the top of the file"]),
    (PRESET, "name = 'his'\ncommand = ['x']", ["'his'|`name` is not that of the file, mine"]),
    (PRESET, "name = 'mine'\ncommand = ['{agent}']", ["'{agent}'|`command` is not valid: there is no {agent}"]),
    (RIG, "a = " + "[" * 99, ["[|tables and lists are nested more than 32 deep"]),
]


@pytest.mark.parametrize(("service", "text", "expected"), DIAGNOSTICS)
def test_diagnostics_stand_where_the_mistake_is(service: Service, text: str, expected: list[str]) -> None:
    found = [f"{text[slice(*p.span)]}|{p.message}" for p in service.diagnostics(text)]
    assert len(found) == len(expected), found
    for said, wanted in zip(found, expected, strict=True):
        assert said.startswith(wanted)


def test_what_is_not_there_yet_is_a_doubt_and_no_error() -> None:
    assert [p.kind for p in TOWN.diagnostics("runtime.default = 'mine'\nname = 1")] == ["word", "type"]


@pytest.mark.parametrize("file", SHIPPED, ids=[file.stem for file in SHIPPED])
def test_shipped_presets_have_no_diagnostics(file: Path) -> None:
    assert Service(PRESET.schema.model, PRESET.schema.words, file.stem).diagnostics(file.read_text()) == []


def everything(service: Service, text: str, offset: int) -> None:
    """Ask all that an editor asks."""
    for problem in service.diagnostics(text):
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        assert "\n" not in problem.message
    for item in service.completions(text, offset):
        assert item.span.start <= offset <= item.span.end
    service.hover(text, offset)
    service.fixes(text, Span(0, len(text)))
    service.symbols(text)
    service.folds(text)


@pytest.mark.parametrize(("service", "text"), [(TOWN, test_config.TOWN), (RIG, test_config.RIG)])
def test_every_prefix_of_a_file_is_understood(service: Service, text: str) -> None:
    for end in range(len(text) + 1):
        everything(service, text[:end], end)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(TOWN), test_config.mutations(test_config.TOWN)),
        st.tuples(st.just(RIG), test_config.mutations(test_config.RIG)),
        st.tuples(st.just(RIG), test_config.mutations(test_config.ODD)),
    ),
    st.floats(0, 1),
)
def test_no_text_makes_it_stumble(case: tuple[Service, str], where: float) -> None:
    service, text = case
    everything(service, text, int(where * len(text)))
