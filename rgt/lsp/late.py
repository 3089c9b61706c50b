"""lsprotocol's classes, each made when it is first used.

attrs writes, compiles and runs the methods of each of its 554 classes when it is imported: a third of the time in which
an editor waits for its first answer, which uses about a hundred of them. `tests/lsp/test_late.py` shows that
what is made later is the same."""

from __future__ import annotations

import threading
from typing import Any

import attrs

ONE = threading.RLock()


def load() -> None:
    """Import `lsprotocol` so. It has no effect on classes that are there already, nor on other users of attrs."""
    import lsprotocol.validators  # noqa: F401 (all else that `types` imports)

    make = attrs.define
    attrs.define = late  # type: ignore[assignment]
    try:
        from lsprotocol import types
    finally:
        attrs.define = make
    if isinstance(types.Range.__dict__.get("__attrs_attrs__"), Fields):
        # The converter would go through them all, to look up the names in annotations; `complete` does it for each.
        from lsprotocol import _hooks

        _hooks._resolved_forward_references = True


class Fields:
    """In the place of a class's fields until somebody asks for them."""

    def __get__(self, one: object, cls: type[Any]) -> Any:
        complete(next((c for c in cls.__mro__ if c.__dict__.get("__attrs_attrs__") is self), cls))
        return cls.__attrs_attrs__


def late(cls: type[Any]) -> type[Any]:
    """`attrs.define` for later: the class is completed by the first who makes one or asks for its fields."""

    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        complete(cls)
        self.__init__(*args, **kwargs)

    cls.__init__ = first
    cls.__attrs_attrs__ = Fields()
    return cls


def complete(cls: type[Any]) -> None:
    """Make a class what `attrs.define` would have made of it, but for slots: those need another class. Of threads that
    come at once, one does it."""
    from lsprotocol import types

    with ONE:
        if not isinstance(cls.__dict__.get("__attrs_attrs__"), Fields):
            return
        attrs.define(cls, slots=False, init=True)  # without saying so, the method that is there would stay
        # It puts something of its own into the names.
        attrs.resolve_types(cls, dict(types.ALL_TYPES_MAP), {})
