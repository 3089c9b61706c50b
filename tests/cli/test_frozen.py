"""A worker that is there and says nothing: commands end, with what is known or with what is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.eventually import eventually
from tests.town import LiveTown, change


def test_commands_do_not_wait_for_a_frozen_worker_without_end(town: LiveTown) -> None:
    item = town.create("before the frost")
    pid = town.pid("worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert [r["id"] for r in town.ask("work", "list")] == [item], "read from Temporal itself"
        closed = town.run("work", "close", item, "--json")
        assert (closed.code, closed.out) == (3, "")
        assert "whether it was done is unknown" in closed.error()["message"]
        assert closed.error()["data"]["op_id"], "what may be repeated without harm"
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: town.run("work", "show", item).code == 0, 60, what="the worker thinks again")
    assert town.item(item)["state"] in ("open", "closed")
    town.rgt("work", "close", item)
    assert town.item(item)["state"] == "closed"


def test_a_command_that_waits_is_not_taken_for_one_that_nobody_answers(town: LiveTown, repo: Path) -> None:
    """Silence is longer here than the command line's patience, but the worker lives: the request stands."""
    town.add_rig("api", repo, "test=sleep 7")
    item = town.create("slow", change("a.txt", "a"))
    ran = town.run("sling", item, "--target", "api", "--runtime", "scripted", "--wait", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [r["state"] for r in ran.json()] == ["merged"]
