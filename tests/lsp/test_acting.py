"""What an editor does to the town: commands, code actions, questions answered, progress shown, terminals."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from rgt.lsp.registry import OF_A_SESSION
from rgt.model.operations import OPERATIONS
from tests.eventually import aeventually
from tests.lsp.editor import NAMES, RGT_CLIENT, Editor, editor
from tests.repos import make_repo
from tests.town import LiveTown, change, steps

HANG = steps('do = "hang"')


async def made(town: LiveTown, client: Editor, title: str, script: str = "") -> str:
    """A fresh item that the server knows."""
    await client.healthy()
    item = await asyncio.to_thread(town.create, title, script)
    await client.knows(item)
    return item


def in_range(uri: str, line: int) -> dict[str, Any]:
    """Parameters of a code action request for one line."""
    place = {"line": line, "character": 0}
    return {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}}


async def test_every_operation_is_a_command_unless_it_is_about_an_agents_own_session(shared: LiveTown) -> None:
    async with editor(shared.env) as client:
        assert client.result is not None and client.result.capabilities.execute_command_provider is not None
        commands = set(client.result.capabilities.execute_command_provider.commands)
        assert {f"rgt.server.{name}" for name in set(OPERATIONS) - OF_A_SESSION} <= commands
        assert {"rgt.server.attachSpec", "rgt.server.show", "rgt.server.status"} <= commands
        assert all(c.startswith("rgt.server.") for c in commands)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gt-aaaaa"], "one object is expected"),
        ([{"id": "gt-aaaaa"}, {}], "one object is expected"),
        ([{"id": 3}], "id: input should be a valid string"),
        ([{}], "id: field required"),
        ([{"id": "gt-aaaaa", "colour": "red"}], "colour: extra inputs are not permitted"),
    ],
)
async def test_wrong_arguments_are_named(shared: LiveTown, arguments: list[Any], said: str) -> None:
    async with editor(shared.env) as client:
        params = types.ExecuteCommandParams(command="rgt.server.work.show", arguments=arguments)
        with pytest.raises(JsonRpcException, match=said) as caught:
            await client.workspace_execute_command_async(params)
        assert caught.value.code == -32602


@pytest.mark.parametrize("name", NAMES)
async def test_an_item_is_made_of_a_remark_and_slung(shared: LiveTown, name: str) -> None:
    """The id is written into the document with an edit, and the sling shows as progress where the editor has such."""
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        await client.healthy()
        text = f'def f():\n    """Ä"""; x = 1  # TODO: {"ä"} make f fast ({name})\n    # TODO(gt-aaaaa): no\n'
        uri = client.open(text, (shared.root / "repo" / "f.py").as_uri(), "python")
        actions = await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(uri, 1))
        titles = [a["title"] for a in actions]
        assert titles == ["Create work item from this TODO", "Create work item and sling it"]
        assert await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(uri, 0)) == []
        edits: list[types.ApplyWorkspaceEditParams] = []

        @client.feature(types.WORKSPACE_APPLY_EDIT)  # type: ignore[untyped-decorator]
        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            edits.append(params)
            return types.ApplyWorkspaceEditResult(applied=True)

        answer = await client.run("todo", uri=uri, line=1, sling=True)
        assert (answer["rig"], answer["noted"], answer["state"]) == ("api", True, "queued")
        [told] = client.told(types.WORKSPACE_APPLY_EDIT)
        edit = told["edit"]
        [change] = edit["documentChanges"][0]["edits"] if "documentChanges" in edit else edit["changes"][uri]
        assert change["newText"] == f"({answer['id']})"
        line = text.splitlines()[1]
        encoding = str(client.result.capabilities.position_encoding) if client.result else ""
        before = line[: line.index("TODO") + 4]
        unit = len(before.encode()) if encoding == "utf-8" else len(before.encode("utf-16-le")) // 2
        assert change["range"]["start"] == change["range"]["end"] == {"line": 1, "character": unit}
        item = await asyncio.to_thread(shared.item, answer["id"])
        assert item["title"].endswith(f"make f fast ({name})") and "f.py:2" in item["description"]
        ends = await client.hears("$/progress", lambda p: p["value"]["kind"] == "end", timeout=30)
        kinds = [p["value"]["kind"] for p in client.told("$/progress") if p["token"] == ends["token"]]
        assert (kinds[0], kinds[-1], kinds.count("end")) == ("begin", "end", 1)
        with pytest.raises(JsonRpcException, match="about this already"):
            await client.run("todo", uri=uri, line=2)
        await asyncio.to_thread(shared.rgt, "unsling", answer["id"])


async def test_a_terminal_is_described_and_never_opened(shared: LiveTown) -> None:
    async with editor(shared.env, own=RGT_CLIENT) as client:
        item = await made(shared, client, "hang", HANG)
        await client.run("sling", ids=[item], target="api", runtime="scripted")
        await asyncio.to_thread(shared.working)
        agents = await asyncio.to_thread(shared.agents, "polecat")
        address = next(a["address"] for a in agents if a["item"] == item)
        spec = await client.run("attachSpec", agent=address.partition("/")[2])
        assert (spec["agent"], spec["title"]) == (address, f"rgt {address}")
        assert spec["argv"][0] == "tmux" and spec["argv"][-1].startswith("=")
        assert "ignore-size" in " ".join((await client.run("attachSpec", agent=address, read_only=True))["argv"])
        with pytest.raises(JsonRpcException, match="has no session"):
            await client.run("attachSpec", agent="api/nobody")
        shown = await client.run("document", uri=f"rgt:/agent/{address}.log")
        assert shown["uri"] == f"rgt:/agent/{address}.log" and shown["text"].strip()
        uri = client.open(f"see {item} by @{address}\n")
        hover = await client.ask(types.TEXT_DOCUMENT_HOVER, {"textDocument": {"uri": uri}, **_at(0, 20)})
        assert item in hover["contents"]["value"]
        lenses = await client.ask(types.TEXT_DOCUMENT_CODE_LENS, {"textDocument": {"uri": uri}})
        titles = [x["command"]["title"] for x in lenses]
        assert titles[0].endswith(address.partition("/")[2]) and titles[1:] == ["Attach", "Unsling"]
        page = client.open((await client.run("document", uri="rgt:/town.md"))["text"], "rgt:/town.md")
        lenses = await client.ask(types.TEXT_DOCUMENT_CODE_LENS, {"textDocument": {"uri": page}})
        assert ["rgt.attach", [{"agent": address}]] in [
            [x["command"]["command"], x["command"]["arguments"]] for x in lenses
        ]
        await asyncio.to_thread(shared.rgt, "unsling", item)


def _at(line: int, character: int) -> dict[str, Any]:
    return {"position": {"line": line, "character": character}}


@pytest.mark.parametrize("press", ["Approve", "Reject", None])
async def test_a_question_is_answered_by_a_button_and_by_nothing_else(shared: LiveTown, press: str | None) -> None:
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        client.choose = lambda params: press
        item = await made(shared, client, f"ask {press}")
        await asyncio.to_thread(shared.rgt, "escalate", item, "may I?")
        asked = await client.hears(types.WINDOW_SHOW_MESSAGE_REQUEST, lambda p: item in p["message"])
        assert "may I?" in asked["message"]
        assert [a["title"] for a in asked["actions"]] == ["Approve", "Reject", "Show"]
        if press is None:
            await client.run("status")
            assert (await asyncio.to_thread(shared.item, item))["escalation"]["message"] == "may I?"
            await asyncio.to_thread(shared.rgt, "escalate", item, "--ack", "no")
            return

        async def answered() -> bool:
            return (await asyncio.to_thread(shared.item, item))["escalation"] is None

        await aeventually(answered)
        notes = (await asyncio.to_thread(shared.item, item))["notes"]
        assert notes[-1].endswith("approved" if press == "Approve" else "rejected")


async def test_a_late_yes_to_a_question_that_is_settled_says_nothing(shared: LiveTown) -> None:
    pressed = asyncio.Event()
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        client.protocol.fm.features.pop(types.WINDOW_SHOW_MESSAGE_REQUEST)

        @client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)  # type: ignore[untyped-decorator]
        async def later(params: types.ShowMessageRequestParams) -> types.MessageActionItem:
            await pressed.wait()
            return types.MessageActionItem(title="Approve")

        item = await made(shared, client, "ask late")
        await asyncio.to_thread(shared.rgt, "escalate", item, "may I?")
        await client.hears(types.WINDOW_SHOW_MESSAGE_REQUEST, lambda p: item in p["message"])
        await asyncio.to_thread(shared.rgt, "escalate", item, "--ack", "no, wait")
        version = (await client.run("status"))["version"]
        await client.hears("rgt/townChanged", lambda p: p["version"] >= version)
        pressed.set()
        await client.hears(types.WINDOW_SHOW_MESSAGE, lambda p: "somebody has answered" in p["message"])
        assert "approved" not in str((await asyncio.to_thread(shared.item, item))["notes"])


async def test_a_merge_shows_as_progress_that_ends(shared: LiveTown) -> None:
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        item = await made(shared, client, "merge me", change("merged.txt", "x\n"))
        await client.run("sling", ids=[item], target="api", runtime="scripted")
        begun = await client.hears("$/progress", lambda p: p["value"].get("title") == f"Merge {item}", timeout=40)
        end = await client.hears(
            "$/progress", lambda p: p["token"] == begun["token"] and p["value"]["kind"] == "end", timeout=30
        )
        assert (end["value"]["message"], begun["value"]["cancellable"]) == ("merged", False)


async def test_a_sling_that_is_cancelled_is_taken_back_and_a_merge_cannot_be(shared: LiveTown, tmp: Path) -> None:
    await asyncio.to_thread(make_repo, tmp / "repo")
    more: dict[str, Any] = {"max_polecats": 1, "no_gates": True}
    await asyncio.to_thread(shared.found_rig, "one", source={"path": str(tmp / "repo")}, **more)
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        await client.healthy()
        first = await made(shared, client, "first", HANG)
        second = await made(shared, client, "second", change("x.txt", "x\n"))
        await client.run("sling", ids=[first], target="one", runtime="scripted")
        await asyncio.to_thread(shared.becomes, first, "in_progress")
        await client.run("sling", ids=[second], target="one", runtime="scripted")
        begun = await client.hears("$/progress", lambda p: p["value"].get("title") == f"Sling {second}")
        assert begun["value"]["cancellable"] is True
        for token in ("rgt-unknown", begun["token"]):
            client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token=token))
        end = await client.hears(
            "$/progress", lambda p: p["token"] == begun["token"] and p["value"]["kind"] == "end", timeout=20
        )
        assert end["value"]["message"] == "open"
        assert (await asyncio.to_thread(shared.item, second))["state"] == "open"
        assert (await asyncio.to_thread(shared.item, first))["state"] == "in_progress"
        await asyncio.to_thread(shared.rgt, "work", "close", first)


async def test_documents_are_read_again_when_they_have_changed(shared: LiveTown) -> None:
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        item = await made(shared, client, "watch me")
        await client.hears(types.CLIENT_REGISTER_CAPABILITY, lambda p: "textDocumentContent" in str(p))
        uri = f"rgt:/item/{item}.md"

        async def read() -> str:
            return str((await client.ask(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, {"uri": uri}))["text"])

        client.open(await read(), uri)
        await client.run("work.edit", id=item, description="All of it.")
        await client.hears(types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, lambda p: p["uri"] == uri)

        async def whole() -> bool:
            return "All of it." in await read()

        await aeventually(whole)
        shown = await client.run("show", id=item)
        assert (shown["uri"], shown["shown"]) == (uri, True)
        with pytest.raises(JsonRpcException, match="there is no document"):
            await client.ask(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, {"uri": "rgt:/../../etc/passwd"})
