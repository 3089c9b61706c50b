"""The real programs in a real tmux against a stub of their models: `make test-runtimes`. No account, no network.

Not in the ordinary suite: the programs are large. What npm did not give is said in one line.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rgt.host import processes, sessions
from rgt.host.runtimes.presets import SHIPPED, installed_version, load_preset
from rgt.host.sessions import Launch, Session
from rgt.host.tmux import Tmux
from rgt.host.transcripts import open_book, read
from rgt.model.costs import total
from rgt.model.runtime import Choice, Mode, Preset
from tests.eventually import eventually
from tests.repos import make_repo
from tests.runtimes.model import Model, model
from tests.runtimes.stage import Stage

INSTALLED = os.environ.get("RGT_RUNTIMES", "")
"""Directory in which `make test-runtimes` has installed the programs."""
NAMES = ("codex", "copilot", "gemini", "opencode")
MODELS = {"codex": "gpt-5.4", "copilot": "", "gemini": "gemini-2.5-pro", "opencode": "stub/m"}
"""Models whose API the stub speaks: of the newest, codex gives tools in another form."""
NONCE = f"n0nce-{secrets.token_hex(4)}"
HOOK = """\
import json, os, sys
home = os.path.dirname(os.path.abspath(__file__))
def noted(job, given):
    with open(home + "/hooked", "a") as f:
        f.write(json.dumps([job, given]) + "\\n")
def first(name):
    there = os.path.exists(home + "/" + name)
    open(home + "/" + name, "w").close()
    return not there
def report(given):
    noted("event", given)
    event, said = given["hook_event_name"], {}
    if event == "PostToolUse" and first("mailed"):
        said = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": "MAIL-77"}}
    elif event == "SessionStart":
        context = {"additionalContext": "PRIMED-55", "watchPaths": ["/bell"]}
        said = {"hookSpecificOutput": {"hookEventName": event, **context}}
    elif event == "Stop" and first("stopped"):
        said = {"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "STOP-88"}}
    return {"out": said}, lambda: None
def run(argv):
    given = json.load(sys.stdin)
    noted("guard", given)
    if "git push" in given.get("tool_input", {}).get("command", ""):
        reason = {"permissionDecision": "deny", "permissionDecisionReason": "NO-PUSHES-66"}
        print(json.dumps({"hookSpecificOutput": {"hookEventName": given["hook_event_name"], **reason}}))
"""
TASK = """-x Do "this" `now` 日本語 MARK-99
<<run: echo made > made.txt>> <<run: git push origin main; echo 1 > pushed.txt>>
<<run: echo $GTR_TOKEN > after.txt>>"""

pytestmark = [
    pytest.mark.runtimes_installed,
    pytest.mark.skipif(not INSTALLED, reason="`make test-runtimes` installs the programs"),
    pytest.mark.timeout(240),
]


@pytest.fixture
def llm() -> Iterator[Model]:
    with model() as running:
        yield running


@dataclass
class Running:
    """A runtime that can be started again and again in one place."""

    preset: Preset
    stage: Stage
    tmux: Tmux
    llm: Model
    session: Session | None = None

    async def start(self, mode: Mode = "start", prompt: str = TASK) -> Session:
        """Start it in tmux as the town does."""
        settings = {"base_url": f"{self.llm.url}/v1"} if self.preset.name == "codex" else {}
        prepared = self.stage.prepare(
            self.preset,
            mode,
            Choice(self.preset.name, MODELS[self.preset.name]),
            prompt=prompt,
            runtimes=self.stage.root / "runtimes",
            settings=settings,
        )
        env = {**os.environ, **self.backend(), **prepared.env, "GTR_TOKEN": "t0ken", "RGT_BIN": "/bin/true"}
        env["GTR_ROOT"] = str(self.stage.home.root)
        launch = Launch(
            agent=f"polecat/api/nux-{os.getpid()}",
            address="api/nux",
            generation=2 if mode == "resumed" else 1,
            attempt=2,
            nonce=NONCE + mode,
            cwd=str(self.stage.worktree),
            argv=prepared.argv,
            env=env,
        )
        self.session = await sessions.launch(self.tmux, launch)
        return self.session

    def backend(self) -> dict[str, str]:
        """Variables that lead the program to the stub."""
        provider = {"npm": "@ai-sdk/openai-compatible", "name": "stub", "models": {"m": {"name": "m"}}}
        provider |= {"options": {"baseURL": f"{self.llm.url}/v1", "apiKey": "x"}}
        return {
            "codex": {},
            "gemini": {"GOOGLE_GEMINI_BASE_URL": self.llm.url},
            "copilot": {
                "COPILOT_OFFLINE": "true",
                "COPILOT_PROVIDER_BASE_URL": f"{self.llm.url}/v1",
                "COPILOT_MODEL": "gpt-5.4",
            },
            "opencode": {
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                "OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"stub": provider}, "small_model": "stub/m"}),
            },
        }[self.preset.name]

    def hooked(self, event: str) -> list[dict[str, object]]:
        """What the hooks were told at an event."""
        file = self.stage.root / "runtimes" / "hooked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [given for _, given in map(json.loads, lines) if given["hook_event_name"] == event]

    async def until(self, what: object, probe: object, seconds: float = 60) -> None:
        """Wait; a failure shows the screen and what the hooks said."""
        assert callable(probe)
        try:
            await asyncio.to_thread(eventually, probe, seconds, 0.2, str(what))
        except AssertionError as e:
            screen = await self.tmux.capture("gtr-api/nux")
            file = self.stage.root / "runtimes" / "hooked"
            hooked = file.read_text()[-3000:] if file.exists() else "no hooks"
            raise AssertionError(f"{what}\n{screen}\n{hooked}\n{len(self.llm.asked)} requests") from e

    def made(self, name: str) -> bool:
        """Whether there is such a file in the worktree."""
        return (self.stage.worktree / name).exists()


@pytest.fixture(params=NAMES)
async def runtime(request: pytest.FixtureRequest, tmp: Path, llm: Model) -> AsyncIterator[Running]:
    stage = Stage(tmp)
    preset = load_preset(stage.home, request.param)
    bin = Path(INSTALLED) / preset.name / "node_modules" / ".bin"
    if not (bin / preset.command[0]).exists():
        pytest.skip(f"{preset.name} could not be installed")
    os.environ["PATH"] = f"{bin}:{os.environ['PATH']}"
    os.environ.update(OPENAI_API_KEY="x", GEMINI_API_KEY="x", HOME=f"{INSTALLED}/home")
    Path(os.environ["HOME"]).mkdir(exist_ok=True)
    make_repo(stage.worktree)
    (tmp / "runtimes").mkdir()
    for name in ("run.py", "foreign.py", "opencode_plugin.js"):
        shutil.copy(str(SHIPPED / name), str(tmp / "runtimes"))
    (tmp / "runtimes" / "hook.py").write_text(HOOK)
    running = Running(preset, stage, Tmux(stage.home.agents_tmux, stage.home.tmux_conf), llm)
    yield running
    if running.session:
        await sessions.end(running.tmux, running.session, 1.0)
    for mode in ("start", "resumed"):
        for proc in processes.find_by_env("GTR_NONCE", NONCE + mode):
            await processes.end(proc, 0.0)
    await running.tmux.kill_server()


async def test_it_is_the_version_that_was_tested(runtime: Running) -> None:
    assert await installed_version(runtime.preset) == runtime.preset.tested


async def test_it_works_unattended_is_guarded_hears_of_mail_dies_and_goes_on(runtime: Running) -> None:
    preset, llm = runtime.preset, runtime.llm
    await runtime.start()
    await runtime.until("it says that it is up", lambda: runtime.hooked("SessionStart"), preset.ready_seconds)
    await runtime.until("it has its prompt, byte for byte", lambda: llm.heard(TASK))
    await runtime.until("its tools run", lambda: runtime.made("made.txt"))
    await runtime.until("also after one was refused", lambda: runtime.made("after.txt"))
    assert (runtime.stage.worktree / "after.txt").read_text() == "t0ken\n", "its shell has the token"
    assert llm.heard("NO-PUSHES-66"), "it hears why"
    assert not runtime.made("pushed.txt")
    asked = [g for g in runtime.hooked("PreToolUse") if g.get("tool_name") == "Bash"]
    assert any("git push" in str(g["tool_input"]) for g in asked)
    await runtime.until("it is told who it is", lambda: llm.heard("PRIMED-55"))
    await runtime.until("it hears of mail at a hook", lambda: llm.heard("MAIL-77"))
    await runtime.until("a stop is held up by mail", lambda: llm.heard("STOP-88"))
    await runtime.until("it stops", lambda: len(runtime.hooked("Stop")) >= 2)
    await asyncio.sleep(1)
    await runtime.tmux.paste("gtr-api/nux", "More <<run: echo pasted > pasted.txt>>")
    await runtime.until("what is pasted is heard", lambda: runtime.made("pasted.txt"))
    await runtime.until("it stops again", lambda: len(runtime.hooked("Stop")) >= 3)
    assert runtime.session
    os.killpg(runtime.session.pid, 9)
    await runtime.until("it is dead", lambda: not processes.alive(runtime.session.proc), 10)
    before = len(llm.asked)
    await runtime.start("resumed")
    await runtime.until("it is told that it was restarted", lambda: llm.heard("You were restarted.", before))
    assert llm.heard("MARK-99", before), "with all that was said before"


async def test_it_ends_when_it_is_asked_to(runtime: Running) -> None:
    await runtime.start(prompt="<<run: sleep 600>>")
    await runtime.until("it works", lambda: runtime.hooked("PreToolUse"), runtime.preset.ready_seconds)
    assert runtime.session
    proc = runtime.session.proc
    for name in runtime.preset.stop:
        os.killpg(proc.pid, signal.Signals[f"SIG{name}"])
        if await processes.gone(proc, runtime.preset.stop_seconds):
            break
    assert not processes.alive(proc), f"{runtime.preset.stop} did not end it"


async def test_without_a_session_a_death_starts_it_anew(runtime: Running) -> None:
    await runtime.start("resumed", prompt="Anew MARK-99")
    await runtime.until("it has the whole prompt", lambda: runtime.llm.heard("Anew MARK-99"), 90)
    assert runtime.hooked("SessionStart")


async def test_what_it_has_used_is_what_the_model_has_said(runtime: Running) -> None:
    """Of those whose transcripts are read: each answer once, before and after a death."""
    preset, llm, directory = runtime.preset, runtime.llm, runtime.stage.agent_dir
    if not preset.usage:
        pytest.skip(f"what {preset.name} uses is not counted")
    book = open_book(directory, preset.usage)

    def counted() -> bool:
        read(directory, book, lambda _: None)
        used = total(book.sums.values())
        wanted = [llm.answered * n for n in (1, 6, 5, 4)]
        return [used.calls, used.input, used.output, used.read] == wanted and used.calls > 0

    for mode in ("start", "resumed"):
        stops = len(runtime.hooked("Stop"))
        await runtime.start(mode, "<<run: echo made > made.txt>>")
        await runtime.until("it stops", lambda stops=stops: len(runtime.hooked("Stop")) > stops, 90)
        await runtime.until("all is counted", counted, 10)
        assert runtime.session
        os.killpg(runtime.session.pid, 9)
        await runtime.until("it is dead", lambda: not processes.alive(runtime.session.proc), 10)
    assert MODELS[preset.name] in {key.split(" ", 2)[2] for key in book.sums}
