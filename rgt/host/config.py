"""Reading and writing the files of a home: town.toml, rig.toml and runtime/env.json."""

from __future__ import annotations

import difflib
import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import tomlkit
from pydantic import BaseModel, ConfigDict, ValidationError
from tomlkit.exceptions import TOMLKitError

from rgt.model import toml, toml_reader
from rgt.model.base import Model
from rgt.model.config import RigConfig, TownConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.ids import check_name
from rgt.model.lines import Lines

SECRET = re.compile(r"(?i)(?:^|[_.-])(?:key|token|secret|password|passwd|credentials?|auth)s?$")
"""Last parts of keys whose values nobody needs to see."""
PLAIN_AUTH = frozenset({"setup-token", "api-key", "helper", ""})
"""Values of `auth` that name a way to log in and are no secret."""
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Setting(NamedTuple):
    """One value of town.toml, as `rgt config explain` shows it."""

    key: str
    """Dotted key."""
    value: str
    """The value as TOML has it, secrets replaced by `…`."""
    source: str
    """`default`, or the file and line that sets it."""
    doc: str
    """What the key means."""


class Env(Model):
    """What runs for a town: `runtime/env.json`, written by `rgt start`. Unknown keys are dropped."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    temporal_address: str = ""
    """`host:port` of the Temporal in use."""
    namespace: str = ""
    """Its namespace."""
    temporal_managed: bool = False
    """Whether `rgt start` started that Temporal."""
    temporal_pid: int = 0
    """Process of a managed Temporal."""
    temporal_start: int = 0
    """Start time of that process, as `processes.Proc` counts it."""
    worker_pid: int = 0
    """Process of the worker."""
    worker_start: int = 0
    """Start time of that process, as `processes.Proc` counts it."""
    socket: str = ""
    """Socket of the gateway, when it is not in the usual place."""
    agents_tmux: str = ""
    """Socket of the tmux server in which agents live."""
    daemon_tmux: str = ""
    """Socket of the tmux server in which Temporal and the worker live."""
    version: str = ""
    """Version of rgt that started the town."""
    started_at: str = ""
    """When the town was started, ISO 8601 UTC."""


def read_town(home: Home) -> TownConfig:
    """The configuration of a town; the defaults when there is no file, `invalid` with the line when it is wrong."""
    return toml.load(TownConfig, _read(home.town_toml, "town.toml") or "", "town.toml")


def read_rig(home: Home, name: str) -> RigConfig:
    """The configuration of a rig; `not_found` when there is no such rig, `invalid` with the line when it is wrong."""
    text, shown = _rig_text(home, name)
    return toml.load(RigConfig, text, shown)


def write_rig(home: Home, name: str, config: RigConfig) -> None:
    """Write a rig's configuration in one step; in a file that is there only what differs is touched."""
    path = home.rig(check_name("rig", name)).rig_toml
    text = _read(path, str(path))
    before, _ = toml.check(RigConfig, text) if text is not None else (None, [])
    if text is None or before is None:
        written = _new_rig(config)
    else:
        document, old, new = tomlkit.parse(text), _plain(before), _plain(config)
        for key in old.keys() | new.keys():
            if key not in new:
                document.pop(key, None)
            elif new[key] != old.get(key):
                document[key] = new[key]
        written = tomlkit.dumps(document)
    toml.load(RigConfig, written, path.name)
    with said(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, written)


def set_rig_key(home: Home, name: str, key: str, value: str) -> RigConfig:
    """Change one key of a rig's file, keep the rest of it as it is, and give the new configuration.

    `key` may be dotted (`setup.run`); `value` is read as TOML where that fits and else as text. Raises `invalid`,
    and writes nothing, when there is no such key or the value does not fit.
    """
    text, shown = _rig_text(home, name)
    parts = key.split(".")
    known = toml.keys(RigConfig, tuple(parts[:-1]))
    free = parts[0] == "runtime" and len(parts) > 2
    if not free and (parts[-1] not in known or key in ("gate", "matcher") or parts[0] in ("gate", "matcher")):
        near = difflib.get_close_matches(parts[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near and near[0] != parts[-1] else "edit its file for lists of tables"
        raise RgtError("invalid", f"a rig has no key {key[:60]!r} to set", hint)
    problems: list[toml.Problem] = []
    for candidate in _readings(value):
        try:
            changed = _changed(text, parts, candidate)
        except (TOMLKitError, TypeError, ValueError) as e:
            toml.load(RigConfig, text, shown)
            raise RgtError("invalid", f"{key} cannot be set here: {e}", f"edit {home.rig(name).rig_toml}") from e
        config, problems = toml.check(RigConfig, changed)
        if config is not None:
            write_file(home.rig(name).rig_toml, changed)
            return config
    toml.load(RigConfig, text, shown)
    raise RgtError("invalid", problems[0].message, problems[0].hint)


def town_explain(home: Home) -> list[Setting]:
    """Every setting of a town with its value, where it comes from and what it means."""
    text = _read(home.town_toml, "town.toml") or ""
    return list(_settings(toml.load(TownConfig, text, "town.toml"), (), _lines(text)))


def read_env(home: Home) -> Env:
    """What runs, as far as the file can be read; an empty `Env` when it is missing or broken."""
    with suppress(OSError, ValueError, ValidationError):
        return Env.model_validate(json.loads(home.env_json.read_text()))
    return Env()


def write_env(home: Home, data: Env) -> None:
    """Write down what runs, in one step."""
    with said(home.env_json):
        home.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(home.env_json, data.model_dump_json(indent=1) + "\n", 0o600)


def write_file(path: Path, text: str, mode: int = 0o644, *, durable: bool = True) -> None:
    """Write `path` whole or not at all; a file that is there keeps its mode, a symlink stays one.

    `durable`: also a machine that loses power has it; what is generated for one process needs no such thing."""
    with said(path):
        path = path.resolve()
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode & 0o777
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        if not durable:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into one line that says what to do (B84)."""
    try:
        yield
    except OSError as e:
        at = e.filename or path
        if e.errno in FULL:
            raise RgtError("failed", f"no space left to write {at}", "free disk space, then run it again") from e
        if e.errno in READ_ONLY:
            hint = "make it writable, or set GTR_ROOT to another home"
            raise RgtError("failed", f"{at} cannot be written: {e.strerror}", hint) from e
        hint = "check the path, or set GTR_ROOT to another home"
        raise RgtError("failed", f"{at} cannot be used: {e.strerror}", hint) from e


def masked(key: str, value: object) -> str:
    """The value of a dotted key as TOML would have it, with secrets replaced (B86)."""
    last = key.rpartition(".")[2]
    if value is None:
        return "not given"
    if value and last == "webhook":
        return json.dumps(f"{urlsplit(str(value)).scheme}://{urlsplit(str(value)).hostname}/…", ensure_ascii=False)
    if value and SECRET.search(last) and not last.endswith(("tls_key", "_env")) and value not in PLAIN_AUTH:
        return '"…"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {masked(f'{key}.{k}', v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(masked(key, v) for v in value) + "]"
    return json.dumps(value, default=str, ensure_ascii=False)


def _read(path: Path, shown: str) -> str | None:
    """Text of a file, None when it is not there."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise RgtError("failed", f"{path} cannot be read: {e.strerror}", "check the path and its permissions") from e
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise RgtError("invalid", f"{shown}:{line}: this is not UTF-8 text", "save the file as UTF-8") from e


def _rig_text(home: Home, name: str) -> tuple[str, str]:
    """Text of a rig's file and how messages call the file."""
    shown = f"rigs/{check_name('rig', name)}/rig.toml"
    text = _read(home.rig(name).rig_toml, shown)
    if text is None:
        raise RgtError("not_found", f"there is no rig {name!r}", "see `rgt rig list`")
    return text, shown


def _plain(config: RigConfig) -> dict[str, Any]:
    """What a file must say to mean `config`; empty tables are left out."""
    plain = config.model_dump(mode="json", exclude_none=True)
    unset = config.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    scalars = {k: v for k, v in plain.items() if not isinstance(v, dict | list)}
    return {**scalars, **{k: v for k, v in unset.items() if k not in scalars and v}}


def _new_rig(config: RigConfig) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment("How this repository is worked on, tested and landed. rgt watches this file."))
    for key, value in _plain(config).items():
        item = tomlkit.item(value)
        if not isinstance(value, dict | list):
            item.comment(RigConfig.model_fields[key].description or "")
        document.add(key, item)
    return tomlkit.dumps(document)


def _readings(value: str) -> list[object]:
    """What a person can have meant by `value`: TOML, else text."""
    try:
        return [tomlkit.value(value.strip()), value]
    except (TOMLKitError, ValueError):
        return [value]


def _changed(text: str, parts: list[str], value: object) -> str:
    document = tomlkit.parse(text)
    at: Any = document
    for part in parts[:-1]:
        if part not in at:
            at[part] = tomlkit.table()
        at = at[part]
    at[parts[-1]] = value
    return tomlkit.dumps(document)


def _lines(text: str) -> dict[toml_reader.Path, int]:
    """The line of every key, from 1."""
    lines = Lines(text)
    return {path: lines.position(span.start)[0] + 1 for path, span in toml_reader.read(text).where.items()}


def _settings(model: BaseModel, at: tuple[str, ...], where: dict[toml_reader.Path, int]) -> Iterator[Setting]:
    for name, field in type(model).model_fields.items():
        path, value = (*at, field.alias or name), getattr(model, name)
        if path == ("town",):
            continue
        if isinstance(value, BaseModel):
            yield from _settings(value, path, where)
        else:
            yield _setting(path, value, field.description or "", where)
    for name, table in (model.__pydantic_extra__ or {}).items():
        for key, value in table.items():
            yield _setting((*at, name, key), value, f"Changes `{key}` of the preset {name}.", where)


def _setting(path: tuple[str, ...], value: object, doc: str, where: dict[toml_reader.Path, int]) -> Setting:
    line = where.get(path) or where.get(("town", *path))
    key = ".".join(path)
    return Setting(key, masked(key, value), f"town.toml:{line}" if line else "default", doc)
