"""What the editor at the other side has announced. The server says nothing to it that it did not announce."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

NEEDS = {
    types.TEXT_DOCUMENT_CODE_LENS: "text_document.code_lens",
    types.CODE_LENS_RESOLVE: "text_document.code_lens",
    types.TEXT_DOCUMENT_DOCUMENT_LINK: "text_document.document_link",
    types.TEXT_DOCUMENT_FOLDING_RANGE: "text_document.folding_range",
    types.TEXT_DOCUMENT_INLAY_HINT: "text_document.inlay_hint",
    types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: "text_document.semantic_tokens",
    types.TEXT_DOCUMENT_DIAGNOSTIC: "text_document.diagnostic",
    types.WORKSPACE_DIAGNOSTIC: "text_document.diagnostic",
    types.WORKSPACE_TEXT_DOCUMENT_CONTENT: "workspace.text_document_content",
}
"""What an editor announces when it is going to send a request. The rest is older than capabilities: editors send it to
whoever offers it, announced (VS Code) or not (Helix)."""

OWN = {
    "serverStatus": "wants `rgt/serverStatus`",
    "townChanged": "wants `rgt/townChanged`",
    "documents": "opens `rgt:` pages with `rgt.server.document`, and takes `workspace/textDocumentContent/refresh`",
    "commands": "list of the commands below that it has",
}
"""What our own extensions announce below `experimental.rgt`."""
COMMANDS = {
    "rgt.attach": ("{agent}", "opens the agent's terminal, with `rgt.server.attachSpec`"),
    "rgt.show": ("{id}", "opens the document of an item, agent or rig"),
    "rgt.sling": ("{id}", "asks for a rig or agent, then `rgt.server.sling`"),
    "rgt.answer": ("{id}", "asks for the answer to an escalation, then `rgt.server.ack`"),
}
"""Commands of an editor that lenses and code actions may name, with their one argument."""


class Editor:
    """One editor, as it has introduced itself."""

    def __init__(self, params: types.InitializeParams) -> None:
        self.capabilities = params.capabilities
        self.name = params.client_info.name if params.client_info else ""
        self.version = (params.client_info.version if params.client_info else None) or ""
        told = params.capabilities.experimental
        own = told.get("rgt") if isinstance(told, dict) else None
        self._own: dict[str, Any] = own if isinstance(own, dict) else {}

    def has(self, path: str) -> bool:
        """Whether it announced a capability, such as `workspace.code_lens.refresh_support`."""
        return self.get(path) not in (None, False)

    def get(self, path: str) -> Any:
        """What it announced there; None for nothing."""
        found: Any = self.capabilities
        for part in path.split("."):
            found = getattr(found, part, None)
            if found is None:
                return None
        return found

    def asks(self, method: str) -> bool:
        """Whether it may send this request or notification."""
        path = NEEDS.get(method)
        return path is None or self.has(path)

    @property
    def resolves_lenses(self) -> bool:
        """Whether it fills in the lenses that it shows. Neovim 0.11 says so and then fills in all of them."""
        if self.name == "Neovim" and self.version.startswith("0.11"):
            return False
        return "command" in (self.get("text_document.code_lens.resolve_support.properties") or ())

    def hears(self, name: str) -> bool:
        """Whether it wants one of our own notifications: `experimental.rgt.<name>` is true."""
        return self._own.get(name) is True

    def command(self, name: str) -> bool:
        """Whether it has a command of its own, such as `rgt.attach` (`experimental.rgt.commands`)."""
        commands = self._own.get("commands")
        return isinstance(commands, list | tuple) and name in commands
