"""What features offer, put together: several may answer one request, and one that breaks spoils no other answer."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.feature_manager import FeatureManager

from rgt.model.errors import RgtError

log = logging.getLogger(__name__)
Handler = Callable[[Any], Any]
LISTS = frozenset(
    {
        types.TEXT_DOCUMENT_CODE_ACTION, types.TEXT_DOCUMENT_CODE_LENS, types.TEXT_DOCUMENT_COMPLETION,
        types.TEXT_DOCUMENT_DEFINITION, types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, types.TEXT_DOCUMENT_DOCUMENT_LINK,
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, types.TEXT_DOCUMENT_FOLDING_RANGE, types.TEXT_DOCUMENT_INLAY_HINT,
        types.TEXT_DOCUMENT_REFERENCES, types.WORKSPACE_SYMBOL,
    }
)  # fmt: skip
"""Requests whose answers are lists: those of all features one after the other."""
RESOLVES = frozenset({types.CODE_LENS_RESOLVE, types.COMPLETION_ITEM_RESOLVE, types.CODE_ACTION_RESOLVE})
"""Requests that fill in one thing: each feature is given what the one before made of it."""


class Offers:
    """Handlers by method, until they are registered all at once."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._options: dict[str, Any] = {}

    def add(self, method: str, handler: Handler, options: Any = None) -> None:
        """One more handler of a request or notification. `options` of several are joined."""
        self._handlers.setdefault(method, []).append(handler)
        if options is not None:
            before = self._options.get(method)
            self._options[method] = options if before is None else joined(before, options)

    def register(self, manager: FeatureManager) -> None:
        """Have them called from now on."""
        for method, handlers in self._handlers.items():
            # Partials, because pygls writes attributes on what it is given.
            whole = partial(handlers[0]) if len(handlers) == 1 else partial(_kind(handlers), method, handlers)
            manager.feature(method, self._options.get(method))(whole)
        self._handlers = {}


def joined(one: Any, other: Any) -> Any:
    """Options that say what both say: lists are joined, of the rest the first that says something counts."""
    values = {}
    for a in type(one).__attrs_attrs__:
        x, y = getattr(one, a.name), getattr(other, a.name)
        both = isinstance(x, Sequence) and isinstance(y, Sequence) and not isinstance(x, str)
        values[a.name] = [*x, *(v for v in y if v not in x)] if both else (x if x is not None else y)
    return type(one)(**values)


def merged(method: str, answers: list[Any]) -> Any:
    """One answer from those of several features; None when none of them has one."""
    given = [a for a in answers if a is not None]
    if method == types.TEXT_DOCUMENT_COMPLETION and any(isinstance(a, types.CompletionList) for a in given):
        whole = [a if isinstance(a, types.CompletionList) else types.CompletionList(False, a) for a in given]
        items = [item for a in whole for item in a.items]
        return types.CompletionList(is_incomplete=any(a.is_incomplete for a in whole), items=items)
    if method in LISTS:
        return [x for a in given for x in a] if given else None
    if method == types.TEXT_DOCUMENT_HOVER and len(given) > 1:
        texts = [a.contents.value for a in given]
        contents = types.MarkupContent(given[0].contents.kind, "\n\n---\n\n".join(texts))
        return types.Hover(contents=contents, range=given[0].range)
    return given[0] if given else None


def _kind(handlers: list[Handler]) -> Callable[[str, list[Handler], Any], Any]:
    return _waiting if any(asyncio.iscoroutinefunction(h) for h in handlers) else _at_once


def _at_once(method: str, handlers: list[Handler], params: Any) -> Any:
    answers, broken = [], None
    for handler in handlers:
        try:
            answers.append(handler(params))
            if method in RESOLVES:
                params = answers[-1]
        except Exception as e:
            broken = _noted(method, handler, e)
    return _result(method, params, answers, broken)


async def _waiting(method: str, handlers: list[Handler], params: Any) -> Any:
    answers, broken = [], None
    for handler in handlers:
        try:
            answer = handler(params)
            answers.append(await answer if inspect.isawaitable(answer) else answer)
        except Exception as e:
            broken = _noted(method, handler, e)
    return _result(method, params, answers, broken)


def _noted(method: str, handler: Handler, e: Exception) -> Exception:
    if not isinstance(e, RgtError | JsonRpcException):
        log.error("%s: %s broke", method, getattr(handler, "__module__", handler), exc_info=e)
    return e


def _result(method: str, params: Any, answers: list[Any], broken: Exception | None) -> Any:
    if broken is not None and not answers:
        raise broken
    return params if method in RESOLVES else merged(method, answers)
