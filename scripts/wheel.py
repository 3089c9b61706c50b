"""What a wheel has beside Python: the extension for VS Code, where `make vsix` has built it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Wheel(BuildHookInterface):
    """Without it the wheel is whole, too; `rgt editor install vscode` says then how to get it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add it."""
        vsix = Path(self.root, "editors", "vscode", "rgt.vsix")
        if vsix.exists():
            build_data["shared_data"][str(vsix)] = "share/rgt/rgt.vsix"
