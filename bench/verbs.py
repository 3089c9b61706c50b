"""Hot verbs, tables and help in a town of 1,000 items and 100 agents: each a whole process, beside two floors."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure
from bench.harness import (
    HERE,
    PYTHON,
    QUICK,
    Gateway,
    alternately,
    commandline,
    count,
    fifo,
    let_go,
    live,
    many_items,
    repository,
    running_since,
    timed,
)
from rgt.model.tokens import token
from tests.eventually import eventually
from tests.town import RGT, LiveTown

HOT = {
    "prime": ("prime", "--json"),
    "hook": ("hook", "--json"),
    "status": ("status", "--json"),
    "work list": ("work", "list", "--json"),
    "mq list": ("mq", "list", "--json"),
    "needs": ("needs", "--json"),
}
"""Verbs that agents and editors call all the time."""
TABLES = {"status": ("status",), "work list": ("work", "list"), "mq list": ("mq", "list"), "needs": ("needs",)}
OTHERS = {
    "work show": ("work", "show", "ITEM"),
    "agents list": ("agents", "list"),
    "rig list": ("rig", "list"),
    "work create": ("work", "create", "one more"),
    "log ITEM": ("log", "ITEM"),
}


def run() -> list[Figure]:
    """Measure."""
    with live() as town:
        town.add_rig("api", repository(town, "api"), max_polecats="4")
        many_items(town, 200 if QUICK else 1000)
        crew(town, 20 if QUICK else 100)
        item, agent = a_working_agent(town)
        figures = [hot(town, name, argv, agent) for name, argv in HOT.items()]
        figures += [plain(town, f"`rgt {name}`, table", argv, 150) for name, argv in TABLES.items()]
        for name, argv in OTHERS.items():
            whole = tuple(item if a == "ITEM" else a for a in argv)
            try:
                figures.append(plain(town, f"`rgt {name}`", whole, 150))
            except AssertionError as e:
                print(f"  left out: {e}")
        figures.append(plain(town, "`rgt --help`", ("--help",), 60))
        let_go(town, item)
        return figures


def crew(town: LiveTown, n: int) -> None:
    """So many crew members, none of whom runs."""
    gateway = Gateway(town)
    for index in range(n):
        gateway.call("crew.create", rig="api", name=f"crew-{index}", runtime="bench")
    eventually(lambda: sum(r["kind"] == "crew" for r in gateway.call("rows")["rows"]) >= n, 60, 0.1)
    gateway.close()


def a_working_agent(town: LiveTown) -> tuple[str, dict[str, str]]:
    """An item with a polecat at work on it, and the environment of that polecat."""
    item = town.create("the item on the hook")
    fifo(town, item)
    town.rgt("sling", item, "--target", "api", "--runtime", "bench")
    running_since(town, item)
    name = town.becomes(item, "in_progress")["agent"]
    key = town.home.key.read_text().strip()
    return item, {**town.env, "GTR_AGENT": name, "GTR_TOKEN": token(key, name, 1)}


def hot(town: LiveTown, name: str, argv: tuple[str, ...], agent: dict[str, str]) -> Figure:
    """One hot verb beside a script that asks once and gets the same bytes, and beside an empty script."""
    env = agent if name in ("prime", "hook") else town.env
    said = timed(commandline(*argv), env, town.root)[1]
    with Echo(town.root / "echo", said) as echo:
        script = [PYTHON, str(HERE / "floor_client.py"), str(echo.path)]
        values, scripts, empty = alternately(
            count(30),
            _process(commandline(*argv), env, town),
            _process(script, env, town),
            _process([str(empty_launcher(town))], env, town),
        )
    figure = Figure(
        f"`rgt {' '.join(argv)}`", values, "an empty script with the same launcher", empty, {"median": 30, "times": 2.5}
    )
    below = Figure("", values, "", scripts)
    figure.note = f"{len(said):,} bytes; {below.measure('times'):.2f}× a json + socket script"
    if below.measure("times") > 1:
        figure.note += ", which it should be below"
    return figure


def plain(town: LiveTown, name: str, argv: tuple[str, ...], limit: float) -> Figure:
    """One verb on its own."""
    env = {**town.env, "COLUMNS": "120"}
    return Figure(name, alternately(count(20), _process(commandline(*argv), env, town))[0], limits={"median": limit})


def _process(argv: list[str], env: dict[str, str], town: LiveTown) -> Callable[[], float]:
    return lambda: timed(argv, env, town.root)[0]


def empty_launcher(town: LiveTown) -> Path:
    """A copy of `rgt` of which only the start is left: the shell line, Python, and the end."""
    path = town.root / "bin" / "empty"
    if not path.exists():
        path.parent.mkdir()
        (path.parent / "python").symlink_to(PYTHON)
        head = RGT.read_text().partition("\n'''\n")[0]
        path.write_text(f"{head}\n'''\n")
        path.chmod(0o755)
    return path


class Echo:
    """A unix socket that answers every line with the same bytes."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.path = path
        self.answer = answer

    def __enter__(self) -> Echo:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(8)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def _serve(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection:
                if connection.recv(65536).startswith(b"end"):
                    return
                connection.sendall(self.answer)

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
            last.sendall(b"end")
        self.thread.join()
        self.socket.close()
        self.path.unlink()
