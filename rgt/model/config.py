"""The two configuration files as typed schemas: `town.toml` of a town and `rig.toml` of a rig.

Every attribute has its sentence below it; editors and `rgt config explain` show that sentence.
Values are strict as TOML is: `"4"` is no number, `1` is no truth value.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rgt.model.base import Model
from rgt.model.fields import (
    Address,
    Branch,
    Duration,
    GitUrl,
    InsidePath,
    Name,
    Namespace,
    Regexp,
    RuntimeName,
    Variable,
    WebUrl,
    WholePath,
)
from rgt.model.mail import MAIL_MINUTES
from rgt.model.queue import GateSpec


class Section(Model):
    """Base of every table: unknown keys are errors, values have the type that the file gives them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True, serialize_by_alias=True
    )


class Source(Section):
    """Where the repository comes from: a directory of this machine or a remote."""

    path: WholePath = ""
    """Path of the repository on this machine; either this or `git_url`."""
    git_url: GitUrl = ""
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

    copy_files: list[InsidePath] = Field(default_factory=list, alias="copy")
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
    report: InsidePath | None = None
    """JUnit XML file that the command writes, `*` for any part of a name; failures are read from it."""


class Pattern(Section):
    """One line pattern of a problem matcher; numbers are groups of the regular expression."""

    regexp: Regexp
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
    test: int | None = Field(default=None, ge=0)
    """Group of the id of a test that failed; VS Code has no such key."""
    loop: bool = False
    """Match this last pattern again and again, for several problems under one heading."""

    @model_validator(mode="after")
    def _groups_are_there(self) -> Self:
        most = re.compile(self.regexp).groups
        for name, field in Pattern.model_fields.items():
            key, group = field.alias or name, getattr(self, name)
            if isinstance(group, int) and not isinstance(group, bool) and group > most:
                where = {"at": [key], "key": key, "group": group, "most": most}
                raise PydanticCustomError("group", "`{key}` is group {group}, but the expression has {most}", where)
        return self


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

    @field_validator("file_location")
    @classmethod
    def _known(cls, where: str | list[str]) -> str | list[str]:
        listed = [where] if isinstance(where, str) else where
        if len(listed) not in (1, 2) or listed[0] not in ("relative", "absolute", "autoDetect"):
            raise ValueError('write "relative", "absolute", "autoDetect" or ["relative", "dir"]')
        return where

    @field_validator("pattern", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return [given] if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        first, alone = self.pattern[0], len(self.pattern) == 1
        wrong = ""
        if alone and not first.model_fields_set - {"regexp", "kind"}:
            if re.compile(first.regexp).groups < 2:
                wrong = "an expression alone needs two groups, file and line; or say which group is what"
        elif all(p.file is None for p in self.pattern):
            wrong = "no pattern says which group is the `file`"
        elif all(p.line is p.location is None and p.kind == "location" for p in self.pattern):
            wrong = 'no pattern says which group is the `line`; for whole files write kind = "file"'
        elif any(p.loop for p in self.pattern[:-1]) or (alone and first.loop):
            wrong = "`loop` is for the last of several patterns"
        if wrong:
            raise PydanticCustomError("matcher", wrong, {"at": ["pattern"]})
        return self


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
    runtime: dict[RuntimeName, dict[str, Any]] = Field(default_factory=dict)
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
        return [
            GateSpec(name=g.name, run=g.run, timeout_seconds=g.timeout.seconds, report=g.report or "")
            for g in self.gate
        ]

    def matcher_tables(self) -> list[dict[str, Any]]:
        """The problem matchers as the merge queue carries them: as they stand in the file."""
        return [x.model_dump(mode="json", exclude_defaults=True) for x in self.matcher]

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
    namespace: Namespace = ""
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
    stuck_minutes: float = Field(default=15, gt=0, le=100_000)
    """Minutes without a sign of life after which an agent that is at work counts as stuck."""
    dialog_seconds: float = Field(default=60, gt=0, le=100_000)
    """Seconds for which an agent may wait at a dialog before a person is told."""
    idle_minutes: float = Field(default=15, gt=0, le=100_000)
    """Minutes for which a polecat may wait whose turn is over and whose item is not done, before a person is told."""
    mail_minutes: float = Field(default=MAIL_MINUTES, gt=0, le=100_000)
    """Minutes for which mail to an agent that is at work may wait before a person is told."""


class Temporal(Section):
    """How to reach a Temporal that is not ours, and how long ended things are kept."""

    profile: str = ""
    """Profile of Temporal's own configuration file to take address and credentials from."""
    tls_cert: WholePath = ""
    """Path of the client certificate (PEM)."""
    tls_key: WholePath = ""
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
    __pydantic_extra__: dict[RuntimeName, dict[str, Any]]

    default: RuntimeName = ""
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

    runtime: RuntimeName = ""
    """Runtime of this role; empty: the default runtime."""
    model: str = ""
    """Model, in the words of the runtime; empty: its own default."""
    effort: str = ""
    """Effort, in the words of the runtime; empty: its own default."""
    fallback: RuntimeName = ""
    """Runtime that takes over after two failed attempts in a row; empty: none."""


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
    webhook: WebUrl = ""
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
