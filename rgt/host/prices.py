"""The table of prices that holds in a town: the shipped one, and over it the town's own."""

from __future__ import annotations

import functools
from pathlib import Path

from rgt.model import toml
from rgt.model.costs import Prices
from rgt.model.errors import RgtError
from rgt.model.home import Home

SHIPPED = Path(__file__).with_name("prices.toml")


def read_prices(home: Home) -> Prices:
    """The prices that hold; raises `invalid` with the line when the town's own file is wrong."""
    own = home.prices
    try:
        changed = own.stat().st_mtime_ns
    except OSError:
        return _read(SHIPPED, 0)
    mine, shipped = _read(own, changed), _read(SHIPPED, 0)
    if not mine.models:
        return shipped
    about = {"as_of": mine.as_of or shipped.as_of, "source": mine.source or str(own)}
    return shipped.model_copy(update={"models": {**shipped.models, **mine.models}, **about})


def prices_in_force(home: Home) -> Prices:
    """The same; while the town's own file is wrong, the shipped ones."""
    try:
        return read_prices(home)
    except RgtError:
        return _read(SHIPPED, 0)


@functools.lru_cache(maxsize=8)
def _read(file: Path, changed: int) -> Prices:
    """The table as the file was when it `changed` last."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise RgtError("invalid", f"{file.name} cannot be read: {e}", f"look at {file}") from e
    return toml.load(Prices, text, file.name)
