"""What every shipped runtime must do, without its program: command lines, files, overrides, versions."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from rgt.host.runtimes import presets, provision, starting
from rgt.host.runtimes.presets import configured, load_preset
from rgt.host.sandbox import Fence
from rgt.host.tmux import COMMAND_LIMIT
from rgt.model.config import RigConfig, TownConfig
from rgt.model.errors import RgtError
from rgt.model.home import Home
from rgt.model.runtime import Choice, Mode, Preset, asking, choose, older, overridden, version_of
from tests.eventually import eventually
from tests.runtimes.stage import KEYS, NAMES, PROMPT, SECRET, SESSION, Stage
from tests.town import LiveTown, change, steps

MODES: tuple[Mode, ...] = get_args(Mode)
OTHERS = [name for name in NAMES if name != "scripted"]


@pytest.fixture
def stage(tmp: Path) -> Stage:
    return Stage(tmp)


def preset_of(stage: Stage, name: str) -> Preset:
    return load_preset(stage.home, name)


def files(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_a_start_gives_the_program_its_prompt_and_nothing_secret(stage: Stage, name: str, mode: Mode) -> None:
    """Byte for byte, whatever is in it, and in words that tmux takes."""
    os.environ.update(dict.fromkeys(KEYS.values(), SECRET))
    os.environ["ANTHROPIC_API_KEY"] = SECRET
    preset = preset_of(stage, name)
    stage.keep_session(preset)
    prepared = stage.prepare(preset, mode)
    assert all(SECRET not in word and "\n" not in word for word in prepared.argv)
    assert sum(len(os.fsencode(word)) + 3 for word in prepared.argv) < COMMAND_LIMIT / 2
    assert not [name for name, text in files(stage.agent_dir).items() if SECRET in text], "no key is written down"
    if preset.command[0] == "{python}":
        return
    argv, stdin = stage.calls(preset, prepared)
    told = "You were restarted." if mode == "resumed" and preset.resume else PROMPT
    given = {"argument": argv[-1], "stdin": stdin, "paste": prepared.paste, "none": told}
    flag = preset.prompt_flag
    given["flag"] = argv[-1].removeprefix(flag) if flag.endswith("=") else argv[-1]
    assert given[preset.prompt] == told
    if preset.prompt == "flag":
        assert argv[-1].startswith(flag) if flag.endswith("=") else argv[-2] == flag


@pytest.mark.parametrize("name", OTHERS)
def test_model_and_effort_reach_the_program(stage: Stage, name: str) -> None:
    preset = preset_of(stage, name)
    plain, _ = stage.calls(preset, stage.prepare(preset))
    chosen, _ = stage.calls(preset, stage.prepare(preset, choice=Choice(name, "a-model", "high")))
    added = [word for word in chosen if word not in plain]
    assert preset.model_args, "every runtime can be given a model"
    assert sum("a-model" in word for word in added) == 1
    assert sum("high" in word for word in added) == bool(preset.effort_args)
    of_preset, _ = stage.calls(preset, stage.prepare(preset.model_copy(update={"model": "a-model", "effort": "high"})))
    assert of_preset == chosen


@pytest.mark.parametrize("name", OTHERS)
def test_a_death_goes_on_with_the_session_if_there_is_one(stage: Stage, name: str) -> None:
    """Without one it begins anew and is told the whole prompt again."""
    preset = preset_of(stage, name)
    assert preset.resume
    first, _ = stage.calls(preset, stage.prepare(preset))
    if preset.kept:
        anew, _ = stage.calls(preset, stage.prepare(preset, "resumed"))
        assert anew == first
    stage.keep_session(preset)
    again, _ = stage.calls(preset, stage.prepare(preset, "resumed"))
    assert PROMPT not in " ".join(again)
    assert again != first


@pytest.mark.parametrize("name", NAMES)
def test_provisioning_writes_in_the_agents_directory_alone(stage: Stage, name: str) -> None:
    """Files that parse, for their owner's eyes, the same again when it is done again; no link leads into a home."""
    preset = preset_of(stage, name)
    stage.worktree.mkdir()
    (stage.root / "user").mkdir()
    os.environ["HOME"] = str(stage.root / "user")
    before = files(stage.root)
    prepared = stage.prepare(preset, settings={"mcp": True} if preset.settings and "mcp" in preset.settings else {})
    made = files(stage.agent_dir)
    assert {k: v for k, v in files(stage.root).items() if not k.startswith("agent/")} == before
    assert made["prompt"] == PROMPT and made["session"] == SESSION + "\n" and json.loads(made["policy.json"])
    for path, text in made.items():
        if path.endswith(".json"):
            json.loads(text)
        if path.endswith(".toml"):
            tomllib.loads(text)
        if "/" in path:
            assert not (stage.agent_dir / path).stat().st_mode & 0o077, path
    assert not [p for p in stage.agent_dir.rglob("*") if p.is_symlink()]
    assert "mcp" in " ".join(made.values()) or "mcp" not in (preset.settings or {})
    for key, value in prepared.env.items():
        if value.startswith("/"):
            assert Path(value).is_relative_to(stage.agent_dir), key
    stage.prepare(preset, settings={"mcp": True} if preset.settings and "mcp" in preset.settings else {})
    assert files(stage.agent_dir) == made


@pytest.mark.parametrize("name", NAMES)
def test_links_that_an_agent_has_left_lead_nowhere(stage: Stage, name: str) -> None:
    """From a sandbox it could have them written to that it cannot write to itself."""
    preset = preset_of(stage, name)
    stage.prepare(preset)
    made = files(stage.agent_dir)
    person = stage.root / "person"
    person.mkdir()
    (person / "kept").write_text("mine")
    for path in stage.agent_dir.rglob("*"):
        if path.is_file():
            path.unlink()
            path.symlink_to(person / "kept")
    stage.prepare(preset)
    for path in [p for p in stage.agent_dir.iterdir() if p.is_dir()]:
        path.rename(stage.root / f"aside-{path.name}")
        path.symlink_to(person)
    (stage.agent_dir / "tmp").unlink(missing_ok=True)
    (stage.agent_dir / "tmp").symlink_to(person)
    stage.prepare(preset)
    assert files(person) == {"kept": "mine"}
    assert files(stage.agent_dir) == made
    assert not (stage.agent_dir / "tmp").exists()


@pytest.mark.parametrize("name", [n for n in OTHERS if n != "claude"])
def test_every_hook_speaks_through_our_program(stage: Stage, name: str) -> None:
    """The guard is asked before every tool, and what its hooks call is there."""
    where = stage.where()
    preset = preset_of(stage, name)
    stage.prepare(preset)
    written = " ".join(files(stage.agent_dir).values())
    assert preset.ready == "hook" and preset.guard != "none"
    assert "run.py" in written and "foreign" in written and "guard" in written and sys.executable in written
    assert (where.runtimes / "run.py").exists() and (where.runtimes / "foreign.py").exists()


def test_asking_a_past_session_writes_nothing(stage: Stage) -> None:
    """It has the sessions and the login of the agent; the question is one word, whatever is in it."""
    os.environ["ANTHROPIC_API_KEY"] = SECRET
    preset = preset_of(stage, "claude")
    where = stage.where(settings={"base_url": "http://x", "auth": "api-key"})
    env = provision.environment(preset, where)
    assert env == {
        "CLAUDE_CONFIG_DIR": f"{stage.agent_dir}/claude",
        "ANTHROPIC_API_KEY": SECRET,
        "ANTHROPIC_BASE_URL": "http://x",
    }
    assert provision.environment(preset_of(stage, "scripted"), where) == {}
    assert provision.environment(preset_of(stage, "codex"), where) == {}
    assert not stage.agent_dir.exists()
    start = presets.Launch("py", stage.agent_dir, "resumed", SESSION, stage.worktree)
    words = asking(preset, start.values(), PROMPT)
    assert words[-2:] == ["--", PROMPT] and words[1:4] == ["--resume", SESSION, "--fork-session"]
    assert not presets.kept(preset, stage.agent_dir, SESSION)
    stage.keep_session(preset)
    assert presets.kept(preset, stage.agent_dir, SESSION)
    assert presets.kept(preset_of(stage, "scripted"), stage.agent_dir, SESSION), "who does not say where has them"
    helped = stage.where(settings={"auth": "helper", "helper": "print-key"})
    provision.provision(preset, helped)
    told = json.loads((stage.agent_dir / "ask.json").read_text())
    assert told == {"disableAllHooks": True, "apiKeyHelper": "print-key"}


def test_codex_shares_a_login_only_when_told_to(stage: Stage) -> None:
    os.environ["OPENAI_API_KEY"] = SECRET
    preset = preset_of(stage, "codex")
    link = stage.agent_dir / "codex" / "auth.json"
    prepared = stage.prepare(preset, settings={"auth": "shared"})
    assert str(link.readlink()) == f"{os.environ['HOME']}/.codex/auth.json"
    assert "OPENAI_API_KEY" not in prepared.env
    assert stage.prepare(preset).env["OPENAI_API_KEY"] == SECRET
    assert not link.is_symlink()
    with pytest.raises(RgtError, match="`auth` must be api-key or shared, not oauth"):
        stage.prepare(preset, settings={"auth": "oauth"})
    with pytest.raises(RgtError, match="`mcp` must be true or false"):
        stage.prepare(preset, settings={"mcp": "yes"})


SAID = [
    ("codex", "codex-cli 0.171.0\n", "0.171.0"),
    ("gemini", "0.61.0\n", "0.61.0"),
    ("copilot", "GitHub Copilot CLI 1.0.102.\nRun 'copilot update' to check for updates.\n", "1.0.102"),
    ("opencode", "1.18.33\n", "1.18.33"),
    ("claude", "2.1.330 (Claude Code)\n", "2.1.330"),
    ("broken", "segmentation fault\n", ""),
]


@pytest.mark.parametrize(("name", "said", "version"), SAID)
def test_a_version_is_found_in_what_a_program_says(name: str, said: str, version: str) -> None:
    assert version_of(said) == version


def test_versions_are_compared_by_number() -> None:
    assert older("1.9", "1.10") and older("0.150", "0.150.1")
    assert not older("1.10", "1.9") and not older("1.0.0", "1.0")


@pytest.mark.parametrize("name", OTHERS)
def test_a_preset_says_what_it_was_tested_with(stage: Stage, name: str) -> None:
    preset = preset_of(stage, name)
    assert preset.version and preset.tested == version_of(preset.tested)
    assert not preset.at_least or not older(preset.tested, preset.at_least)


def town_toml(home: Home, text: str) -> None:
    home.config.mkdir(parents=True, exist_ok=True)
    home.town_toml.write_text(text)


def test_the_rigs_word_goes_over_the_towns_and_that_over_the_preset(stage: Stage) -> None:
    home = stage.home
    town_toml(home, '[runtime.codex]\nready_seconds = 5\nmodel = "a"\nenv.A = "1"\nkey_env = "X"\n')
    home.rig("api").root.mkdir(parents=True)
    home.rig("api").rig_toml.write_text('[runtime.codex]\nmodel = "b"\nenv.B = "{mode}"\nwrapper = ["nice"]\n')
    preset, shipped = configured(home, "codex", "api"), load_preset(home, "codex")
    assert (preset.ready_seconds, preset.model, preset.wrapper) == (5.0, "b", ["nice"])
    assert preset.env == {**shipped.env, "A": "1", "B": "{mode}"}
    assert configured(home, "codex").model == "a"
    assert presets.settings(home, "codex", "api")["key_env"] == "X"
    assert configured(home, "gemini", "api") == load_preset(home, "gemini")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"ready_seconds": 0}, "town.toml: [runtime.codex]: `ready_seconds` must be more than 0", ""),
    ({"wrapper": "nice"}, "town.toml: [runtime.codex]: `wrapper` must be a list, not text", ""),
    ({"prompt": "argumnt"}, "`prompt` must be none, argument, flag, paste or stdin", "did you mean argument?"),
    ({"prompt": "stdin"}, '`prompt = "flag"` and `prompt_flag` need each other', ""),
    ({"env": {"A": "{home}"}}, "there is no {home}", ""),
    ({"modle": "x"}, "town.toml: [runtime.codex] has no key `modle`", "did you mean model?"),
    ({"key_evn": "x"}, "has no key `key_evn`", "did you mean key_env?"),
    ({"name": "other"}, "has no key `name`", ""),
]


@pytest.mark.parametrize(("table", "message", "hint"), WRONG)
def test_a_wrong_override_is_said_with_its_place(stage: Stage, table: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(RgtError) as caught:
        overridden(load_preset(stage.home, "codex"), [("town.toml", table)])
    assert caught.value.code == "invalid"
    assert message in caught.value.message
    assert caught.value.hint == hint or not hint


CHOICES = [
    ("", "polecat", ("codex", "m-role", "e-rig")),
    ("codex", "polecat", ("codex", "m-role", "e-rig")),
    ("gemini", "polecat", ("gemini", "m-town", "")),
    ("", "crew", ("claude", "", "low")),
    ("", "witness", ("claude", "", "")),
    ("scripted", "crew", ("scripted", "", "")),
]


@pytest.mark.parametrize(("asked", "role", "chosen"), CHOICES)
def test_runtime_model_and_effort_are_chosen_by_role(asked: str, role: str, chosen: tuple[str, str, str]) -> None:
    """A model is a word of one runtime: that of the role does not go along when another runtime is asked for."""
    text = """
        [runtime]
        default = "claude"
        [runtime.gemini]
        model = "m-town"
        [runtime.codex]
        model = "m-town"
        [roles.polecat]
        runtime = "codex"
        model = "m-role"
        effort = "e-role"
        [roles.crew]
        effort = "low"
    """
    town = TownConfig.model_validate(tomllib.loads(text))
    rig = RigConfig.model_validate({"runtime": {"codex": {"effort": "e-rig"}}})
    assert choose(town, rig, role, asked) == chosen
    assert choose(TownConfig(), None, role) == ("", "", "")


def test_the_example_of_the_docs_starts_in_a_container(stage: Stage) -> None:
    """`wrapper` words: variables go in by name, and the prompt is read on this side."""
    text = (Path(__file__).parents[2] / "docs" / "runtimes.md").read_text()
    table = tomllib.loads("#" + text.partition("```toml\n# A container")[2].partition("```")[0])["runtime"]["codex"]
    preset = overridden(load_preset(stage.home, "codex"), [("town.toml", table)])
    prepared = stage.prepare(preset)
    assert prepared.argv[4:6] == ["docker", "exec"]
    assert str(stage.worktree) in prepared.argv and "GTR_TOKEN" in prepared.argv
    assert not [word for word in prepared.argv if "GTR_TOKEN=" in word]


def test_prompts_by_file_for_every_way(stage: Stage) -> None:
    for how, flag in (("argument", ""), ("flag", "-p"), ("flag", "--p="), ("stdin", ""), ("paste", ""), ("none", "")):
        preset = Preset.model_validate(
            {"name": "x", "command": ["prog", "{mode}"], "prompt": how, "prompt_flag": flag, "wrapper": ["env", "A=1"]}
        )
        prepared = stage.prepare(preset)
        argv, stdin = stage.calls(preset, prepared)
        expected = {"argument": [PROMPT], "flag": [f"{flag}{PROMPT}"] if flag == "--p=" else [flag, PROMPT]}.get(
            how, []
        )
        assert argv == ["start", *expected]
        assert stdin == (PROMPT if how == "stdin" else "")
        assert prepared.paste == (PROMPT if how == "paste" else "")


def test_a_prompt_that_no_program_takes_is_refused(stage: Stage) -> None:
    with pytest.raises(RgtError, match="the first prompt has 130000 characters"):
        stage.prepare(preset_of(stage, "codex"), prompt="x" * 130_000)


def test_a_start_that_wants_a_sandbox_never_happens_without(stage: Stage) -> None:
    preset = preset_of(stage, "codex").model_copy(update={"sandbox": True})
    with pytest.raises(RgtError, match="wants a sandbox and has none"):
        presets.command(preset, presets.Launch("py", stage.agent_dir))


def test_a_provisioner_that_is_not_here_is_said(stage: Stage) -> None:
    missing = Preset.model_construct(**{**preset_of(stage, "codex").model_dump(), "provision": "gone"})
    fence = Fence(stage.home, stage.home.rig("api"), stage.worktree, stage.agent_dir)
    with pytest.raises(RgtError, match="nobody here provisions gone"):
        starting.prepare(missing, stage.where(), fence, Choice(""))


def test_a_scripted_agent_does_the_whole_in_a_town(town: LiveTown, repo: Path) -> None:
    """Start, ready, done; another one crashes and goes on."""
    town.add_rig("api", repo)
    town.sling(item := town.create("plain", change("a.txt", "a\n")), target="api")
    town.becomes(item, "merged")
    crash = steps(
        'do = "write"\npath = "b.txt"\ntext = "b\\n"', 'do = "crash"', 'do = "commit"\nmessage = "b"', 'do = "done"'
    )
    town.sling(item := town.create("crash", crash), target="api")
    merged = town.becomes(item, "merged")
    assert merged["attempt"] == 1
    eventually(lambda: not town.agents("polecat"), 30)
