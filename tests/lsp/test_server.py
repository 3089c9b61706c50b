"""The server as a process: how it starts and ends, and what it says of the town."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.lsp.editor import RGT_CLIENT, editor
from tests.town import LiveTown


async def test_an_item_is_made_and_its_lens_says_what_becomes_of_it(shared: LiveTown) -> None:
    """From the wire to the town and back."""
    async with editor(shared.env, own=RGT_CLIENT) as vim:
        await vim.healthy()
        made = await vim.run("work.create", title="a job", rig="api")
        item = made["value"]["id"]
        await vim.knows(item)
        uri = vim.open(f"see {item}\n")
        [lens, *_] = await vim.ask(types.TEXT_DOCUMENT_CODE_LENS, {"textDocument": {"uri": uri}})
        assert lens["command"] == {"title": "open", "command": "rgt.show", "arguments": [{"id": item}]}
        with pytest.raises(JsonRpcException, match="there is no work item"):
            await vim.run("work.show", id="gt-zzzzz")
        with pytest.raises(JsonRpcException, match=r"did you mean rgt\.server\.work\.show"):
            await vim.run("work.shw", id=item)


async def test_letters_arrive_in_the_order_in_which_they_were_written(shared: LiveTown) -> None:
    """Also when nobody has waited for an answer in between."""
    said = [f"and {n}" for n in range(30)]
    async with editor(shared.env, own=RGT_CLIENT) as vim:
        await vim.healthy()
        await asyncio.gather(*(vim.run("mail.send", to="person", text=text) for text in said))
        letters = [x for x in (await vim.run("mail.inbox"))["rows"] if x["text"] in said]
        await vim.run("mail.read", numbers=[x["number"] for x in letters])
    assert [x["text"] for x in letters] == said
