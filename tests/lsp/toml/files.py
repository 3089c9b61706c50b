"""What the tests of the TOML services share: services of each kind, and texts with a caret in them."""

from __future__ import annotations

from pathlib import Path

import rgt.host.runtimes
from rgt.lsp.toml.service import Service
from rgt.lsp.toml.words import of_runtimes
from rgt.model.config import RigConfig, TownConfig
from rgt.model.runtime import Preset, parse_preset

SHIPPED = sorted(Path(rgt.host.runtimes.__file__).parent.glob("*.toml"))
WORDS = of_runtimes(parse_preset(file.read_text(), file.stem) for file in SHIPPED)
TOWN = Service(TownConfig, WORDS)
RIG = Service(RigConfig, WORDS)
PRESET = Service(Preset, WORDS, "mine")


def caret(text: str) -> tuple[str, int]:
    """The text without its `|`, and where that was."""
    return text.replace("|", "", 1), text.index("|")
