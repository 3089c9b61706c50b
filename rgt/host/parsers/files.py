"""The files of a tested tree, and which of them a tool means by a path that it prints."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path


class Files:
    """The tracked files of the tree that was tested in the directory `top`."""

    def __init__(self, top: Path, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._tops = sorted({f"{top}/", f"{os.path.realpath(top)}/"}, key=len, reverse=True)

    def find(self, given: str) -> str:
        """The file that is meant, relative to the top of the repository; empty when it is none of the repository's.

        Tools that ran in a directory below the top, or know only names (go test), are understood when one file alone
        ends so.
        """
        path = given.removeprefix("file://").replace("\\", "/")
        if path.startswith("/"):
            top = next((top for top in self._tops if path.startswith(top)), None)
            path = os.path.normpath(path[len(top) :]) if top else ""
            return path if path in self.names else ""
        path = os.path.normpath(path)
        if path in self.names:
            return path
        parts = [part for part in path.split("/") if part != ".."]
        ends = [name for name in self._by_name.get(parts[-1], ()) if f"/{name}".endswith("/" + "/".join(parts))]
        return ends[0] if len(ends) == 1 else ""

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            found[name.rpartition("/")[2]].append(name)
        return found
