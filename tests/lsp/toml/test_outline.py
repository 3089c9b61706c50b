"""Tables and keys as an editor lists and folds them."""

from __future__ import annotations

from tests.lsp.toml.files import RIG, TOWN


def test_symbols_are_tables_with_their_keys() -> None:
    text = "slots = 1\n[setup]\nrun = 'x' # y\n[[gate]]\nname = 'test'\nrun = 'x'\n"
    found = RIG.symbols(text)
    assert [(s.name, s.detail, [k.name for k in s.inner or ()]) for s in found] == [
        ("slots", "", []),
        ("[setup]", "", ["run"]),
        ("[[gate]]", "test", ["name", "run"]),
    ]
    assert text[slice(*found[1].span)] == "[setup]\nrun = 'x'"
    assert text[slice(*found[1].key)] == "[setup]"


def test_half_a_file_has_symbols_too() -> None:
    assert [s.name for s in TOWN.symbols("limits.max\n[town\nname = ")] == ["[town"]


def test_tables_and_long_values_fold() -> None:
    text = "a = [\n 1,\n]\n[setup]\nrun = '''\nx\n'''\n\n[source]\n"
    assert [tuple(fold) for fold in RIG.folds(text)] == [(0, 2), (3, 6), (4, 6)]
