"""Runtimes are data: what it takes to start, resume and end one kind of agent program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from rgt.model import toml
from rgt.model.base import Model
from rgt.model.config import RigConfig, Role, TownConfig
from rgt.model.errors import RgtError
from rgt.model.fields import Name
from rgt.model.guard_places import HIDDEN

Mode = Literal["start", "rejected", "resumed", "handoff"]
"""Why an agent starts: a new item, work that came back from the merge queue, a death in mid-work, or a handoff: a fresh
session that goes on where the one before has written down that it was."""

PLACEHOLDERS = ("python", "runtimes", "agent_dir", "mode", "session", "worktree", "model", "effort", "name")
"""What `{…}` in a preset's arguments and environment may name: the Python that runs the town, the directory of the
shipped runtime programs, the directory of the agent's generated files, the mode of this start, the runtime's own id of
the session (a UUID that we choose), the worktree, model and effort as configured, the agent's address."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def _known(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise ValueError(f"there is no {{{name}}}; there are {', '.join(f'{{{p}}}' for p in PLACEHOLDERS)}")
    return text


def _session_only(text: str) -> str:
    if set(_PLACEHOLDER.findall(text)) - {"session"}:
        raise ValueError("only {session} can stand in it")
    return text


def _below(pattern: str) -> str:
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
        raise ValueError("write a pattern of files below the agent's directory, without `..`")
    return pattern


Template = Annotated[str, AfterValidator(_known)]


class Preset(Model):
    """One runtime, as its TOML file tells it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    name: Name
    """Name of the runtime, which is that of its file."""
    command: list[Template] = Field(min_length=1)
    """Program and arguments, one word each; no shell reads them."""
    resume: list[Template] = []
    """Used instead of `command` after a death; absent: `command` again."""
    kept: Annotated[str, AfterValidator(_session_only)] = ""
    """Where it keeps sessions: a pattern of files below the agent's directory, without one of which a death starts it
    anew; absent: `resume` is always right."""
    kept_has: str = ""
    """Text that the file must have for its session to be one that can go on."""
    model_args: list[Template] = []
    """Added when a model is configured, such as `["--model", "{model}"]`."""
    effort_args: list[Template] = []
    """Added when an effort is configured."""
    model: str = ""
    """Model when neither the rig nor the role says another."""
    effort: str = ""
    """Effort, likewise."""
    wrapper: list[Template] = []
    """Words before the command, such as those of a container that has the program in it."""
    sandbox: bool = False
    """Run it under bubblewrap, where it can write its worktree and little else."""
    sandbox_write: list[str] = ["~/.cache"]
    """Other places that it may write in the sandbox."""
    sandbox_hide: list[str] = [f"~/{place}" for place in HIDDEN]
    """Places that it cannot even read there."""
    prompt: Literal["none", "argument", "flag", "paste", "stdin"] = "none"
    """How the first prompt is given, which always waits in the file `prompt` of the agent's directory: as the last
    argument, as the value of `prompt_flag`, typed into the session once it is ready, or on standard input."""
    prompt_flag: str = ""
    """The option that takes the prompt, for `flag`; one that ends in `=` is joined with it."""
    version: list[Template] = []
    """Command that prints the program's version; absent: its version is not looked at."""
    tested: str = ""
    """The version that the conformance suite was run with."""
    at_least: str = ""
    """An older version is refused."""
    login: list[Template] = []
    """Command that ends with 0 when somebody is logged in; absent: `rgt doctor` does not look."""
    provision: Literal["none", "claude", "codex", "gemini", "opencode", "copilot"] = "none"
    """Whose files are made ready in the agent's directory before each start."""
    settings: dict[str, str] | None = None
    """What `[runtime.<name>]` may say beyond the keys of a preset, each with its meaning; absent: anything."""
    guard: Literal["closed", "open", "none"] = "none"
    """Whether its hooks can refuse what it is about to do, and whether a hook that fails refuses (`closed`)."""
    usage: Annotated[str, AfterValidator(_below)] = ""
    """Where it writes down what it has used: a pattern of files below the agent's directory, in the form of Claude
    Code's, Codex's or Gemini's transcripts; absent: nobody knows what it costs."""
    limits: list[str] = []
    """What it cannot do, for `docs/runtimes.md`."""
    env: dict[str, Template] = {}
    """Set beside the environment that every agent gets."""
    ready: Literal["file", "hook", "delay"] = "file"
    """How it says that it is up: `file` writes `<pid> <nonce>` to `ready` in its directory, `hook` reports
    `session_start`, `delay` says nothing and is taken to be up after `ready_seconds`."""
    ready_seconds: float = Field(default=30.0, gt=0, le=600)
    """The deadline for it (for `delay`: the time itself)."""
    ask: list[Template] = []
    """Opens a past session again beside the living agent, as a fork, to answer the question that is added as the last
    argument, and ends; absent: it cannot."""
    mail: Literal["hook-bell", "command", "paste", "none"] = "none"
    """How a message reaches a running session."""
    stop: list[Literal["HUP", "INT", "TERM"]] = ["TERM"]
    """Signals that ask it to end, one after the other; KILL to the whole process group is always the last."""
    stop_seconds: float = Field(default=5.0, ge=0, le=120)
    """How long each of them is given."""

    @model_validator(mode="after")
    def _flagged(self) -> Self:
        if (self.prompt == "flag") != bool(self.prompt_flag):
            raise PydanticCustomError("flag", '`prompt = "flag"` and `prompt_flag` need each other', {"at": ["prompt"]})
        return self

    def argv(self, values: dict[str, str], resumes: bool) -> list[str]:
        """Program and arguments, with `values` for the placeholders, for a new session or one that goes on."""
        words = list(self.resume if resumes else self.command)
        words += self.model_args if values.get("model") else []
        words += self.effort_args if values.get("effort") else []
        return [fill(word, values) for word in words]


class Choice(NamedTuple):
    """What an agent runs. An empty runtime: nobody has said; an empty model or effort: the runtime's own default."""

    runtime: str
    model: str = ""
    effort: str = ""


def choose(town: TownConfig, rig: RigConfig | None, role: str, asked: str = "") -> Choice:
    """What an agent of `role` runs, when a person `asked` for a runtime or (empty) not.

    Model and effort are words of one runtime: those of `[roles.<role>]` hold for the runtime that the role has by
    configuration, and `[runtime.<name>]` of rig.toml goes before them, that of town.toml after them.
    """
    its: Role = getattr(town.roles, role, Role())
    usual = its.runtime or town.runtime.default
    name = asked or usual
    tables = [rig.runtime.get(name, {}) if rig else {}, vars(its) if name == usual else {}, town.runtime.get(name)]
    model, effort = (next((str(t[key]) for t in tables if t.get(key)), "") for key in ("model", "effort"))
    return Choice(name, model, effort)


def overridden(preset: Preset, tables: Iterable[tuple[str, dict[str, Any]]]) -> Preset:
    """`preset` with the keys of each `[runtime.<name>]` table laid over it, `env` variable by variable.

    A table comes with the name of its file. Keys that are no preset's must be in `settings` of the preset. Raises
    `invalid` with the file, the key and a suggestion.
    """
    for file, table in tables:
        if not table:
            continue
        where = f"{file}: [runtime.{preset.name}]"
        known = Preset.model_fields.keys() - {"name"}
        for key in table.keys() - known:
            if key == "name" or (preset.settings is not None and key not in preset.settings):
                names = [*sorted(known), *(preset.settings or ())]
                raise RgtError("invalid", f"{where} has no key `{key[:60]}`", toml.near(key, names))
        try:
            preset = toml.laid_over(preset, table)
        except ValidationError as e:
            problem = toml.problem(Preset, e)
            raise RgtError("invalid", f"{where}: {problem.message}", problem.hint) from e
    return preset


_VERSION = re.compile(r"\d+(?:\.\d+)+")


def version_of(said: str) -> str:
    """The version in what a program prints about itself; empty when there is none."""
    found = _VERSION.search(said)
    return found[0] if found else ""


def older(version: str, than: str) -> bool:
    """Whether dotted `version` comes before the other."""
    a, b = ([int(part) for part in v.split(".")] for v in (version, than))
    length = max(len(a), len(b))
    return a + [0] * (length - len(a)) < b + [0] * (length - len(b))


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with each `{name}` replaced; braces around anything else stay as they are."""
    return _PLACEHOLDER.sub(lambda m: values[m[1]], text)


def parse_preset(text: str, name: str) -> Preset:
    """The preset in the TOML `text` of the file `<name>.toml`; raises `invalid` with line, key and suggestion."""
    preset = toml.load(Preset, text, f"{name}.toml")
    if preset.name != name:
        raise RgtError("invalid", f"{name}.toml: the name in it is {preset.name}", "make both names the same")
    return preset


def asking(preset: Preset, values: dict[str, str], question: str) -> list[str]:
    """Program and arguments that ask a past session something; only where the preset has `ask`."""
    return [*(fill(word, values) for word in preset.ask), question]
