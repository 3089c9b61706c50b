"""What a failed gate's diagnostics say of the author: whose lines they are, and where the author has them."""

from __future__ import annotations

from rgt.model.home import Home
from tests.entries import make_yard
from tests.repos import commit

OLD = "".join(f"line {n}\n" for n in range(1, 11))
GATE = r"grep -n bad a.txt other.txt | sed 's/^\([^:]*:[0-9]*\):.*/\1:1: error: a bad line/'; exit 1"


async def test_the_authors_lines_come_first_as_the_author_has_them(home: Home) -> None:
    """The target has grown above them meanwhile: the tested tree has other numbers than the author's head."""
    yard = await make_yard(home, files={"a.txt": OLD, "other.txt": "bad\n", "z.txt": OLD})
    entry = yard.done({"a.txt": OLD.replace("line 8", "bad 8") + "bad end\n", "ü ü.txt": "bad\n"})
    commit(yard.source, {"a.txt": "new\nbad new\n" + OLD})
    verdict = await yard.run(entry, GATE)
    assert verdict.kind == "failed"
    found = [(d.path, d.line, d.yours) for d in verdict.gates[0].diagnostics]
    assert found == [("a.txt", 10, 8), ("a.txt", 13, 11), ("a.txt", 2, 1), ("other.txt", 1, 0)]


async def test_without_a_move_of_the_target_lines_are_the_authors_own(home: Home) -> None:
    yard = await make_yard(home, files={"a.txt": OLD, "other.txt": "bad\n"})
    verdict = await yard.run(yard.done({"a.txt": OLD + "bad\n"}), GATE)
    assert [(d.place, d.yours) for d in verdict.gates[0].diagnostics] == [("a.txt:11:1", 0), ("other.txt:1:1", 0)]


async def test_of_a_pass_nothing_is_kept(home: Home) -> None:
    yard = await make_yard(home, files={"a.txt": OLD})
    verdict = await yard.run(yard.done({"a.txt": "bad\n"}), "echo a.txt:1:1: error: no")
    assert verdict.kind == "merged"
    assert verdict.gates[0].diagnostics == []
    assert list(yard.rig.runs.rglob("*.reports")) == []
