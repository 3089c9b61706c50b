"""Errors on their way through Temporal and back."""

from __future__ import annotations

from temporalio.exceptions import ApplicationError, FailureError

from rgt.model.errors import RgtError


def cause(e: BaseException) -> RgtError:
    """The refusal or failure inside whatever Temporal made of it."""
    inner: BaseException | None = e
    while inner is not None:
        if isinstance(inner, RgtError):
            return inner
        if isinstance(inner, ApplicationError):
            if inner.details and isinstance(inner.details[0], dict):
                return RgtError.from_dict(inner.details[0])
            return RgtError("internal", inner.message, "see the worker's log")
        following = inner.cause if isinstance(inner, FailureError) else inner.__cause__
        if following is None:
            return RgtError("failed", f"{type(inner).__name__}: {inner}"[:300])
        inner = following
    return RgtError("failed", str(e))
