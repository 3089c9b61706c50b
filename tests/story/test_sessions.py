"""Sessions of agents: what one hands over to the next, what is written down, and what past ones can be asked."""

from __future__ import annotations

import json
from typing import Any

from rgt.model import operations as ops
from rgt.model.prompts import REMINDER
from tests.eventually import eventually
from tests.repos import make_repo
from tests.story.inside import Inside, agent_of, nobody_has
from tests.town import LiveTown, Ran, change, steps

HANG = steps('do = "hang"')
TALKER = """name = "talker"
command = ["{python}", "-I", "-S", "{runtimes}/run.py", "scripted", "--dir", "{agent_dir}", "--mode", "{mode}"]
ask = ["sh", "-c", 'echo "asked $0: $1 in $PWD"; rgt status; echo "code $?"', "{session}"]
"""

HANDED_OVER = (0, -15)
"""Exit codes of a handoff: the session that ends may take the command along that has asked for it."""


def add_rig(town: LiveTown, name: str) -> None:
    make_repo(town.root / name)
    town.add_rig(name, town.root / name)


def slung(town: LiveTown, rig: str, script: str = HANG) -> tuple[str, Inside]:
    """A new item with an agent at work."""
    item = town.create("a job", script)
    town.sling(item, target=rig)
    return item, agent_of(town, item)


def shown(town: LiveTown, agent: Inside) -> dict[str, Any]:
    """The state of the agent."""
    found: dict[str, Any] = town.ask("agents", "show", agent.env["GTR_ADDRESS"])
    return found


def sessions(town: LiveTown, agent: Inside) -> list[tuple[int, str, str]]:
    """Generation, beginning and end of the sessions of the agent."""
    rows = town.ask("session", "list", "--agent", agent.env["GTR_ADDRESS"])
    return [(r["generation"], r["began"], r["how"]) for r in rows if r["item"] == agent.env["GTR_WORK_ITEM"]]


def test_a_handoff_goes_on_in_a_fresh_session_on_the_same_worktree(shared: LiveTown) -> None:
    """Same item, next generation, the message in its prime; what was not committed is there, no death is counted."""
    town = shared
    add_rig(town, "hand")
    over = steps('do = "write"\npath = "half.txt"\ntext = "half\\n"', 'do = "handoff"\nmessage = "next: whole.txt"')
    rest = steps('do = "write"\npath = "whole.txt"\ntext = "whole\\n"', 'do = "hang"')
    item = town.create("two sessions", "\n".join((change("a.txt", "a\n", finish=False), over, rest)))
    town.sling(item, target="hand")
    place = town.home.rig("hand").worktrees
    eventually(lambda: list(place.glob("*/whole.txt")), 60)
    agent = agent_of(town, item)
    state = shown(town, agent)
    assert (state["generation"], state["deaths"], state["phase"]) == (2, 0, "working")
    assert (agent.cwd / "half.txt").read_text() == "half\n"
    assert agent.git("log", "-1", "--format=%s") == "change"
    prime = agent.run("prime").out
    assert "handed over to you" in prime
    assert "next: whole.txt" in prime.partition("<<< checkpoint")[2].partition(">>> end of checkpoint")[0]
    assert sessions(town, agent) == [(1, "start", "handed over"), (2, "handoff", "")]
    assert [town.item(item)[k] for k in ("state", "attempt", "deaths", "notes")] == ["in_progress", 1, 0, []]

    assert agent.run("done").code == 0
    agent.kill()
    town.becomes(item, "merged")
    nobody_has(town, item)
    gone = town.ask("session", "list", "--agent", agent.env["GTR_ADDRESS"])
    assert [(r["state"], r["how"]) for r in gone] == [("ended", "handed over"), ("ended", "finished")]
    assert town.ask("session", "show", gone[0]["id"])["item"] == item, "one that is gone is found by its id"


def test_a_worker_killed_in_a_handoff_loses_nothing(shared: LiveTown) -> None:
    """The next worker ends the session and starts the fresh one, once; an agent that leaves at once is not missed."""
    town = shared
    add_rig(town, "killed")
    item, agent = slung(town, "killed")
    assert agent.run("handoff", "the worker dies now").code in HANDED_OVER
    town.kill("worker")
    agent.leave()
    fresh = agent_of(town, item, after=agent)
    eventually(lambda: town.run("work", "show", item).code == 0, 30, 0.1, "the worker is back")
    assert fresh.cwd == agent.cwd
    assert "the worker dies now" in fresh.run("prime").out
    assert sessions(town, fresh) == [(1, "start", "handed over"), (2, "handoff", "")]
    assert [shown(town, fresh)[k] for k in ("generation", "deaths")] == [2, 0]
    assert (town.item(item)["attempt"], town.item(item)["deaths"]) == (1, 0)
    late = agent.run("handoff", "from the grave")
    assert (late.code, "another process" in late.err) == (4, True), late


def test_B09_a_checkpoint_of_another_branch_is_ignored(shared: LiveTown) -> None:
    """It is shown as stale, and useful again where it was written; nobody but the agent and people may change it."""
    town = shared
    add_rig(town, "branch")
    item, agent = slung(town, "branch")
    _, other = slung(town, "branch")
    head = agent.commit("a.txt", "a\n")
    written = agent.run("checkpoint", "write", "a is done, b is next", "--json")
    assert written.code == 0, written
    assert {k: written.json()[k] for k in ("item", "head", "branch", "by", "generation")} == {
        "item": item, "head": head, "branch": f"polecat/{agent.env['GTR_ADDRESS'].partition('/')[2]}/{item}",
        "by": "agent", "generation": 1,
    }  # fmt: skip
    assert "b is next" in agent.run("prime").out
    agent.git("switch", "--quiet", "--create", "another-way")
    assert "b is next" not in agent.run("prime").out
    assert agent.run("checkpoint", "read", "--json").json()["stale"]
    agent.git("switch", "--quiet", "-")
    assert "b is next" in agent.run("prime").out

    address = agent.env["GTR_ADDRESS"]
    for words in (("write", "mine now"), ("clear",)):
        refused = other.run("checkpoint", *words, "--agent", address)
        assert (refused.code, "not yours" in refused.err) == (4, True), refused
    assert "b is next" in other.run("checkpoint", "read", "--agent", address).out
    town.rgt("checkpoint", "write", "-", "--agent", address, stdin="a person's words: ü 🙂 'x' \"y\"\n\tz\n")
    assert town.ask("checkpoint", "read", "--agent", address)["text"] == "a person's words: ü 🙂 'x' \"y\"\n\tz"
    assert town.run("checkpoint", "read").code == 2
    assert agent.run("checkpoint", "clear").code == 0
    assert agent.run("checkpoint", "read").out == "nothing\n"
    assert town.run("handoff", "who?").code == 4


def test_a_checkpoint_outlives_the_agent(shared: LiveTown) -> None:
    """Killed once, the resumed session is told; killed twice, the next attempt has it as a note of the one before."""
    town = shared
    add_rig(town, "outlive")
    item, agent = slung(town, "outlive")
    assert agent.run("checkpoint", "write", "the third test is odd").code == 0
    agent.kill()
    resumed = agent_of(town, item, after=agent)
    told = resumed.run("prime").out
    assert "the third test is odd" in told
    assert "died in the middle" in told
    lost = said(hook(town, resumed, "SessionStart", source="startup"))
    assert ("you begin anew" in lost, "died in the middle" in lost, "the third test is odd" in lost) == (
        True,
        False,
        True,
    )
    resumed.kill()
    second = agent_of(town, item, after=resumed)
    assert town.item(item)["attempt"] == 2
    assert "the third test is odd" in second.run("prime").out


def test_crew_hands_over_too_and_forgets_other_items(shared: LiveTown) -> None:
    """A handoff is not one of the deaths that end a crew member's session; the next item has nothing of the last."""
    town = shared
    add_rig(town, "crewed")
    town.rgt("crew", "create", "max", "--rig", "crewed", "--runtime", "scripted")
    one = town.create("one")
    town.sling(one, target="crewed/max")
    before = agent_of(town, one)
    for generation in (2, 3, 4, 5):
        assert before.run("handoff", f"said in {generation - 1}").code in HANDED_OVER
        before.leave()
        agent = agent_of(town, one, after=before)
        state = shown(town, agent)
        assert (state["generation"], state["deaths"], state["state"]) == (generation, 0, "running")
        assert agent.cwd == before.cwd
        assert f"said in {generation - 1}" in agent.run("prime").out
        before = agent
    town.rgt("unsling", one)
    nobody_has(town, one)
    two = town.create("two")
    town.sling(two, target="crewed/max")
    agent = agent_of(town, two)
    told = agent.run("prime").out
    assert two in told
    assert "said in" not in told
    assert agent.run("checkpoint", "read", "--json").json()["stale"]
    town.rgt("unsling", two)


def hook(town: LiveTown, agent: Inside, event: str, **data: Any) -> ops.HookAnswer:
    """What a hook of the agent's runtime is answered."""
    return town.call(ops.AGENT_HOOK, ops.HookArgs(event=event, session="uuid-1", data=data), agent.env["GTR_TOKEN"])


def said(answer: ops.HookAnswer) -> str:
    """The text in it."""
    assert answer.out is not None
    return str(answer.out["hookSpecificOutput"]["additionalContext"])


def test_B47_after_a_compaction_the_same_step_goes_on(shared: LiveTown) -> None:
    """PreCompact writes down what is known and restarts nothing; then a reminder, not the whole."""
    town = shared
    add_rig(town, "compact")
    item, agent = slung(town, "compact")
    eventually((agent.directory / "progress.json").exists, what="its own hook has named its session")
    whole = said(hook(town, agent, "SessionStart", source="startup"))
    assert "## How to work" in whole
    head = agent.commit("a.txt", "a\n")
    assert agent.run("checkpoint", "write", "at step two").code == 0
    assert hook(town, agent, "PreCompact", trigger="auto") == ops.HookAnswer()
    found = agent.run("checkpoint", "read", "--json").json()
    assert (found["by"], found["text"], found["item"], found["head"]) == ("compaction", "at step two", item, head)
    reminder = said(hook(town, agent, "SessionStart", source="compact"))
    assert len(reminder) <= REMINDER < len(whole)
    assert item in reminder
    assert "rgt checkpoint read" in reminder
    state = shown(town, agent)
    assert (state["generation"], state["pid"], state["phase"]) == (1, agent.pid, "working")
    assert [(s["id"], s["ended"]) for s in state["sessions"]] == [("uuid-1", "")]
    assert "at step two" in said(hook(town, agent, "SessionStart", source="resume"))


def test_a_past_session_can_be_asked_and_its_agent_notices_nothing(shared: LiveTown) -> None:
    """The scripted agent has but its place to show; a model's copy is nobody in the town."""
    town = shared
    add_rig(town, "asked")
    item, agent = slung(town, "asked", change("a.txt", "a\n", finish=False) + "\n" + HANG)
    eventually(
        lambda: (agent.directory / "progress.json").exists() and agent.git("log", "-1", "--format=%s") == "change"
    )
    [row] = town.ask("session", "list", "--agent", agent.env["GTR_ADDRESS"])
    answer = town.rgt("session", "resume", row["id"][:13], "what are you at?")
    assert json.loads(answer)["list"] == "start"
    assert town.rgt("complete", "sessions", row["id"][:13]).split() == [row["id"]]
    for run, code in (
        (agent.run("session", "resume", row["id"], "x"), 4),
        (town.run("session", "resume", "nope", "x"), 5),
    ):
        assert run.code == code, run
    assert agent_of(town, item).pid == agent.pid

    town.home.runtimes.mkdir(parents=True, exist_ok=True)
    (town.home.runtimes / "talker.toml").write_text(TALKER)
    second = town.create("talk")
    town.rgt("sling", second, "--target", "asked", "--runtime", "talker")
    talker = agent_of(town, second)

    def asked() -> tuple[str, Ran] | None:
        # The runtime names its session a moment after it has begun.
        id = str(town.ask("session", "list", "--agent", talker.env["GTR_ADDRESS"])[-1]["id"])
        ran = town.run("session", "resume", id, "-", stdin="why?\nreally?\n")
        return (id, ran) if ran.code == 0 else None

    id, ran = eventually(asked)
    assert ran.out.startswith(f"asked {id}: why?\nreally? in {talker.cwd}\n"), ran
    assert "GTR_TOKEN" in ran.err
    assert ran.out.endswith("code 4\n")
