"""The two configuration files as typed schemas: `town.toml` of a town and `rig.toml` of a rig.

Every attribute has its sentence below it; editors and `rgt config explain` show that sentence.
Values are strict as TOML is: `"4"` is no number, `1` is no truth value.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rgt.model.ids import NAME
from rgt.model.queue import GateSpec

DEFAULT_PORT = 7233
"""Port of Temporal's frontend when an address names none."""
DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")
BRANCH = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^\s\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(\d{1,5}))?")


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


def _match(pattern: re.Pattern[str], allowed: str) -> AfterValidator:
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


Branch = Annotated[str, Field(min_length=1), _match(BRANCH, "not a name for a git branch")]
Name = Annotated[str, Field(min_length=1), _match(NAME, "use a-z, 0-9 and -, a letter first, at most 32")]
Address = Annotated[str, AfterValidator(address)]
Variable = Annotated[str, _match(VARIABLE, "write the name of an environment variable")]


class Section(BaseModel):
    """Base of every table: unknown keys are errors, values have the type that the file gives them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True, serialize_by_alias=True
    )


class Source(Section):
    """Where the repository comes from: a directory of this machine or a remote."""

    path: Annotated[str, AfterValidator(_absolute)] = ""
    """Path of the repository on this machine; either this or `git_url`."""
    git_url: Annotated[str, AfterValidator(_remote)] = ""
    """URL of the remote repository; either this or `path`."""

    @property
    def where(self) -> str:
        """The path or the URL, whichever was given."""
        return self.path or self.git_url

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.path and self.git_url:
            raise PydanticCustomError("both", "`path` and `git_url` are both given, keep one", {"at": ["git_url"]})
        return self


class Setup(Section):
    """What a fresh worktree needs before an agent or a gate can work in it."""

    copy_files: list[Annotated[str, AfterValidator(_inside)]] = Field(default_factory=list, alias="copy")
    """Untracked files to copy from the source, such as `.env`."""
    run: str = ""
    """Shell line that installs what the work needs."""
    ports: int = Field(default=0, ge=0, le=1000)
    """How many free ports each worktree gets for itself; 0 for none."""


class Gate(Section):
    """A command that must end with 0 before work lands."""

    name: Name
    """Name of the gate, one of its kind in the rig."""
    run: str = Field(min_length=1)
    """Shell line, run at the top of the worktree."""
    timeout: Duration = Duration(600)
    """After this time the command is ended and the run counts as no answer, never as the author's fault."""


class Pattern(Section):
    """One line pattern of a problem matcher; numbers are groups of the regular expression."""

    regexp: Annotated[str, Field(min_length=1), AfterValidator(_regexp)]
    """Regular expression that finds a problem in a line of output."""
    kind: Literal["file", "location"] = "location"
    """Whether a match stands for a whole file or for a place in it."""
    file: int | None = Field(default=None, ge=0)
    """Group of the file name."""
    location: int | None = Field(default=None, ge=0)
    """Group of a place written as `line`, `line,column` or `line,column,endLine,endColumn`."""
    line: int | None = Field(default=None, ge=0)
    """Group of the line, counted from 1."""
    column: int | None = Field(default=None, ge=0)
    """Group of the column, counted from 1."""
    end_line: int | None = Field(default=None, ge=0, alias="endLine")
    """Group of the last line."""
    end_column: int | None = Field(default=None, ge=0, alias="endColumn")
    """Group of the last column."""
    severity: int | None = Field(default=None, ge=0)
    """Group of the severity word."""
    code: int | None = Field(default=None, ge=0)
    """Group of the tool's code for the problem."""
    message: int | None = Field(default=None, ge=0)
    """Group of the message."""
    loop: bool = False
    """Match this last pattern again and again, for several problems under one heading."""


class Matcher(Section):
    """How to read problems out of the output of a gate, with the keys of a VS Code problem matcher."""

    name: str = ""
    """Name of the matcher."""
    owner: str = ""
    """Who owns the problems, as in VS Code."""
    source: str = ""
    """What stands before the message, usually the tool."""
    severity: Literal["error", "warning", "info"] = "error"
    """Severity of problems whose pattern gives none."""
    file_location: str | list[str] = Field(default="relative", alias="fileLocation")
    """`relative` (to the top of the repository), `absolute`, `autoDetect`, or `["relative", "dir"]`."""
    pattern: list[Pattern] = Field(min_length=1)
    """One pattern, or a list of them for problems that stretch over several lines."""

    @field_validator("pattern", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return [given] if isinstance(given, dict) else given


class RigConfig(Section):
    """`rig.toml`: how one repository is worked on, tested and landed."""

    target: Branch = "main"
    """Branch that work lands on."""
    strategy: Literal["squash", "rebase", "merge"] = "squash"
    """How a finished branch becomes part of the target."""
    landing: Literal["push", "pr", "local"] = "local"
    """Where the target lives: `local` in the hub, `push` at the remote, `pr` through pull requests."""
    slots: int = Field(default=1, ge=1, le=64)
    """How many candidates are tested at the same time."""
    max_polecats: int = Field(default=4, ge=1, le=1000)
    """How many polecats may work on this rig at the same time."""
    max_attempts: int = Field(default=3, ge=1, le=100)
    """After so many rejections an item is blocked and a person is asked."""
    no_gates: bool = False
    """Let work land although no gate is listed."""
    source: Source = Field(default_factory=Source)
    """Where the repository comes from."""
    setup: Setup = Field(default_factory=Setup)
    """What a fresh worktree needs."""
    gate: list[Gate] = Field(default_factory=list)
    """Commands that must succeed before work lands, in this order."""
    matcher: list[Matcher] = Field(default_factory=list)
    """How to read problems out of the output of gates that no built-in parser knows."""
    runtime: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of agent runtimes that hold for this rig only."""

    @property
    def gates(self) -> list[Gate]:
        """The gates in their order."""
        return self.gate

    @property
    def matchers(self) -> list[Matcher]:
        """The problem matchers in their order."""
        return self.matcher

    def gate_specs(self) -> list[GateSpec]:
        """The gates as the merge queue carries them."""
        return [GateSpec(name=g.name, run=g.run, timeout_seconds=g.timeout.seconds) for g in self.gate]

    def config_hash(self) -> str:
        """16 hex digits that change when any value changes, and not with comments or the order of keys."""
        plain = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    @field_validator("gate")
    @classmethod
    def _distinct(cls, gates: list[Gate]) -> list[Gate]:
        for at, gate in enumerate(gates):
            if any(gate.name == earlier.name for earlier in gates[:at]):
                where = {"at": [at, "name"], "name": gate.name}
                raise PydanticCustomError("twice", "there are two gates `{name}`", where)
        return gates


class Identity(Section):
    """The keys that may stand at the top of the file or in `[town]`."""

    name: str = Field(default="", max_length=60)
    """Name of the town, shown to people; `town` when nothing is given."""
    namespace: Annotated[str, _match(NAMESPACE, "not a name for a Temporal namespace")] = ""
    """Temporal namespace; one town has one. Empty: chosen from the home."""
    temporal_address: Address = ""
    """`host:port` of Temporal. Empty: rgt runs a server of its own on this machine."""


class Escalation(Section):
    """What happens when nobody answers."""

    timeout_minutes: float = Field(default=30, gt=0, le=100_000)
    """Minutes after which an unanswered escalation is raised again."""
    max_retries: int = Field(default=3, ge=0, le=100)
    """How often it is raised again at most."""


class Limits(Section):
    """When work waits instead of starting."""

    max_polecats: int = Field(default=30, ge=0, le=10_000)
    """How many polecats may work in the whole town; 0 lets all work wait."""
    per_rig: int | None = Field(default=None, ge=0, le=10_000)
    """Upper bound for `max_polecats` of every rig; not given: what each rig says."""
    min_free_mb: int = Field(default=512, ge=0, le=100_000_000)
    """Free memory in MB below which no agent is started; 0 for no bound."""
    max_load: float = Field(default=8.0, ge=0, le=10_000)
    """Load average per processor above which no agent is started; 0 for no bound."""


class Temporal(Section):
    """How to reach a Temporal that is not ours, and how long ended things are kept."""

    profile: str = ""
    """Profile of Temporal's own configuration file to take address and credentials from."""
    tls_cert: Annotated[str, AfterValidator(_absolute)] = ""
    """Path of the client certificate (PEM)."""
    tls_key: Annotated[str, AfterValidator(_absolute)] = ""
    """Path of the certificate's private key (PEM)."""
    api_key_env: Variable = ""
    """Environment variable that holds the API key; the key itself is never written here."""
    payload_key_env: Variable = ""
    """Environment variable that holds the key with which payloads are encrypted."""
    retention_days: int = Field(default=30, ge=1, le=3650)
    """Days for which ended things can be looked up."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            given, other = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            where = {"at": [given], "given": given, "other": other}
            raise PydanticCustomError("pair", "`{given}` needs `{other}`", where)
        return self


class Runtimes(Section):
    """Which program agents run; `[runtime.<name>]` changes single keys of a preset."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]]

    default: str = ""
    """Runtime of every role that names none; empty: claude, when it is installed."""

    @property
    def named(self) -> dict[str, dict[str, Any]]:
        """What `[runtime.<name>]` says, by name."""
        return dict(self.__pydantic_extra__)

    def get(self, name: str) -> dict[str, Any]:
        """What `[runtime.<name>]` says; nothing when there is no such table."""
        return self.__pydantic_extra__.get(name, {})


class Role(Section):
    """What the agents of one role run."""

    runtime: str = ""
    """Runtime of this role; empty: the default runtime."""
    model: str = ""
    """Model, in the words of the runtime; empty: its own default."""
    effort: str = ""
    """Effort, in the words of the runtime; empty: its own default."""


class Roles(Section):
    """The roles that run a model; boot, witness and refinery are code."""

    mayor: Role = Field(default_factory=Role)
    """The mayor's session."""
    crew: Role = Field(default_factory=Role)
    """Persistent workspaces of people."""
    polecat: Role = Field(default_factory=Role)
    """Workers of one item each."""
    dog: Role = Field(default_factory=Role)
    """Workers across rigs."""


class Notify(Section):
    """How a person hears of what waits for them."""

    desktop: bool = False
    """Show notifications on the desktop of this machine."""
    webhook: Annotated[str, AfterValidator(_web)] = ""
    """URL that gets a JSON POST for each."""
    command: str = ""
    """Shell line that gets the text on its input."""


class Budget(Section):
    """Caps on what agents may spend; work above one waits. A key that is not given caps nothing."""

    usd_per_item: float | None = Field(default=None, ge=0)
    """US dollars for one work item."""
    usd_per_rig: float | None = Field(default=None, ge=0)
    """US dollars for one rig and day."""
    usd_per_day: float | None = Field(default=None, ge=0)
    """US dollars for the town and day."""
    tokens_per_item: int | None = Field(default=None, ge=0)
    """Tokens for one work item."""
    tokens_per_rig: int | None = Field(default=None, ge=0)
    """Tokens for one rig and day."""
    tokens_per_day: int | None = Field(default=None, ge=0)
    """Tokens for the town and day."""


class TownConfig(Identity):
    """`town.toml`: one town."""

    town: Identity = Field(default_factory=Identity, exclude=True)
    """Another place for `name`, `namespace` and `temporal_address`."""
    escalation: Escalation = Field(default_factory=Escalation)
    """What happens when nobody answers."""
    limits: Limits = Field(default_factory=Limits)
    """When work waits instead of starting."""
    temporal: Temporal = Field(default_factory=Temporal)
    """How to reach a Temporal that is not ours."""
    runtime: Runtimes = Field(default_factory=Runtimes)
    """Which program agents run."""
    roles: Roles = Field(default_factory=Roles)
    """Runtime, model and effort per role."""
    notify: Notify = Field(default_factory=Notify)
    """How a person hears of what waits for them."""
    budget: Budget = Field(default_factory=Budget)
    """Caps on what agents may spend."""

    @model_validator(mode="after")
    def _merge(self) -> Self:
        for key in Identity.model_fields:
            top, inner = getattr(self, key), getattr(self.town, key)
            if top and inner and top != inner:
                where = {"at": ["town", key], "key": key}
                raise PydanticCustomError("unlike", "`{key}` is given at the top and in [town], and unlike", where)
            setattr(self, key, top or inner)
        self.name = self.name or "town"
        return self


def shown(key: str, value: object) -> str:
    """`value` of the dotted `key` as people may see it: TOML-like, secrets replaced (B86)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {shown(f'{key}.{k}', v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(key, v) for v in value) + "]"
    if value is None:
        return "not given"
    last = key.rpartition(".")[2]
    if value and last == "webhook":
        value = f"https://{urlsplit(str(value)).hostname}/…"
    elif value and not last.endswith("_env") and SECRET.search(last):
        value = "…"
    return json.dumps(value, default=str, ensure_ascii=False)


SECRET = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|credentials?)s?$")
"""Last parts of keys whose values nobody should see."""
