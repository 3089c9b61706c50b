"""What hovering shows."""

from __future__ import annotations

import pytest

from rgt.lsp.toml.service import Service
from tests.lsp.toml.files import PRESET, RIG, TOWN, caret

HOVERS = [
    (RIG, "sl|ots = 2", "slots|**slots**: a whole number, 1 to 64\n\nHow many candidates"),
    (RIG, "slots = |2", "2|**slots**: a whole number"),
    (RIG, "strategy = 'sq|uash'", "'squash'|**strategy**: squash, rebase or merge"),
    (RIG, "[[ga|te]]", "gate|**gate**: a list of tables\n\nCommands that must succeed"),
    (RIG, "[[gate]]\nru|n = 'x'", "run|**gate.run**: text\n\nShell line, run at the top of the worktree.\n\nMust be"),
    (TOWN, "[roles.pole|cat]", "polecat|**roles.polecat**: a table\n\nWorkers of one item each."),
    (TOWN, "limits = { max_lo|ad = 1", "max_load|**limits.max_load**: a number"),
    (TOWN, "runtime.default = 'cod|ex'", "'codex'|**codex**\n\nRuns `codex`, tested with"),
    (TOWN, "[runtime.cod|ex]", "codex|**runtime.codex**\n\nRuns `codex`, tested with"),
    (TOWN, "[runtime.codex]\nau|th = 1", "auth|**runtime.codex.auth**: anything\n\n`api-key`, or `shared`"),
    (PRESET, "co|mmand = []", "command|**command**: a list, each text\n\nProgram and arguments"),
    (TOWN, "nob|ody = 1", None),
    (TOWN, "name = 'x' # na|me", None),
    (TOWN, "|", None),
]


@pytest.mark.parametrize(("service", "marked", "expected"), HOVERS)
def test_hover_says_what_is_meant(service: Service, marked: str, expected: str | None) -> None:
    text, offset = caret(marked)
    found = service.hover(text, offset)
    if expected is None:
        assert found is None
    else:
        assert found and f"{text[slice(*found.span)]}|{found.text}".startswith(expected)
