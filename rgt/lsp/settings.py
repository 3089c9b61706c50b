"""What a person may set in the editor: under `rgt` in its settings, or in the server's initialization options."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pydantic import ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pygls.exceptions import JsonRpcException

from rgt.model.base import Model

if TYPE_CHECKING:
    from rgt.lsp.server import RgtServer

log = logging.getLogger(__name__)
SECTION = "rgt"


class Values(Model):
    """The settings of the server. Those of an editor's extension stand in the same section and are not looked at."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", use_attribute_docstrings=True, frozen=True)

    code_lens: bool = True
    """Lenses on work items: their state, and what can be done."""
    inlay_hints: bool = False
    """The state of a work item behind its id."""
    approvals: bool = True
    """Escalations of agents are asked in a dialog of the editor."""
    progress: bool = True
    """Slings and merges show as progress."""


class Settings:
    """The settings in force."""

    def __init__(self, server: RgtServer) -> None:
        self._server = server
        self.now = Values()
        self._on_change: list[Callable[[], None]] = []

    def begin(self, options: Any) -> None:
        """Take the initialization options, and listen for what follows."""
        self.take(options)
        self._server.offer(types.WORKSPACE_DID_CHANGE_CONFIGURATION, self._changed)
        self._server.at_start(self._first)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when one has changed."""
        self._on_change.append(listener)

    def take(self, given: Any) -> None:
        """Take settings as an editor gives them. A wrong one leaves all as they were, with a line in the log."""
        if isinstance(given, dict) and isinstance(given.get(SECTION), dict):
            given = given[SECTION]
        if not isinstance(given, dict):
            return
        try:
            new = Values.model_validate({**self.now.model_dump(by_alias=True), **given})
        except ValidationError as e:
            wrong = e.errors(include_url=False, include_input=False)[0]
            log.warning("setting rgt.%s: %s", ".".join(map(str, wrong["loc"])), wrong["msg"].lower())
            return
        if new != self.now:
            self.now = new
            for listener in self._on_change:
                listener()

    async def _first(self) -> None:
        editor = self._server.editor
        if editor.has("workspace.did_change_configuration.dynamic_registration"):
            method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
            await self._server.register_at_editor(method, {"section": SECTION})
        await self._pull()

    async def _changed(self, params: types.DidChangeConfigurationParams) -> None:
        if self._server.editor.has("workspace.configuration"):
            await self._pull()
        else:
            self.take(params.settings)

    async def _pull(self) -> None:
        if not self._server.editor.has("workspace.configuration"):
            return
        params = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
        try:
            for given in await self._server.workspace_configuration_async(params) or ():
                self.take(given)
        except JsonRpcException as e:
            log.info("the editor has no settings for rgt: %s", e)
