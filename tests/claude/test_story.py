"""The real Claude Code works in a town, unattended."""

from __future__ import annotations

from tests.claude.conftest import RIG, sling
from tests.claude.stub import Stub
from tests.town import LiveTown


def test_from_item_to_merged(claude: LiveTown, api: Stub) -> None:
    """Edits, commits, a push that is denied, `rgt done` from its Bash tool; what it wrote is its own."""
    item = sling(
        claude,
        "Say hello",
        {"bash": "echo hello > hello.txt && git add hello.txt && git commit -qm 'Say hello'"},
        {"bash": "git push origin HEAD:main"},
        {"bash": "rgt done --summary 'said hello'"},
        {"text": "finished"},
    )
    merged = claude.becomes(item, "merged", timeout=90)
    assert merged["attempt"] == 1
    assert claude.git("show", "main:hello.txt", cwd=claude.root / "repo") == "hello"
    assert "only the merge queue moves main" in api.texts()
    assert claude.git("log", "-1", "--format=%an", "main", cwd=claude.root / "repo") == f"{RIG}/nux"
