"""Record the histories that `test_replay.py` replays: `python -m tests.worker.record`.

Run it when a workflow has changed on purpose and no released town has a history of the old shape; otherwise keep the
old recordings and guard the change with `workflow.patched`."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

from temporalio.client import WorkflowHistory

from rgt.client.temporal import connect
from rgt.host.config import read_env
from tests.eventually import eventually
from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import LiveTown, change, steps

WHERE = Path(__file__).parent.parent / "histories"
GATE = "test=test ! -e bad.txt"


def live_through(town: LiveTown, repo: Path) -> None:
    """A day in a small town: each workflow type does what it does."""
    town.add_rig("api", repo, GATE)
    fixed = steps('do = "run"\ncmd = "git mv bad.txt good.txt"', 'do = "commit"\nmessage = "fix"', 'do = "done"')
    spend = steps('do = "spend"\ntokens = 1000') + "\n"
    script = spend + change("bad.txt", "x") + "\n" + fixed.replace("[[start]]", "[[rejected]]")
    one, two = town.create("one", change("one.txt", "1")), town.create("two", script)
    three = town.create("three", steps('do = "crash"', 'do = "wait"\nseconds = 60'))
    four = town.create("four", change("four.txt", "4"), "--needs", one)
    town.sling(one, two, three, four, target="api")
    town.rgt("crew", "create", "joe", "--rig", "api", "--runtime", "scripted")
    for item in (one, two, four):
        town.becomes(item, "merged")
    eventually(lambda: [a for a in town.agents("crew") if a["state"] in ("running", "idle")], 20)
    town.working()
    town.rgt("escalate", three, "which one?")
    town.rgt("escalate", three, "--ack", "the first")
    eventually(lambda: town.ask("cost")["rows"], 20)
    dear = town.create("dear", spend + steps('do = "hang"'))
    town.rgt("budget", "set", "item", dear, "--tokens", "500")
    town.sling(dear, target="api")
    town.becomes(dear, "blocked")
    town.rgt("budget", "set", "item", dear, "--tokens", "5000")
    town.working(2)
    town.rgt("budget", "set", "day", "--tokens", "10")
    town.rgt("unsling", dear)
    town.rgt("work", "close", dear)
    town.rgt("budget", "set", "day", "--default")
    town.rgt("down")
    town.rgt("up")
    town.working()
    town.rgt("unsling", three)
    town.rgt("work", "close", three)
    town.rgt("crew", "stop", "api/joe")
    town.rgt("rig", "park", "api")
    town.rgt("rig", "unpark", "api")
    town.rgt("mq", "pause", "api")
    town.rgt("mq", "resume", "api")
    eventually(lambda: not town.agents("polecat"), 20)


async def histories(town: LiveTown) -> list[WorkflowHistory]:
    """Every history of the town, ended and open."""
    env = read_env(town.home)
    client = await connect(env.temporal_address, env.namespace)
    return [
        await client.get_workflow_handle(w.id, run_id=w.run_id).fetch_history() async for w in client.list_workflows()
    ]


def main() -> None:
    """Record a town from nothing."""
    with scratch_dir() as root:
        town = LiveTown(root)
        make_repo(root / "repo")
        town.rgt("start")
        try:
            live_through(town, root / "repo")
            found = asyncio.run(histories(town))
        finally:
            town.stop()
    WHERE.mkdir(exist_ok=True)
    for old in WHERE.glob("*.json.gz"):
        old.unlink()
    for number, history in enumerate(sorted(found, key=lambda h: h.workflow_id)):
        kind = history.workflow_id.partition("/")[0]
        text = history.to_json().replace(str(root), "/home/someone")
        (WHERE / f"{number:02}-{kind}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"{history.workflow_id}: {len(history.events)} events")


if __name__ == "__main__":
    main()
