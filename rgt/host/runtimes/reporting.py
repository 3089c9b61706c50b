"""How the scripted agent reports its events through `hook.py` and shows what it is told. Standard library only."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOOK = (sys.executable, "-IS", str(Path(__file__).with_name("run.py")), "hook")
"""What every event is reported through, as those of any other runtime are."""
PATIENCE = 10.0
"""Seconds given to a hook."""
HEADER, STEP, DIM, RED = "7", "1;36", "2", "31"


class Answer:
    """What a hook had to say."""

    def __init__(self, code: int, out: str, err: str) -> None:
        import json

        said: Any = None
        with contextlib.suppress(ValueError):
            said = json.loads(out)
        self.code, self.err = code, plain(err).strip()
        inner = said.get("hookSpecificOutput") if isinstance(said, dict) else None
        self.inner = inner if isinstance(inner, dict) else {}

    @property
    def told(self) -> str:
        """Text for the agent; a turn that would end goes on with it."""
        return plain(str(self.inner.get("additionalContext") or (self.err if self.code == 2 else "")))

    @property
    def refusal(self) -> str:
        """Why the guard refuses; empty when it does not. One that fails refuses."""
        if self.inner.get("permissionDecision") == "deny":
            return plain(str(self.inner.get("permissionDecisionReason") or "refused"))
        return (self.err or f"the guard failed with exit code {self.code}") if self.code else ""


class Hooks:
    """Reports events one after the other; those that nobody waits for do not keep the agent waiting."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.waiting: queue.SimpleQueue[tuple[str, str, Any, queue.SimpleQueue[Answer] | None] | None]
        self.waiting = queue.SimpleQueue()
        self.latest = ""
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def tell(self, event: str, **data: Any) -> None:
        """Report an event soon; whether the town takes it is not the agent's business."""
        if event == "PostToolUse" == self.latest and not self.waiting.empty():
            return
        self.latest = event
        self.waiting.put(("event", event, data, None))

    def ask(self, event: str, job: str = "event", **data: Any) -> Answer:
        """Report an event and wait for the answer."""
        box: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.latest = event
        self.waiting.put((job, event, data, box))
        return box.get()

    def close(self) -> None:
        """Send what still waits, for at most two seconds."""
        self.waiting.put(None)
        self.thread.join(2.0)

    def _send(self) -> None:
        while given := self.waiting.get():
            job, event, data, box = given
            answer = self._call(job, event, data)
            if box is not None:
                box.put(answer)
            elif answer.told:
                show(answer.told, DIM)

    def _call(self, job: str, event: str, data: dict[str, Any]) -> Answer:
        import json

        given = {"session_id": self.session, "cwd": str(Path.cwd()), "hook_event_name": event, **data}
        argv = [*HOOK, job]
        try:
            got = subprocess.run(
                argv, input=json.dumps(given), capture_output=True, timeout=PATIENCE, text=True, errors="replace"
            )
            code, out, err = got.returncode, got.stdout, got.stderr
        except (OSError, subprocess.TimeoutExpired) as e:
            code, out, err = 1, "", str(e)
        if code and job == "event":
            show(f"  event {event} was not taken: exit {code} {plain(err).strip()}".rstrip(), DIM)
        return Answer(code, out, err)


def plain(text: str | bytes) -> str:
    """Text without control characters, which could do anything to the terminal."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return "".join(c for c in text if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def show(text: str, style: str, end: str = "\n") -> None:
    """Print text, coloured on a terminal."""
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\x1b[{style}m{text}\x1b[0m" if coloured and text else text, end=end, flush=True)
