"""Types of single values in configuration files: each says in one sentence what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from rgt.model.ids import NAME

DEFAULT_PORT = 7233
"""Port of Temporal's frontend when an address names none."""
DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")
BRANCH = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^\s\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(\d{1,5}))?")


@dataclass(frozen=True)
class Known:
    """Marks text that names something which a town has: editors offer what there is, and doubt what is not."""

    kind: str
    """Such as `runtime`."""


class Duration:
    """A span of time: `"45s"`, `"10m"`, `"1h30m"`, or a number of seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = float(seconds)
        """The span in seconds, more than 0."""

    @classmethod
    def parse(cls, given: object) -> Duration:
        """The span that `given` means; raises ValueError with what is allowed."""
        if isinstance(given, Duration):
            return given
        if isinstance(given, int | float) and not isinstance(given, bool):
            seconds = float(given) if abs(given) < 1e9 else 0.0
        else:
            found = DURATION.fullmatch(given.strip()) if isinstance(given, str) else None
            hours, minutes, rest = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
            seconds = float(hours * 3600 + minutes * 60 + rest)
        if not 0 < seconds < 1e9:
            raise ValueError('write a time such as "45s", "10m" or "1h30m"')
        return cls(seconds)

    def __str__(self) -> str:
        if self.seconds != int(self.seconds):
            return f"{self.seconds:g}"
        minutes, seconds = divmod(int(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n)

    def __repr__(self) -> str:
        return f"Duration({self.seconds:g})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.seconds == other.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        plain = core_schema.union_schema([core_schema.str_schema(), core_schema.float_schema()])
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            json_schema_input_schema=plain,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda d: d.seconds if d.seconds != int(d.seconds) else str(d), return_schema=plain
            ),
        )


def _matching(pattern: re.Pattern[str], allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if value and not pattern.fullmatch(value):
            raise ValueError(allowed)
        return value

    return AfterValidator(check)


def address(given: str) -> str:
    """`given` as `host:port`: a scheme is stripped, the port 7233 added; raises ValueError when it is none."""
    bare = re.sub(r"^https?://", "", given.strip(), flags=re.IGNORECASE).removesuffix("/")
    found = HOST_PORT.fullmatch(bare)
    if given and (not found or (found[2] and not 0 < int(found[2]) < 65536)):
        raise ValueError('write "host:port", such as "localhost:7233"')
    return f"{found[1]}:{found[2] or DEFAULT_PORT}" if found else ""


def _inside(path: str) -> str:
    if not path or path.startswith(("/", "~")) or ".." in path.split("/") or "\0" in path:
        raise ValueError("write a path inside the repository, without `..`")
    return path


def _absolute(path: str) -> str:
    if path and (not path.startswith("/") or "\0" in path):
        raise ValueError("write the whole path, from / on")
    return path


def _web(url: str) -> str:
    if url and not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise ValueError("write an address that starts with https:// or http://")
    return url


def _remote(url: str) -> str:
    if url and (url.startswith("-") or re.search(r"[\s\x00-\x1f]", url) or re.match(r"\w+::", url)):
        raise ValueError("write a URL or `host:path` that git can clone")
    if re.match(r"https?://[^/@]*:[^/@]+@", url):
        raise ValueError("write no password into the URL; a git credential helper keeps it")
    return url


def _regexp(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as e:
        raise ValueError(f"not a regular expression: {e}") from e
    return pattern


Branch = Annotated[str, Field(min_length=1), _matching(BRANCH, "not a name for a git branch")]
Name = Annotated[str, Field(min_length=1), _matching(NAME, "use a-z, 0-9 and -, a letter first, at most 32")]
Address = Annotated[str, AfterValidator(address)]
Namespace = Annotated[str, _matching(NAMESPACE, "not a name for a Temporal namespace")]
Variable = Annotated[str, _matching(VARIABLE, "write the name of an environment variable")]
InsidePath = Annotated[str, AfterValidator(_inside)]
WholePath = Annotated[str, AfterValidator(_absolute)]
WebUrl = Annotated[str, AfterValidator(_web)]
GitUrl = Annotated[str, AfterValidator(_remote)]
Regexp = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_regexp)]
RuntimeName = Annotated[str, Known("runtime")]
