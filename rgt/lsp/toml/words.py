"""What a town has, as its TOML files may name it."""

from __future__ import annotations

from collections.abc import Iterable

from rgt.model.runtime import Preset
from rgt.model.toml_schema import Word, Words


def of_runtimes(presets: Iterable[Preset]) -> Words:
    """The runtimes that there are, each with what it runs and what it cannot do."""
    return {"runtime": {preset.name: Word(_about(preset), preset, preset.settings) for preset in presets}}


def _about(preset: Preset) -> str:
    tested = f", tested with {preset.tested}" if preset.tested else ""
    limits = "".join(f"\n- {limit}" for limit in preset.limits)
    return f"Runs `{preset.command[0]}`{tested}." + (f"\n\nWhat it cannot do:\n{limits}" if limits else "")
