"""Where an agent works, what it changes, and what its gates print, for editors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from tests.eventually import aeventually, eventually
from tests.lsp.editor import RGT_CLIENT, Editor, editor
from tests.repos import make_repo
from tests.town import LiveTown, change, steps

REFRESH = "workspace/textDocumentContent/refresh"


async def says(client: Editor, uri: str, *parts: str) -> str:
    """Wait until a page says these; gives it."""

    async def look() -> str:
        try:
            text = str((await client.run("document", uri=uri))["text"])
        except JsonRpcException:
            return ""
        return text if all(p in text for p in parts) else ""

    return str(await aeventually(look, 30, 0.05, f"{parts} in {uri}"))


async def test_an_agents_worktree_and_changes_are_told(shared: LiveTown) -> None:
    """Saved or not, until it has landed and afterwards."""
    script = change("new.txt", "saved\n", finish=False) + "\n" + steps('do = "ask"\ntext = "now?"', 'do = "done"')
    item = await asyncio.to_thread(shared.create, "changes", script, "--rig", "api")
    async with editor(shared.env, own={**RGT_CLIENT, "documents": True}) as client:
        await client.healthy()
        with pytest.raises(JsonRpcException, match=f"no agent works on {item}"):
            await client.run("worktree", id=item)
        with pytest.raises(JsonRpcException, match="the town knows no agent nobody"):
            await client.run("worktree", id="nobody")
        await asyncio.to_thread(shared.sling, item, target="api")
        text = await says(client, f"rgt:/item/{item}.diff", "+saved")
        assert "new.txt | 1 +" in text

        told = await client.run("worktree", id=item)
        assert told == await client.run("worktree", id=told["agent"])
        name = told["agent"].split("/")[1]
        assert (told["item"], told["rig"], told["target"]) == (item, "api", "main")
        assert told["path"] == str(shared.home.rig("api").worktrees / name)
        assert told["branch"] == f"polecat/{name}/{item}"
        Path(told["path"], "new.txt").write_text("edited\n")
        Path(told["path"], "more.txt").write_text("not added\n")
        await says(client, f"rgt:/item/{item}.diff", "+edited", "Untracked: more.txt")
        pane = f"=gtr-{told['agent']}:"
        await asyncio.to_thread(
            eventually, lambda: "now?" in shared.tmux("capture-pane", "-p", "-t", pane), what="the agent's question"
        )
        await asyncio.to_thread(shared.tmux, "send-keys", "-t", pane, "yes", "Enter")
        await asyncio.to_thread(shared.becomes, item, "merged")
        await says(client, f"rgt:/item/{item}.diff", "changes", "+edited", "+not added")


async def test_no_program_of_a_worktree_is_run_for_its_diff(shared: LiveTown, tmp: Path) -> None:
    """An agent may write what git would start."""
    item = await asyncio.to_thread(shared.create, "tricks", "", "--rig", "api")
    await asyncio.to_thread(shared.sling, item, target="api")
    async with editor(shared.env, own={**RGT_CLIENT, "documents": True}) as client:
        await client.healthy()

        async def where() -> str:
            try:
                return str((await client.run("worktree", id=item))["path"])
            except JsonRpcException:
                return ""

        tree = Path(await aeventually(where, 30, 0.05))
        trick = f"sh -c 'touch {tmp}/ran; cat'"
        for key in ("diff.x.textconv", "diff.x.command", "diff.external", "core.fsmonitor"):
            await asyncio.to_thread(shared.git, "config", key, trick, cwd=tree)
        (tree / ".gitattributes").write_text("* diff=x\n")
        (tree / "README.md").write_text("tricked\n")
        try:
            await says(client, f"rgt:/item/{item}.diff", "+tricked")
            assert not (tmp / "ran").exists()
        finally:
            for key in ("diff.x.textconv", "diff.x.command", "diff.external", "core.fsmonitor"):
                await asyncio.to_thread(shared.git, "config", "--unset", key, cwd=tree)
    await asyncio.to_thread(shared.rgt, "unsling", item)


async def test_the_log_of_a_gate_is_read_again_as_it_grows(shared: LiveTown, tmp: Path) -> None:
    """The page that is open is refreshed; one that was closed is not watched any more."""
    await asyncio.to_thread(make_repo, tmp / "repo")
    gate = {"name": "loud", "run": "echo all is well"}
    await asyncio.to_thread(shared.found_rig, "runs", source={"path": str(tmp / "repo")}, gate=[gate])
    item = await asyncio.to_thread(shared.create, "tested", change("a.txt", "a\n"), "--rig", "runs")
    uri = f"rgt:/run/{item}.log"
    async with editor(shared.env, own={**RGT_CLIENT, "documents": True}) as client:
        await client.healthy()
        client.open(await says(client, uri, "No gate has run"), uri, "text")
        await asyncio.to_thread(shared.sling, item, target="runs")
        await client.hears(REFRESH, lambda p: p["uri"] == uri, 30)
        text = await says(client, uri, "all is well")
        assert text.startswith("── gate loud · ")
