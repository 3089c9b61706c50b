"""What an editor is given that draws trees, shows changes and follows logs."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from rgt.host import daemon
from tests.eventually import aeventually
from tests.lsp.editor import RGT_CLIENT, editor
from tests.repos import make_repo
from tests.town import LiveTown, steps

WORK = steps(
    'do = "write"\npath = "src/app.py"\ntext = "print(1)\\n"',
    'do = "write"\npath = "new file.txt"\ntext = "new\\n"',
    'do = "commit"\nmessage = "half"',
    'do = "write"\npath = "untracked.txt"\ntext = "later\\n"',
    'do = "run"\ncmd = "git mv README.md READ.md"',
    'do = "hang"',
)


async def test_what_an_agent_has_changed_is_told_file_by_file(shared: LiveTown) -> None:
    item = await asyncio.to_thread(shared.create, "half done", WORK, "--rig", "api")
    await asyncio.to_thread(shared.sling, item, target="api")
    async with editor(shared.env, own=RGT_CLIENT) as client:
        await client.healthy()

        async def files() -> dict[str, str]:
            picture = await client.run("picture")
            agents = [r["id"] for r in picture["rows"] if r["kind"] == "polecat" and r["item"] == item and r["pid"]]
            found = (await client.run("changes", id=agents[0]))["files"] if agents else []
            return {f["path"]: f"{f['state']} {f['was']}" for f in found} if len(found) == 4 else {}

        assert await aeventually(files, 30) == {
            "src/app.py": "changed src/app.py",
            "new file.txt": "added new file.txt",
            "untracked.txt": "added untracked.txt",
            "READ.md": "changed README.md",
        }
        [agent] = [
            r["id"] for r in (await client.run("picture"))["rows"] if r["item"] == item and r["kind"] == "polecat"
        ]
        told = await client.run("changes", id=agent)
        assert (told["agent"], told["target"]) == (agent, "main") and item in told["branch"]
        before = await client.run("before", id=agent, base=told["base"], path="src/app.py")
        assert before == {"text": "print('hello')\n"}
        with pytest.raises(JsonRpcException, match="was not there"):
            await client.run("before", id=agent, base=told["base"], path="untracked.txt")
        with pytest.raises(JsonRpcException, match="base"):
            await client.run("before", id=agent, base="HEAD", path="src/app.py")
        with pytest.raises(JsonRpcException, match="knows no agent"):
            await client.run("changes", id="api/nobody")
        assert (await client.run("status"))["town"] == "up"
    await asyncio.to_thread(shared.rgt, "unsling", item)


async def test_a_gate_is_followed_while_it_runs(shared: LiveTown, tmp: Path) -> None:
    go = tmp / "go"
    run = f"echo before; while [ ! -e {go} ]; do sleep 0.05; done; echo behind"
    await asyncio.to_thread(make_repo, tmp / "repo")
    await asyncio.to_thread(shared.add_rig, "gated", tmp / "repo", f"slow={run}")
    script = steps('do = "write"\npath = "a.txt"\ntext = "a"', 'do = "commit"\nmessage = "a"', 'do = "done"')
    item = await asyncio.to_thread(shared.create, "gated", script)
    async with editor(shared.env, own=RGT_CLIENT) as client:
        await client.healthy()
        with pytest.raises(JsonRpcException, match="no gate has run"):
            await client.run("gateLogSpec", id=item)
        await asyncio.to_thread(shared.sling, item, target="gated")

        async def running() -> bool:
            rows = (await client.run("picture"))["rows"]
            return any(r["kind"] == "entry" and r["item"] == item and r["state"] == "testing" for r in rows)

        await aeventually(running, 30)
        assert (await client.run("picture"))["places"] == {item: 1}
        spec = await client.run("gateLogSpec", id=item)
        assert (spec["item"], spec["gate"], spec["title"]) == (item, "slow", f"slow {item}")
        tail = await asyncio.create_subprocess_exec(*spec["argv"], stdout=asyncio.subprocess.PIPE)
        assert tail.stdout is not None
        assert await tail.stdout.readline() == b"before\n"
        go.touch()
        assert await tail.stdout.readline() == b"behind\n"
        tail.terminate()
        await tail.wait()
        await asyncio.to_thread(shared.becomes, item, "merged")


async def test_the_town_is_told_in_one_word(tmp: Path) -> None:
    live = LiveTown(tmp)
    async with editor(live.env, own=RGT_CLIENT) as client:

        async def word() -> str:
            return str((await client.run("status"))["town"])

        async def becomes(wanted: str) -> None:
            async def same() -> bool:
                return await word() == wanted

            await aeventually(same, 20, what=f"the town is {wanted}")

        try:
            await becomes("none")
            await asyncio.to_thread(live.rgt, "start")
            await becomes("up")
            await asyncio.to_thread(live.rgt, "down")
            await becomes("asleep")
            # As when the machine loses its power: nothing is left but files.
            tmux = await daemon.daemon_tmux(live.home).server_pid()
            keepers = [daemon.daemon_pid(live.home, name) for name in ("worker", "temporal")]
            for pid in (tmux, *keepers, live.pid("worker"), live.pid("temporal")):
                assert pid is not None
                # Some go by themselves when their keeper has gone.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert live.home.daemon_tmux.exists() and live.home.env_json.exists()
            await client.hears("rgt/serverStatus", lambda p: p["town"] == "stopped")
            await asyncio.to_thread(live.rgt, "start")
            await becomes("up")
        finally:
            await asyncio.to_thread(live.rgt, "stop")
        await becomes("stopped")
    await asyncio.to_thread(live.stop)
