"""What the merge queue has sent back, in the files of an editor; `test_story.py` has the whole way of one failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.eventually import aeventually
from tests.lsp.editor import NAMES, RGT_CLIENT, Editor, editor
from tests.lsp.test_acting import in_range
from tests.lsp.test_features import has
from tests.lsp.test_story import GATE, TEST, TILL, becomes, stands
from tests.repos import make_repo
from tests.scratch import scratch_dir
from tests.town import LiveTown, change, steps


@dataclass
class SentBack:
    """A rig whose queue has sent two items back."""

    repo: Path
    clashes: str
    """Changes the lines of `till.py` that another item has changed."""
    fails: str
    """Breaks line 9 of `test_till.py`, which fails in line 5."""
    trees: dict[str, Path]
    """The worktree of each."""


@pytest.fixture(scope="module")
def sent(shared: LiveTown) -> Iterator[SentBack]:
    with scratch_dir() as root:
        repo = root / "repo"
        make_repo(repo, {"till.py": TILL, "test_till.py": TEST})
        shared.found_rig("back", source={"path": str(repo)}, gate=[GATE], max_attempts=1)
        shared.rgt("mq", "pause", "back")
        lands = shared.create("a name", change("till.py", "def total(things):\n    return sum(things)\n"))
        clashes = shared.create("another", change("till.py", "# mine\ndef total(mine):\n    return sum(mine)\n"))
        fails = shared.create("worse", change("test_till.py", TEST.replace("3)", "4)")))
        for item in (lands, clashes, fails):
            shared.sling(item, target="back")
            shared.becomes(item, "submitted")
        shared.rgt("mq", "resume", "back")
        shared.becomes(lands, "merged")
        for item in (clashes, fails):
            shared.becomes(item, "blocked")
        worktrees = shared.home.rig("back").worktrees
        trees = {i: worktrees / shared.item(i)["address"].split("/")[1] for i in (clashes, fails)}
        yield SentBack(repo, clashes, fails, trees)
        for item in (clashes, fails):
            shared.rgt("work", "close", item)


async def everything(client: Editor) -> dict[str, list[dict[str, Any]]]:
    """All diagnostics, by URI: what was sent, or what an editor hears that asks for everything."""
    assert client.result is not None
    if client.result.capabilities.diagnostic_provider:
        told = await client.ask(types.WORKSPACE_DIAGNOSTIC, {"previousResultIds": []})
        return {x["uri"]: x["items"] for x in told["items"] if x["items"]}
    last = {p["uri"]: p["diagnostics"] for p in client.told(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)}
    return {uri: found for uri, found in last.items() if found}


def edited(client: Editor, uri: str, version: int, text: str) -> None:
    """Replace the text of a document."""
    whole = types.TextDocumentContentChangeWholeDocument(text=text)
    named = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
    client.text_document_did_change(types.DidChangeTextDocumentParams(named, [whole]))


@pytest.mark.parametrize("name", NAMES)
async def test_files_that_nobody_has_opened_have_them_too(shared: LiveTown, sent: SentBack, name: str) -> None:
    """The author's worktree and the rig's own path are known; a conflict names its other side, as far as is wanted."""
    own, theirs = sent.repo, sent.trees
    expected = {
        (own / "test_till.py").as_uri(),
        (own / "till.py").as_uri(),
        (theirs[sent.fails] / "test_till.py").as_uri(),
        (theirs[sent.clashes] / "till.py").as_uri(),
    }
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        await client.healthy()

        async def look() -> dict[str, list[dict[str, Any]]] | None:
            found = await everything(client)
            return found if expected <= set(found) else None

        found = await aeventually(look)
        [failure] = found[(theirs[sent.fails] / "test_till.py").as_uri()]
        assert failure["range"] == {"start": {"line": 4, "character": 4}, "end": {"line": 4, "character": 34}}
        [mine], [target] = (found[(top / "till.py").as_uri()] for top in (theirs[sent.clashes], own))
        assert (mine["range"]["start"]["line"], mine["range"]["end"]["line"]) == (0, 2)
        assert (target["range"]["start"]["line"], target["range"]["end"]["line"]) == (0, 1)
        assert mine["message"] == f"conflict: the target has other lines here ({sent.clashes})"
        assert target["message"].startswith("conflict: back/") and " has other lines here (" in target["message"]
        page = f"/item/{sent.clashes}.md"
        wanted = ("publishDiagnostics.relatedInformation", "diagnostic.relatedInformation")
        if any(has(name, f"textDocument.{w}") for w in wanted):
            side, item = mine["relatedInformation"]
            assert side["location"] == {"uri": (own / "till.py").as_uri(), "range": target["range"]}
            assert side["message"] == "the other side, in repo/till.py"
            assert item["location"]["uri"].endswith(page) and item["message"].startswith(sent.clashes)
        else:
            assert "relatedInformation" not in mine
        described = has(name, "textDocument.publishDiagnostics.codeDescriptionSupport")
        assert ("codeDescription" in mine) == described
        assert not described or mine["codeDescription"]["href"].endswith(page)


async def test_they_move_with_the_text_and_go_with_it(shared: LiveTown, sent: SentBack, tmp: Path) -> None:
    """Another clone has them while it is open; a line that is not there is said to be gone."""
    clone = tmp / "clone"
    await asyncio.to_thread(shared.git, "clone", "-q", str(sent.repo), str(clone), cwd=tmp)
    async with editor(shared.env, own=RGT_CLIENT) as client:
        await client.healthy()
        uri = client.open(TEST, (clone / "test_till.py").as_uri(), "python")
        await becomes(client, uri, [4])
        edited(client, uri, 2, f"# é🙂\n\n{TEST}")
        await becomes(client, uri, [6])
        edited(client, uri, 3, TEST.replace("    assert total(basket) == wanted\n", ""))
        [found] = await becomes(client, uri, [3])
        assert found["message"].endswith("; the line itself is not in this text")
        edited(client, uri, 4, TEST)
        await becomes(client, uri, [4])
        client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        await becomes(client, uri, [])
        known = client.open(f"# mine\n{TEST}", (sent.repo / "test_till.py").as_uri(), "python")
        await becomes(client, known, [5])
        client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(known)))
        await becomes(client, known, [4])
        other = client.open(TEST, (tmp / "test_till.py").as_uri(), "python")
        assert await stands(client, other) == []


async def test_places_are_opened_where_the_editor_opens_documents(shared: LiveTown, sent: SentBack) -> None:
    async with editor(shared.env, "vscode", own=RGT_CLIENT) as client:
        await client.healthy()
        till, test = ((sent.repo / name).as_uri() for name in ("till.py", "test_till.py"))
        client.open((sent.repo / "till.py").read_text(), till, "python")
        client.open(TEST, test, "python")
        await becomes(client, till, [0])
        await becomes(client, test, [4])
        actions = await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(till, 1))
        assert [a["title"] for a in actions] == [
            f"Sling a fix for {sent.clashes}",
            f"Retry merge of {sent.clashes}",
            "Show both sides of the conflict",
        ]
        assert await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(test, 3)) == []
        sides = await client.run("openSides", id=sent.clashes)
        assert sides == {"uris": [till, (sent.trees[sent.clashes] / "till.py").as_uri()], "shown": True}
        first, second = client.told(types.WINDOW_SHOW_DOCUMENT)
        assert (first["selection"]["end"]["line"], second["selection"]["end"]["line"]) == (1, 2)
        opened = await client.run("openLog", id=sent.fails)
        assert "assert 3 == 4" in Path(opened["uris"][0].removeprefix("file://")).read_text()
    async with editor(shared.env, "emacs-eglot", own=RGT_CLIENT) as client:
        await client.healthy()
        client.open(TEST, test, "python")
        await becomes(client, test, [4])
        titles = [a["title"] for a in await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(test, 4))]
        assert ("Open the log of gate test" in titles) == has("emacs-eglot", "window.showDocument.support")


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("fix", {}, "id: field required"),
        ("fix", {"id": "gt-zzzzz"}, "the merge queue has nothing against gt-zzzzz"),
        ("fix", {"id": "FAILS", "line": -1}, "line: input should be greater than or equal to 0"),
        ("fix", {"id": "FAILS", "path": "till.py", "line": 1}, "nothing failed at till.py:1"),
        ("openLog", {"id": "gt-zzzzz"}, "the merge queue has nothing against gt-zzzzz"),
        ("openLog", {"id": "CLASHES"}, "there is no log of "),
        ("openSides", {"id": "FAILS"}, "no two files here show a conflict of "),
    ],
)
async def test_what_cannot_be_done_is_named(
    shared: LiveTown, sent: SentBack, command: str, arguments: dict[str, Any], said: str
) -> None:
    ids = {"FAILS": sent.fails, "CLASHES": sent.clashes}
    async with editor(shared.env) as client:
        await client.healthy()
        with pytest.raises(JsonRpcException, match=said):
            await client.run(command, **{k: ids.get(str(v), v) for k, v in arguments.items()})


async def test_they_go_while_the_queue_looks_again_and_come_back(shared: LiveTown, sent: SentBack) -> None:
    """A fix is asked for once; one that has not taken the change in has the item tried again when it has landed."""
    async with editor(shared.env, own=RGT_CLIENT) as client:
        await client.healthy()
        uri = client.open(TEST, (sent.repo / "test_till.py").as_uri(), "python")
        await becomes(client, uri, [4])
        await asyncio.to_thread(shared.rgt, "mq", "pause", "back")
        await client.run("mq.retry", id=sent.fails)
        await becomes(client, uri, [])
        await asyncio.to_thread(shared.rgt, "mq", "resume", "back")
        await becomes(client, uri, [4], 30)  # the queue builds and tests it first

        fix = await client.run("fix", id=sent.fails, path="test_till.py", line=5, runtime="scripted")
        assert fix["state"] == "queued"
        with pytest.raises(JsonRpcException, match="is to fix"):
            await client.run("fix", id=sent.fails)
        titles = [a["title"] for a in await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(uri, 4))]
        assert titles[0] == f"Show {fix['id']}, the fix of {sent.fails}"
        assert f"- fixed by {fix['id']}, " in (await client.run("document", uri=f"rgt:/item/{sent.fails}.md"))["text"]
        assert f"- fixes {sent.fails}" in (await client.run("document", uri=f"rgt:/item/{fix['id']}.md"))["text"]
        await asyncio.to_thread(shared.rgt, "unsling", fix["id"])
        alone = change("other.txt", "x\n")
        await client.run("work.edit", id=fix["id"], description=f"```rgt-script\n{alone}\n```\n")

    # No editor looks while it lands.
    rejections = (await asyncio.to_thread(shared.item, sent.fails))["rejections"]
    await asyncio.to_thread(shared.sling, fix["id"], target="back")
    await asyncio.to_thread(shared.becomes, fix["id"], "merged")

    async def again() -> bool:
        return bool((await asyncio.to_thread(shared.item, sent.fails))["rejections"] > rejections)

    await aeventually(again, 40, 0.1)
    async with editor(shared.env, own=RGT_CLIENT) as client:
        uri = client.open(TEST, (sent.repo / "test_till.py").as_uri(), "python")
        await becomes(client, uri, [4])


async def test_an_author_who_mends_it_is_attached_and_left_alone(shared: LiveTown, tmp: Path) -> None:
    await asyncio.to_thread(make_repo, tmp / "repo", {"till.py": TILL, "test_till.py": TEST})
    await asyncio.to_thread(shared.found_rig, "mend", source={"path": str(tmp / "repo")}, gate=[GATE])
    script = change("test_till.py", TEST.replace("3)", "4)")) + "\n" + steps('do = "hang"', list_name="rejected")
    item = await asyncio.to_thread(shared.create, "worse", script)
    await asyncio.to_thread(shared.sling, item, target="mend")
    async with editor(shared.env, own=RGT_CLIENT) as client:
        await client.healthy()
        uri = client.open(TEST, (tmp / "repo" / "test_till.py").as_uri(), "python")

        async def attach() -> dict[str, Any] | None:
            actions = await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, in_range(uri, 4))
            assert not any("Sling" in a["title"] for a in actions or ())
            return next((a for a in actions or () if a["command"]["command"] == "rgt.attach"), None)

        found = await aeventually(attach, 40)
        agent = found["command"]["arguments"][0]["agent"]
        assert agent.startswith("mend/") and found["title"] == f"Attach {agent}, the author"
        with pytest.raises(JsonRpcException, match="its author mends it"):
            await client.run("fix", id=item)
        await asyncio.to_thread(shared.rgt, "work", "close", item)
        await becomes(client, uri, [])


@pytest.mark.parametrize("name", ["neovim-0.11", "vscode"])
async def test_a_todo_whose_item_waits_for_a_person_says_so(shared: LiveTown, name: str) -> None:
    async with editor(shared.env, name, own=RGT_CLIENT) as client:
        await client.healthy()
        item = await asyncio.to_thread(shared.create, "asks")
        uri = client.open(f"x = 1  # TODO({item}): soon\n# {item} is only named\n", "file:///tmp/x.py", "python")
        await asyncio.to_thread(shared.rgt, "escalate", item, "may I?")
        [found] = await becomes(client, uri, [0])
        assert found["message"] == f"{item} is open and waits for you: asks: may I?"
        assert (found["severity"], found["code"], found["range"]["start"]["character"]) == (2, item, 9)
        await asyncio.to_thread(shared.rgt, "escalate", item, "--ack", "yes")
        await becomes(client, uri, [])
