"""`rgt completions`: scripts for bash, zsh and fish. Commands and options are written into them; ids, agents and rigs
are asked of the running town by the hidden `rgt complete`, which answers in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Any

import typer

from rgt.cli.helptext import commands
from rgt.cli.session import session
from rgt.model import operations as ops
from rgt.model.rows import Row

STATES = "open blocked queued assigned in_progress submitted merging merged closed failed"
KINDS = {
    "id": "items",
    "ids": "items",
    "needs": "items",
    "agent": "agents",
    "rig": "rigs",
    "target": "targets",
    "state": f"={STATES}",
    "priority": "=p0 p1 p2 p3",
    "landing": "=local push pr",
    "strategy": "=squash rebase merge",
    "runtime": "=claude scripted",
    "by": "=item agent rig role model day",
    "scope": "=day rig item",
}
"""What the value of an argument or option of this name is: a kind that `rgt complete` knows, or words after a `=`."""
ENDED = ("merged", "closed")
FILES = ("path", "file")


class Shell(StrEnum):
    """Shells that scripts are written for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@dataclass(frozen=True)
class Place:
    """Where a command line can be: its words so far, and what may come next."""

    path: str
    words: tuple[str, ...]
    """Subcommands of a group."""
    options: tuple[str, ...]
    argument: str
    """Kind of its arguments; empty for none that can be completed."""
    values: tuple[tuple[str, str], ...]
    """Options that take a value, with its kind."""


def add_to(app: typer.Typer) -> None:
    """Add the script and what it calls."""
    app.command()(completions)
    app.command(hidden=True)(complete)


def completions(ctx: typer.Context, shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell. In ~/.bashrc: `eval "$(rgt completions bash)"`."""
    s = session(ctx)
    text = {"bash": bash, "zsh": zsh, "fish": fish}[shell.value]()
    s.give({"shell": shell.value, "script": text}, text)


async def complete(ctx: typer.Context, kind: str, prefix: Annotated[str, typer.Argument()] = "") -> None:
    """Print what begins with a prefix, a line each; called by the completion scripts."""
    s = session(ctx)
    if kind == "sessions":
        known = {row.id for row in (await s.ask(ops.SESSION_LIST, ops.SessionFilter())).rows}
    else:
        known = candidates((await s.ask(ops.ROWS, ops.RigFilter())).rows, kind)
    found = sorted(n for n in known if n.startswith(prefix))
    s.give(found, "\n".join(found))
    if not found and not s.json:
        s.out.clear()


def candidates(rows: list[Row], kind: str) -> set[str]:
    """Names of this kind in the town; ended items last would only be in the way and are left out."""
    agents = {r.id for r in rows if r.kind in ("polecat", "crew", "witness", "refinery")}
    rigs = {r.id for r in rows if r.kind == "rig"}
    if kind == "items":
        return {r.id for r in rows if r.kind == "work" and r.state not in ENDED}
    if kind == "targets":
        return rigs | {r.id for r in rows if r.kind == "crew"}
    return {"agents": agents, "rigs": rigs}.get(kind, set())


def places() -> Iterator[Place]:
    """Every place in the command tree."""
    for path, node in commands():
        words = tuple(n for n, c in getattr(node, "commands", {}).items() if not c.hidden)
        options: list[str] = ["--help", "--json", "--quiet"]
        values: list[tuple[str, str]] = []
        argument = ""
        for p in node.params:
            if p.param_type_name == "argument":
                argument = argument or _kind(path, p)
            elif not p.hidden and p.name != "help":
                options += [o for o in (*p.opts, *p.secondary_opts) if o.startswith("--")]
                if not p.is_flag:
                    values += [(o, _kind(path, p)) for o in p.opts]
        yield Place(" ".join(path[1:]), words, tuple(options), argument, tuple(values))


def _kind(path: tuple[str, ...], p: Any) -> str:
    if p.name == "name" and path[1:2] == ("rig",):
        return "" if path[2:] == ("add",) else "rigs"
    if p.name == "id" and path[1:2] == ("session",):
        return "sessions"
    if any(p.name.endswith(f) for f in FILES):
        return "files"
    kind = p.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "=" + " ".join(str(c.value) for c in kind)
    return KINDS.get(p.name, "")


def _cases(table: Iterator[tuple[str, str]]) -> str:
    return "".join(f"    {pattern}) echo {_quoted(text)};;\n" for pattern, text in table if text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _functions() -> str:
    """The tables, as functions that bash and zsh both understand."""
    every = list(places())
    words = _cases((f"'{p.path}'", " ".join(p.words)) for p in every)
    options = _cases((f"'{p.path}'", " ".join(p.options)) for p in every)
    kinds = _cases((f"'{p.path}'", p.argument) for p in every)
    values = _cases((f"'{p.path} {o}'", kind or "-") for p in every for o, kind in p.values)
    tables = {"words": words, "options": options, "argument": kinds, "value": values}
    return "".join(f'_rgt_{name}() {{\n  case "$1" in\n{cases}  esac\n}}\n' for name, cases in tables.items()) + LOOK


LOOK = r"""
# Sets _rgt_place to the command that the words name, and _rgt_found to what may come next ("-" for files).
_rgt_look() {
  local current="$1" before="" word kind subcommands; shift
  _rgt_place=""; _rgt_found=""
  for word in "$@"; do
    before="$word"
    case "$word" in -*) continue;; esac
    subcommands=" $(_rgt_words "$_rgt_place") "
    case "$subcommands" in *" $word "*) _rgt_place="${_rgt_place:+$_rgt_place }$word";; esac
  done
  kind="$(_rgt_value "$_rgt_place $before")"
  if [ -z "$kind" ]; then
    case "$current" in -*) _rgt_found="$(_rgt_options "$_rgt_place")"; return;; esac
    _rgt_found="$(_rgt_words "$_rgt_place")"
    [ -n "$_rgt_found" ] && return
    kind="$(_rgt_argument "$_rgt_place")"
  fi
  case "$kind" in
    "") ;;
    -|files) _rgt_found="-";;
    =*) _rgt_found="${kind#=}";;
    *) _rgt_found="$(rgt complete "$kind" "$current" 2>/dev/null)";;
  esac
}
"""


def bash() -> str:
    """The script for bash 3.2 and later."""
    return f"""# Completion of rgt for bash: eval "$(rgt completions bash)"
{_functions()}
_rgt() {{
  local IFS=$' \\t\\n' current="${{COMP_WORDS[COMP_CWORD]}}"
  _rgt_look "$current" "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"
  if [ "$_rgt_found" = "-" ]; then COMPREPLY=($(compgen -f -- "$current"))
  else COMPREPLY=($(compgen -W "$_rgt_found" -- "$current")); fi
}}
complete -F _rgt rgt
"""


def zsh() -> str:
    """The script for zsh."""
    return f"""#compdef rgt
# Completion of rgt for zsh: eval "$(rgt completions zsh)"
{_functions()}
_rgt() {{
  _rgt_look "${{words[CURRENT]}}" "${{(@)words[2,CURRENT-1]}}"
  if [ "$_rgt_found" = "-" ]; then _files
  else compadd -- ${{=_rgt_found}}; fi
}}
compdef _rgt rgt
"""


def fish() -> str:
    """The script for fish."""
    lines = ["# Completion of rgt for fish: rgt completions fish | source", "complete -c rgt -f"]
    for p in places():
        at = f"'__rgt_at {_escaped(p.path)}'" if p.path else "__rgt_at"
        if p.words:
            lines.append(f"complete -c rgt -n {at} -a {_escaped(' '.join(p.words))}")
        if p.argument:
            lines.append(f"complete -c rgt -n {at} {_fish(p.argument)}")
        takes = dict(p.values)
        for option in p.options:
            value = f" -r {_fish(takes[option])}".rstrip() if option in takes else ""
            lines.append(f"complete -c rgt -n {at} -l {option.removeprefix('--')}{value}")
    tree = [f"    case {_escaped(p.path)}\n      echo {' '.join(p.words)}" for p in places() if p.words]
    return FISH.replace("@TREE@", "\n".join(tree)) + "\n".join(lines) + "\n"


def _fish(kind: str) -> str:
    if kind in ("", "-"):
        return ""
    if kind == "files":
        return "-F"
    return f"-a {_escaped(kind[1:])}" if kind[0] == "=" else f"-a '(rgt complete {kind} (commandline -ct) 2>/dev/null)'"


def _escaped(text: str) -> str:
    return f'"{text}"'


FISH = """function __rgt_words
  switch "$argv"
@TREE@
  end
end
# Whether the words typed so far name exactly this command.
function __rgt_at
  set -l place
  for word in (commandline -opc)[2..-1]
    if contains -- $word (string split ' ' -- (__rgt_words $place))
      set -a place $word
    end
  end
  test "$place" = "$argv"
end
"""
