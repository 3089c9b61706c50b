"""Who may do what: agents are only themselves, bad names make nothing, and secrets stay where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from rgt.client.temporal import connect
from rgt.host.config import read_env
from rgt.model.tokens import token
from tests.eventually import eventually
from tests.repos import commit, make_repo, sh
from tests.town import LiveTown, change, processes_of, steps

HANG = steps('do = "hang"')
BAD_NAMES = (
    "a/b", "../up", "..", "two words", "a;b", "a'b", 'a"b', "$(touch x)", "`x`", "é", "名", "A", "-x", "0x", "a" * 33,
    "x" * 10_000, "a\nb", "a\tb", "a\x1b[31m", "a:b", "a.b", "", "*", "~", "\udcff",
)  # fmt: skip


def token_of(pid: int) -> str:
    """The token in an agent's environment."""
    return psutil.Process(pid).environ()["GTR_TOKEN"]


@pytest.fixture(scope="module")
def pair(shared: LiveTown) -> Iterator[tuple[str, str]]:
    """Two items on whose hooks polecats of rig `api` work; B has uncommitted work."""
    make_repo(shared.root / "repo")
    sh(shared.root / "repo", "branch", "x")
    commit(shared.root / "repo", {"more.txt": "more\n"})
    sh(shared.root / "repo", "switch", "--quiet", "x")
    commit(shared.root / "repo", {"x.txt": "x\n"})
    sh(shared.root / "repo", "switch", "--quiet", "main")
    shared.add_rig("api", shared.root / "repo")
    a = shared.create("A's", change("a.txt", "a\n", finish=False) + "\n" + HANG)
    dirty = steps('do = "write"\npath = "half.txt"\ntext = "half"')
    b = shared.create("B's", "\n".join((change("b.txt", "b\n", finish=False), dirty, HANG)))
    shared.sling(a, b, target="api")
    eventually(lambda: list(shared.home.rig("api").worktrees.glob("*/half.txt")), 60)
    shared.working(2)
    yield a, b


def agent_of(town: LiveTown, item: str) -> tuple[Path, str]:
    """Worktree and token of the agent that has the item."""
    agent = next(x for x in town.working(2) if x["item"] == item)
    return town.home.rig("api").worktrees / agent["id"].partition("/")[2], token_of(agent["pid"])


def test_B81_an_agent_cannot_finish_the_work_of_another(shared: LiveTown, pair: tuple[str, str]) -> None:
    """Not by naming the other's item, nor from its worktree; nothing there is even saved."""
    a, b = pair
    (mine, token_a), (theirs, _) = (agent_of(shared, i) for i in pair)
    before = sh(theirs, "rev-parse", "HEAD"), sh(theirs, "status", "--porcelain")
    for argv, cwd in (
        ((b,), theirs),
        ((b,), mine),
        ((), theirs),
        ((b, "--branch", sh(mine, "branch", "--show")), mine),
    ):
        ran = shared.run("done", *argv, cwd=cwd, env={"GTR_TOKEN": token_a})
        assert ran.code == 4, (argv, cwd, ran)
        assert ran.err.count("\n") == 1
    assert (sh(theirs, "rev-parse", "HEAD"), sh(theirs, "status", "--porcelain")) == before
    assert [shared.item(i)["state"] for i in pair] == ["in_progress", "in_progress"]
    assert json.loads(shared.run("hook", "--json", env={"GTR_TOKEN": token_a}).out)["item"] == a


@pytest.mark.parametrize(
    "command",
    [
        "stop", "stop --keep-agents", "down", "up", "sling {a} --target api", "unsling {b}", "work close {b}",
        "work reopen {b}", "work create more", "work edit {b} --title mine", "rig add other --path {repo}",
        "rig park api", "rig remove api", "crew create eve --rig api", "polecat kill {agent}",
        "agents restart {agent}", "mq pause api", "mq remove {b}", "mq submit --rig api --branch x",
        "escalate {b} --ack yes",
    ],
)  # fmt: skip
def test_B81_a_polecat_may_not(shared: LiveTown, pair: tuple[str, str], command: str) -> None:
    """Refused in one line, with code 4, and without effect."""
    a, b = pair
    _, token_a = agent_of(shared, a)
    other = next(x["id"] for x in shared.working(2) if x["item"] == b)
    words = command.format(a=a, b=b, agent=other, repo=shared.root / "repo").split()
    ran = shared.run(*words, env={"GTR_TOKEN": token_a})
    assert (ran.code, ran.err.count("\n")) == (4, 1), ran
    assert shared.item(b)["state"] == "in_progress"
    assert {a["state"] for a in shared.working(2)} == {"working"}
    assert [r["name"] for r in shared.ask("rig", "list")] == ["api"]


def test_B81_a_wrong_token_is_refused_wherever_it_is_shown(shared: LiveTown, pair: tuple[str, str]) -> None:
    """Forged, of another agent, of another town, not a token at all."""
    agent = shared.working(2)[0]
    good = token_of(agent["pid"])
    forged = [
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace("polecat/", "agent/"),
        good.replace(".1.", ".2."),
        token("00" * 32, f"polecat/{agent['id']}", 1),
        "nonsense",
        "..",
    ]
    for wrong in forged:
        for command in (("status",), ("hook",), ("done",), ("stop",)):
            ran = shared.run(*command, env={"GTR_TOKEN": wrong})
            assert (ran.code, ran.err.count("\n")) == (4, 1), (wrong, command, ran)


def test_B81_a_shell_of_an_agent_without_its_token_is_nobody(
    shared: LiveTown, pair: tuple[str, str], tmp: Path
) -> None:
    """Neither the gateway nor a command that runs by itself takes it for a person."""
    calls = [
        'env -u GTR_TOKEN "$RGT_BIN" status',
        'env -u GTR_TOKEN "$RGT_BIN" rig park api',
        'env -u GTR_TOKEN "$RGT_BIN" stop',
        'env -i HOME="$HOME" PATH="$PATH" GTR_ROOT="$GTR_ROOT" TMUX_TMPDIR="$TMUX_TMPDIR" "$RGT_BIN" stop',
        'env -u GTR_TOKEN -u GTR_NONCE -u GTR_AGENT setsid -w "$RGT_BIN" down',
    ]
    tries = "\n".join(f"{call} > {tmp}/out-{n} 2>&1; echo code $? >> {tmp}/out-{n}" for n, call in enumerate(calls))
    # From a file, into which the guard does not look: it is a fence, this is the wall.
    script = steps(f"do = \"write\"\npath = \"try.sh\"\ntext = '''\n{tries}\n'''", 'do = "run"\ncmd = "sh try.sh"')
    item = shared.create("sneaky", f"{script}\n{HANG}")
    shared.sling(item, target="api")
    for n, call in enumerate(calls):
        said = eventually(partial(_ended, tmp / f"out-{n}"), 60)
        assert said.splitlines()[-1] == "code 4", (call, said)
        assert "GTR_TOKEN" in said
    assert shared.ask("status")["town"]["state"] == "up"
    shared.rgt("work", "close", item)


def _ended(output: Path) -> str:
    """What a command printed, once its exit code is behind it."""
    text = output.read_text() if output.exists() else ""
    return text if "\ncode " in f"\n{text}" else ""


def made_things(town: LiveTown) -> tuple[list[str], ...]:
    """Rigs on disk and in the town, crew, items."""
    listed = (("rig", "list"), ("crew", "list"), ("work", "list"))
    return sorted(p.name for p in town.home.rigs.iterdir()), *(
        sorted(r["id"] for r in town.ask(*words)) for words in listed
    )


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda n: ascii(n[:12]))
def test_B82_a_bad_name_is_refused_and_makes_nothing(shared: LiveTown, pair: tuple[str, str], name: str) -> None:
    """Rigs, crew, items and agents: exit code 2, one line, no directory, no workflow."""
    before = made_things(shared)
    for argv in (
        ("rig", "add", "--path", str(shared.root / "repo"), "--no-gates", "--", name),
        ("crew", "create", "--rig", "api", "--runtime", "scripted", "--", name),
        ("work", "show", "--", name),
        ("work", "close", "--", name),
    ):
        ran = shared.run(*argv)
        assert ran.code == 2, (argv[:2], ran.code, ran.err[:300])
        assert ran.err.count("\n") == 1
        assert len(ran.err) < 400
    assert made_things(shared) == before


async def histories(town: LiveTown) -> bytes:
    """All histories of all workflows, as Temporal keeps them."""
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)
    found = []
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        found += [e.SerializeToString() async for e in handle.fetch_history_events()]
    assert len(found) > 100
    return b"".join(found)


async def test_B86_secrets_are_in_no_log_history_answer_or_command_line(
    shared: LiveTown, pair: tuple[str, str]
) -> None:
    """The town's key and the tokens of its agents are in config/key and the agents' environment, and nowhere else."""
    key = shared.home.key.read_text().strip()
    agents = shared.working(2)
    signatures = [token_of(a["pid"]).rpartition(".")[2] for a in agents]
    secrets = [key.encode(), *(s.encode() for s in signatures)]
    assert all(len(s) >= 32 for s in secrets)
    assert shared.home.key.stat().st_mode & 0o777 == 0o600

    places = {"histories": await histories(shared)}
    for file in shared.home.root.rglob("*"):
        if file.is_file() and file != shared.home.key and ".git" not in file.suffix:
            places[str(file)] = file.read_bytes()
    for process in processes_of(shared.home.root):
        places[f"argv of {process.pid}"] = " ".join(process.cmdline()).encode()
    shows = [("agents", "show", a["id"]) for a in agents] + [("work", "show", i) for i in pair]
    for argv in (("status",), ("work", "list"), ("agents", "list"), ("needs",), ("rig", "status", "api"), *shows):
        ran = shared.run(*argv, "--json")
        places[" ".join(argv)] = (ran.out + ran.err).encode()
    for agent in agents:
        ran = shared.run("prime", "--json", env={"GTR_TOKEN": token_of(agent["pid"])})
        places[f"prime of {agent['id']}"] = (ran.out + ran.err).encode()
        places[f"screen of {agent['id']}"] = shared.tmux("capture-pane", "-p", "-t", f"=gtr-{agent['id']}:").encode()
    places["tmux"] = (
        shared.tmux("show-environment", "-g").encode() + shared.tmux("list-sessions", "-F", "#{E:x}").encode()
    )
    assert any(str(p).endswith("town.db") for p in places)
    for name, content in places.items():
        for secret in secrets:
            assert secret not in content, f"a secret is in {name}"
