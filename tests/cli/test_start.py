"""Starting in every way: in the foreground, on a Temporal that is given, where another town lives already."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rgt.client import temporal
from rgt.host.server import SEARCH_ATTRIBUTES, find_server, free_port
from rgt.worker import namespace
from tests.eventually import eventually
from tests.town import RGT, LiveTown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_town_in_the_foreground_ends_whole(tmp: Path, number: signal.Signals) -> None:
    town = LiveTown(tmp)
    with (tmp / "out").open("w") as out:
        child = subprocess.Popen([str(RGT), "start", "--foreground"], env=town.env, cwd=tmp, stdout=out, stderr=out)
        try:
            eventually(lambda: "Ctrl+C stops it" in (tmp / "out").read_text(), 60)
            assert town.ask("status")["town"]["state"] == "up"
            child.send_signal(number)
            assert child.wait(60) == 0
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
                town.stop()
    assert (tmp / "out").read_text().endswith("the town is stopped\n")
    eventually(lambda: not town.leftovers(), 10, 0.1)


def test_a_town_in_the_foreground_ends_when_it_is_stopped_elsewhere(tmp: Path) -> None:
    town = LiveTown(tmp)
    child = subprocess.Popen([str(RGT), "start", "--foreground"], env=town.env, cwd=tmp, stdout=subprocess.PIPE)
    try:
        eventually(lambda: town.home.socket.exists() and town.run("status").code == 0, 60, 0.2)
        town.stop()
        assert child.wait(60) == 0
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


@contextmanager
def temporal_of_our_own(tmp: Path, *namespaces: str) -> Iterator[str]:
    """A Temporal that nobody prepared for a town; gives its address."""
    port = free_port()
    argv = [str(find_server()), "server", "start-dev", "--headless", "--log-level", "error", "--port", str(port)]
    argv += [w for n in namespaces for w in ("--namespace", n)]
    env = {k: v for k, v in os.environ.items() if k != "GTR_ROOT"}
    server = subprocess.Popen(argv, env=env, cwd=tmp, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def test_a_given_temporal_is_prepared_and_belongs_to_one_home(tmp: Path) -> None:
    with temporal_of_our_own(tmp, "mine") as address:
        asyncio.run(asyncio.wait_for(_answers(address), 30))
        towns = []
        for name in ("a", "b"):
            town = LiveTown(tmp, env={"GTR_ROOT": str(tmp / name)})
            town.rgt("install")
            town.home.town_toml.write_text(f'temporal_address = "http://{address}"\nnamespace = "mine"\n')
            towns.append(town)
        try:
            _belongs_to_the_first(towns[0], towns[1], address)
        finally:
            for town in towns:
                town.stop()
        asyncio.run(_prepared(address))


def _belongs_to_the_first(first: LiveTown, second: LiveTown, address: str) -> None:
    started = first.ask("start")
    assert (started["temporal"], started["namespace"]) == (address, "mine")
    assert first.ask("sessions")[0]["name"] == "worker"
    checks = {c["name"]: c for c in first.ask("doctor")["checks"]}
    assert checks["search attributes"]["state"] == "ok"

    refused = second.run("start")
    assert (refused.code, refused.err) == (
        4,
        f"rgt: this Temporal namespace is the town of {first.home.root} — set another `namespace`\n",
    )
    second.home.town_toml.write_text(f'temporal_address = "{address}"\nnamespace = "theirs"\n')
    missing = second.run("start")
    assert missing.code == 4 and missing.err.startswith(f"rgt: Temporal at {address} has no namespace theirs — ")
    eventually(lambda: not second.leftovers(), 10, 0.1)


async def _answers(address: str) -> None:
    client = await temporal.connect_patiently(address, "mine")
    assert await namespace.missing_attributes(client) == list(SEARCH_ATTRIBUTES)


async def _prepared(address: str) -> None:
    client = await temporal.connect(address, "mine")
    assert await namespace.missing_attributes(client) == []
    assert (await namespace.retention(client)).days == 1, "the retention of a Temporal that is given is not ours to set"


def test_the_doctor_finds_what_is_wrong_and_repairs_it(town: LiveTown) -> None:
    """A stale socket, and a workflow that somebody terminated."""
    assert town.ask("doctor")["healthy"]
    address = eventually(lambda: town.ask("start")["temporal"], 10)
    asyncio.run(_terminate(address, town.home.tag))
    sick = town.run("doctor", "--json")
    assert sick.code == 1 and not sick.json()["healthy"]
    wrong = {c["name"]: c for c in sick.json()["checks"] if c["state"] == "bad"}
    assert "mayor" in wrong["workflows"]["cause"] and wrong["workflows"]["fixable"]
    fixed = town.run("doctor", "--fix", "--json").json()
    assert any(line.startswith("workflows: ") for line in fixed["fixed"])
    eventually(lambda: town.run("doctor").code == 0, 30, 0.5)


async def _terminate(address: str, name: str) -> None:
    client = await temporal.connect(address, name)
    await client.get_workflow_handle("mayor").terminate("by a test")


def test_a_worker_leaves_nothing_half_thought(tmp: Path) -> None:
    """What Temporal hands to a worker that leaves is lost, and its entity silent until the task's time is over."""
    with temporal_of_our_own(tmp, "mine") as address:
        asyncio.run(asyncio.wait_for(_answers(address), 30))
        town = LiveTown(tmp)
        town.rgt("install")
        town.home.town_toml.write_text(f'temporal_address = "{address}"\nnamespace = "mine"\n')
        for _ in range(3):
            town.rgt("start")
            creating = [
                subprocess.Popen([str(RGT), "work", "create", f"number {n}"], env=town.env, cwd=tmp) for n in range(8)
            ]
            assert [p.wait(60) for p in creating] == [0] * 8
            town.stop()
            assert asyncio.run(_half_thought(address)) == []


async def _half_thought(address: str) -> list[str]:
    client = await temporal.connect(address, "mine")
    described = [await client.get_workflow_handle(w.id).describe() async for w in client.list_workflows()]
    assert len(described) >= 12
    return [d.id for d in described if d.raw_description.HasField("pending_workflow_task")]
