"""docs/runtimes.md says of each runtime what its preset says."""

from __future__ import annotations

import re
from pathlib import Path

from rgt.host.runtimes.presets import load_preset
from rgt.model.home import Home
from rgt.model.runtime import Preset
from tests.runtimes.stage import NAMES

TEXT = (Path(__file__).parents[2] / "docs" / "runtimes.md").read_text()
READY = {"file": "by a file, within {:g} s", "hook": "by a hook, within {:g} s", "delay": "is taken to be after {:g} s"}
MAIL = {
    "hook-bell": "at once, also when idle",
    "command": "by a command",
    "paste": "when something is typed",
    "none": "–",
}
GUARD = {"closed": "asked; one that breaks refuses", "open": "asked; one that breaks is not waited for", "none": "–"}


def row(preset: Preset) -> str:
    """What the table says of a runtime."""
    mail = MAIL[preset.mail]
    if preset.ready == "hook" and preset.mail == "paste":
        mail += ", and at its hooks"
    cells = [
        preset.name,
        preset.tested or "ships with rgt",
        READY[preset.ready].format(preset.ready_seconds),
        mail,
        "goes on" if preset.resume or preset.name == "scripted" else "begins anew",
        GUARD[preset.guard],
        "yes" if preset.usage else "–",
        "yes" if preset.model_args else "–",
        "yes" if preset.effort_args else "–",
    ]
    return f"| {' | '.join(cells)} |"


def test_the_table_says_what_the_presets_say(home: Home) -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| [a-z]+ \| (?!tested)", line)]
    assert rows == [row(load_preset(home, name)) for name in NAMES]


def test_what_it_cannot_do_is_said(home: Home) -> None:
    flat = re.sub(r"\s+", " ", TEXT)
    for name in NAMES:
        if limits := load_preset(home, name).limits:
            assert f"- **{name}**: {'; '.join(limits)}." in flat, name
