"""The main thread through the whole house: create, sling, work, done, tested, merged."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.eventually import eventually
from tests.town import LiveTown, change

MANY = 60


def test_an_item_is_created_slung_done_tested_and_merged(town: LiveTown, repo: Path) -> None:
    """The target's head is the tree that passed, and the rig's own path follows."""
    town.add_rig("api", repo, "test=test -f new.txt")
    item = town.create("add a file", change("new.txt", "hello\n", "add new.txt"))
    town.sling(item, target="api")
    merged = town.becomes(item, "merged")
    assert merged["sha"] == town.hub_target("api") == town.git("rev-parse", "main", cwd=repo)
    assert (repo / "new.txt").read_text() == "hello\n"
    eventually(lambda: town.ask("mq", "list") == [], what="the entry leaves the queue")


def test_many_items_at_once_may_need_one_that_has_landed(town: LiveTown, repo: Path) -> None:
    """Each looks up how it ended; with as many at it as the worker does at a time, none may wait for another."""
    town.add_rig("api", repo)
    first = town.create("first", change("new.txt", "hello\n"))
    town.sling(first, target="api")
    town.becomes(first, "merged")
    with socket.socket(socket.AF_UNIX) as gateway, gateway.makefile("r") as answers:
        gateway.connect(str(town.home.socket))
        for n in range(MANY):
            request = {"v": "1", "id": n, "op": "work.create", "args": {"title": f"after it, {n}", "needs": [first]}}
            gateway.sendall(json.dumps(request).encode() + b"\n")
        told = [json.loads(answers.readline()) for _ in range(MANY)]
    assert [t["error"] for t in told if "error" in t] == []
    ids = {t["ok"]["value"]["id"] for t in told}
    eventually(lambda: [r["needs"] for r in town.ask("work", "list") if r["id"] in ids] == [[]] * len(ids), 15)
