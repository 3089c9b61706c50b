"""The reference of the settings in `docs/config.md`, made from their models.

`python -m rgt.cli.configpage` writes it below what is written by hand; a test holds it against the models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from rgt.model.config import RigConfig, TownConfig
from rgt.model.runtime import Preset
from rgt.model.toml import table
from rgt.model.toml_reader import Path as Way
from rgt.model.toml_schema import Key, Schema

DOCUMENT = Path(__file__).parents[2] / "docs" / "config.md"
FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("town.toml", "`config/town.toml` of the home: one town.", TownConfig),
    ("rig.toml", "`rigs/<rig>/rig.toml`: how one repository is worked on, tested and landed.", RigConfig),
    (
        "Presets",
        "`config/runtimes/<name>.toml`: one runtime. `[runtime.<name>]` elsewhere changes its keys.",
        Preset,
    ),
)
START = f"## {FILES[0][0]}\n"


def reference() -> str:
    """Every file with its tables and keys."""
    parts = []
    for name, doc, model in FILES:
        parts.append(f"## {name}\n\n{doc}\n")
        parts += [part for path, doc in _tables(Schema(model), (), "") for part in _part(Schema(model), path, doc)]
    return "\n".join(parts)


def document() -> str:
    """The whole page, with what is written by hand as it is."""
    return DOCUMENT.read_text().partition(START)[0] + reference()


def _tables(schema: Schema, path: Way, doc: str) -> Iterator[tuple[Way, str]]:
    yield path, doc
    for name, key in schema.keys(path).known.items():
        if key.shape.tables:
            yield from _tables(schema, (*path, name, 0), key.doc)
        elif key.shape.kind == "table":
            yield from _tables(schema, (*path, name), key.doc)


def _part(schema: Schema, path: Way, doc: str) -> Iterator[str]:
    keys = [k for k in schema.keys(path).known.values() if k.shape.kind != "table" and not k.shape.tables]
    if path:
        yield f"### {table(path)}\n\n{_line(doc)}\n"
    if keys:
        rows = [f"| {k.name} | {_line(k.shape.label)} | {_default(k)} | {_line(k.doc)} |" for k in keys]
        yield "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows]) + "\n"


def _default(key: Key) -> str:
    return "*must be given*" if key.required else f"`{key.default}`" if key.default not in ("", '""') else "–"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document())
