"""A real Neovim, headless, on a real town."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lsp.conftest import shared  # noqa: F401 (the town of this folder, made as that of the server's tests)
from tests.neovim.neovim import Neovim
from tests.town import LiveTown

Editors = Callable[..., Neovim]


@pytest.fixture
def editors(tmp: Path) -> Iterator[Editors]:
    """Starts editors; each is ended after the test, and nothing of it may be left."""
    with ExitStack() as stack:

        def start(env: dict[str, str], **options: str) -> Neovim:
            return stack.enter_context(Neovim.running(tmp, env, **options))

        yield start


@pytest.fixture
def own_town(tmp: Path) -> Iterator[LiveTown]:
    """A town that nobody has started; its agents are shells unless their items say otherwise."""
    live = LiveTown(tmp)
    live.home.config.mkdir(parents=True)
    live.home.town_toml.write_text('[runtime]\ndefault = "scripted"\n')
    yield live
    live.stop()


@pytest.fixture
def nvim(editors: Editors, shared: LiveTown) -> Neovim:  # noqa: F811
    """An editor with the plugin, on the shared town."""
    return editors(shared.env)
