"""`python -m rgt.cli`: the whole command line, for what cannot be asked of a worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from rgt.cli.worker import kept, load
from rgt.model.errors import RgtError
from rgt.model.home import Home

READER_GONE = 141
"""Exit code when nobody reads the answer any more, as shells have it of a program that SIGPIPE ended."""

AGAIN = 5.0
"""Seconds for a worker that the fast path (`bin/rgt`) has found silent."""


def main() -> int:
    """Run one command line; gives its exit code."""
    # While the half second of imports lasts, Ctrl+C ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with kept():
        import asyncio

        from rgt.cli.answer import answer
        from rgt.cli.session import RunWorker
        from rgt.client.here import here
        from rgt.client.socket import PATIENCE
        from rgt.client.town import Call, new_op_id

    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = Home.of(os.environ)
    argv = sys.argv[1:] or ["--help"]
    try:
        town, who = here(home, os.environ, AGAIN if os.environ.pop("RGT_SILENT", "") else PATIENCE)
        cwd = working_directory()
    except RgtError as e:
        print(json.dumps({"error": e.as_dict()}) if "--json" in argv else f"rgt: {e.line()}", file=sys.stderr)
        return e.exit_code
    call = Call(
        argv=argv,
        town=town,
        who=who,
        cwd=cwd,
        columns=shutil.get_terminal_size((200, 50)).columns,
        colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb",
        ascii=not utf8(os.environ),
        token=os.environ.get("GTR_TOKEN", ""),
        stdin=sys.stdin.buffer.read() if "-" in argv else b"",
        op_id=os.environ.pop("RGT_OP_ID", "") or new_op_id(),
    )
    try:
        done = asyncio.run(answer(call, home, local=True))
    except KeyboardInterrupt:
        return 130
    except RunWorker as e:
        return load(e.home, e.host)()
    sys.stdout.write("".join(done.out))
    sys.stdout.flush()
    sys.stderr.write("".join(done.err))
    return done.code


def working_directory() -> str:
    """Where this process is; refused when somebody has removed it."""
    try:
        return str(Path.cwd())
    except OSError as e:
        raise RgtError("usage", "this directory is gone", "cd to one that exists") from e


def utf8(env: Mapping[str, str]) -> bool:
    """Whether the locale of this environment bears UTF-8."""
    locale = env.get("RGT_LOCALE") or env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    return "utf8" in locale.lower().replace("-", "")


if __name__ == "__main__":
    try:
        code = main()
        sys.stderr.flush()
    except BrokenPipeError:
        code = READER_GONE
    # A short-lived process with Temporal's core loaded can abort at interpreter exit.
    os._exit(code)
