"""What the server can do, one module each. A feature is a module here with `register(server)`, named in `FEATURES`.

`register` is called once per process, when the editor has introduced itself and before it has its answer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

FEATURES = (
    "actions",
    "approvals",
    "commands",
    "completion",
    "content",
    "failures",
    "gatelogs",
    "health",
    "hints",
    "hover",
    "lenses",
    "navigation",
    "picture",
    "progress",
    "pulls",
    "runs",
    "symbols",
    "terminals",
    "toml_files",
    "waiting",
    "worktrees",
)
"""Modules of this package; their order does not matter."""


def all() -> Iterator[tuple[str, Callable[[RgtServer], None]]]:
    """Every feature with its `register`."""
    for name in FEATURES:
        yield name, importlib.import_module(f"rgt.lsp.features.{name}").register
