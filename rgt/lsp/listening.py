"""Telling features the news: one that breaks takes nobody along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


def tell(listeners: Iterable[Callable[[T], None]], news: T) -> None:
    """Call every listener; what it raises goes to the log."""
    for listener in listeners:
        try:
            listener(news)
        except Exception:
            log.exception("a listener broke")
