"""Answering one command line in this process: the worker does it for the fast path, `rgt.cli` for itself."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import json
import traceback
from collections.abc import Awaitable
from typing import Any, cast

from pydantic import ValidationError
from typer.exceptions import Abort, Exit, TyperException

from rgt.cli.app import program
from rgt.cli.session import RunWorker, Session
from rgt.client.town import Call
from rgt.model.errors import RgtError
from rgt.model.home import Home


def tree(s: Session) -> Any:
    """The command tree: in the worker the whole one, in a process of its own what it was started for."""
    return program(next((word for word in s.call.argv if not word.startswith("-")), "")) if s.local else program()


def split_flags(argv: list[str]) -> tuple[list[str], bool, bool]:
    """`argv` without `--json` and `-q`, which every command takes anywhere before a `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    before, after = argv[:end], argv[end:]
    rest = [a for a in before if a not in ("--json", "-q", "--quiet")]
    return rest + after, "--json" in before, "-q" in before or "--quiet" in before


async def answer(call: Call, home: Home, *, local: bool = False) -> Session:
    """Run the command of `call`; everything that can go wrong ends as an exit code and one line on standard error."""
    argv, as_json, quiet = split_flags(call.argv)
    s = Session(dataclasses.replace(call, argv=argv), home, json=as_json, quiet=quiet, local=local)
    try:
        await _run(s, argv)
    except RgtError as e:
        _fail(s, e)
    except RunWorker:
        raise
    except BrokenPipeError:
        if local:
            raise
        _fail(s, RgtError("failed", "a program that was asked went away", "try again"))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"])
        _fail(s, RgtError("usage", f"{where}: {_said(first['msg'])}", f"see `{command_of(s, argv)} --help`"))
    except Exception as e:
        s.err.append(traceback.format_exc())
        _fail(s, RgtError("internal", f"{type(e).__name__}: {e}"[:300], "this is a bug in rgt"))
    if not as_json:
        s.out, s.err = [s.fit(t) for t in s.out], [s.fit(t) for t in s.err]
    return s


async def _run(s: Session, argv: list[str]) -> None:
    printed = io.StringIO()
    try:
        # Help is printed while the line is parsed; nothing is awaited in there, so no other call can be caught.
        with contextlib.redirect_stdout(printed):
            result = tree(s).main(args=argv, prog_name="rgt", standalone_mode=False, obj=s)
    except Exit as e:
        s.code = e.exit_code
        result = None
    except Abort as e:
        raise RgtError("interrupted", "interrupted") from e
    except TyperException as e:
        raise _usage(e, command_of(s, argv)) from e
    finally:
        if printed.getvalue():
            s.say(printed.getvalue())
    if inspect.isawaitable(result):
        await cast(Awaitable[None], result)


def command_of(s: Session, argv: list[str]) -> str:
    """The command that these words begin with, such as `rgt work list`."""
    path, node = ["rgt"], tree(s)
    for word in argv:
        if word not in getattr(node, "commands", {}):
            break
        path, node = [*path, word], node.commands[word]
    return " ".join(path)


def _usage(e: TyperException, command: str) -> RgtError:
    text = e.format_message() if hasattr(e, "format_message") else str(e)
    return RgtError("usage", _said(" ".join(text.split()).rstrip(".")), f"see `{command} --help`")


def _said(text: str) -> str:
    """A message of typer or pydantic in our manner."""
    text = text.replace("Value error, ", "")
    return text[:1].lower() + text[1:]


def _fail(s: Session, e: RgtError) -> None:
    s.code = e.exit_code
    s.err.append((json.dumps({"error": e.as_dict()}, ensure_ascii=False) if s.json else f"rgt: {e.line()}") + "\n")
