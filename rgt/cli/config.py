"""`rgt config`: the town's settings as they are in force, what each means, and editing them safely."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Annotated

import typer

from rgt.cli.session import session
from rgt.host.config import Setting, town_explain, write_file
from rgt.host.install import default_town_toml
from rgt.model import toml
from rgt.model.config import TownConfig
from rgt.model.errors import RgtError
from rgt.model.ids import resolve

config = typer.Typer(help="The town's settings (config/town.toml).", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="A key such as limits.max_polecats, or a table such as limits.")]


def add_to(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(config, name="config")


def _chosen(settings: list[Setting], key: str) -> list[Setting]:
    if not key:
        return settings
    chosen = [x for x in settings if x.key == key or x.key.startswith(key + ".")]
    if not chosen:
        found = resolve(key, [x.key for x in settings], "setting")
        chosen = [x for x in settings if x.key == found]
    return chosen


@config.command("show")
async def show(ctx: typer.Context, key: Key = "") -> None:
    """Show every setting with its value; secrets are masked."""
    s = session(ctx)
    chosen = _chosen(town_explain(s.home), key)
    lines = [f"{x.key} = {x.value}" if x.source != "default" else f"# {x.key} = {x.value}" for x in chosen]
    s.give({x.key: x.value for x in chosen}, "\n".join([f"# {s.home.town_toml}", *lines]))


@config.command("explain")
async def explain(ctx: typer.Context, key: Key = "") -> None:
    """Show what every setting means and where its value comes from."""
    s = session(ctx)
    chosen = _chosen(town_explain(s.home), key)
    cells = [(x.key, x.value, x.source, x.doc) for x in chosen]
    table = s.paint.table(("KEY", "VALUE", "FROM", "MEANING"), cells, flexible=3)
    s.give([x._asdict() for x in chosen], table)


@config.command("edit")
def edit(ctx: typer.Context) -> None:
    """Edit the settings in $VISUAL or $EDITOR. What is wrong is never put in place."""
    s = session(ctx)
    s.must_be_local("rgt config edit")
    if s.who.agent:
        raise RgtError("denied", f"a {s.who.role} may not change the town's settings", "ask with `rgt escalate`")
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    path, draft = s.home.town_toml, s.home.config / "town.draft.toml"
    before = path.read_text() if path.exists() else default_town_toml()
    if not draft.exists():
        draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(draft, before, 0o600)
    try:
        ended = subprocess.run([*shlex.split(editor), str(draft)], check=False).returncode
    except OSError as e:
        draft.unlink()
        raise RgtError("missing", f"the editor {editor} does not start: {e.strerror}", "set $EDITOR") from e
    if ended:
        draft.unlink()
        raise RgtError("failed", f"the editor {editor} ended with {ended}", "nothing was changed")
    text = draft.read_text()
    try:
        toml.load(TownConfig, text, "town.toml")
    except RgtError as e:
        e.hint = f"{e.hint + '; ' if e.hint else ''}your text is kept, `rgt config edit` goes on with it"
        raise
    if text != before:
        write_file(path, text, 0o600)
    draft.unlink()
    s.give({"path": str(path), "changed": text != before}, f"{path}: {'changed' if text != before else 'unchanged'}")
