"""Hooks of runtimes other than Claude Code: their dialects on this side, Claude's names and keys for `hook.py`.

Run as `python -IS run.py foreign RUNTIME event|guard` with the hook's JSON on standard input. What `hook.py` answers is
said again as the runtime understands it; mail in it is printed only when the runtime takes it at this event. A guard
that fails refuses. Standard library only: a hook runs at every tool call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Data = dict[str, Any]

EVENTS = {
    "BeforeAgent": "UserPromptSubmit",
    "BeforeTool": "PreToolUse",
    "AfterTool": "PostToolUse",
    "AfterAgent": "Stop",
    "PreCompress": "PreCompact",
}
"""Gemini's names."""
TOOLS = {
    "run_shell_command": "Bash",
    "write_file": "Write",
    "replace": "Edit",
    "read_file": "Read",
    "web_fetch": "WebFetch",
    "google_web_search": "WebSearch",
    "create": "Write",
    "view": "Read",
}
ASKING = ("AskUserQuestion", "ask_user", "request_user_input", "question")
"""Tools that wait for a person, who is not there."""
PATIENCE = 15.0
"""Seconds given to `hook.py`, less than the runtimes give to us."""
HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib takes longer than all the rest)


def main(runtime: str, job: str) -> int:
    """One hook."""
    try:
        given = json.load(sys.stdin)
    except ValueError:
        given = {}
    data = claudes(given)
    if runtime == "copilot" and data.get("hook_event_name") == "UserPromptSubmit":
        # Copilot drops what this hook answers: it is told of the event as of one at which no mail is given.
        data = {"hook_event_name": "PreToolUse"}
    answer, printed = guarded(data) if job == "guard" else reported(data)
    said = DIALECTS[runtime](str(given.get("hook_event_name", "")), str(data.get("hook_event_name", "")), answer)
    if said:
        print(json.dumps(said), flush=True)
        printed()
    return 0


def guarded(data: Data) -> tuple[Data, Callable[[], None]]:
    """What the guard says of the use of a tool."""
    try:
        argv = [sys.executable, "-IS", f"{HERE}/run.py", "hook", "guard"]
        done = subprocess.run(argv, input=json.dumps(data), capture_output=True, text=True, timeout=PATIENCE)
        answer = understood(done.returncode, object_of(done.stdout), done.stderr, "guard")
    except (OSError, subprocess.TimeoutExpired) as e:
        answer = {"refused": f"the guard did not answer: {e}"[:300]}
    if data.get("tool_name") in ASKING:
        answer = {"refused": "nobody is here to answer; run `rgt escalate` with the question, or decide"}
    return answer, lambda: None


def reported(data: Data) -> tuple[Data, Callable[[], None]]:
    """What the town says to an event, and what to call when that is printed."""
    try:
        if TYPE_CHECKING:
            from rgt.host.runtimes import hook
        else:
            # Isolated Python has not even the directory of the program on its path.
            sys.path.append(HERE)
            import hook
        told, printed = hook.report(data)
    except (ImportError, OSError, ValueError):
        return {}, lambda: None
    return understood(told.get("code", 0), told.get("out"), str(told.get("err", "")), "event"), printed


def claudes(given: Data) -> Data:
    """A hook's data with the names and keys that Claude Code has for them."""
    data = dict(given)
    data["hook_event_name"] = EVENTS.get(data.get("hook_event_name", ""), data.get("hook_event_name", ""))
    if "tool_name" in data:
        data["tool_name"] = TOOLS.get(data["tool_name"], data["tool_name"])
    used = data.get("tool_input")
    if isinstance(used, dict) and "file_path" not in used:
        path = used.get("absolute_path") or used.get("path")
        data["tool_input"] = {**used, **({"file_path": path} if path else {})}
    return data


def object_of(text: str) -> object:
    """A JSON document; nothing for anything else."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return {}


def understood(code: int, said: object, err: str, job: str) -> Data:
    """What `hook.py` meant: `told` for the model, `again` to go on with, `refused` and why."""
    said = said if isinstance(said, dict) else {}
    inner = said.get("hookSpecificOutput") or {}
    if inner.get("permissionDecision") == "deny":
        return {"refused": inner.get("permissionDecisionReason") or "refused"}
    if code and job == "guard":
        return {"refused": err.strip() or f"the guard failed with exit code {code}"}
    if inner.get("hookEventName") == "Stop" and inner.get("additionalContext"):
        return {"again": inner["additionalContext"]}
    if code == 2 and err.strip():
        return {"told": err.strip()}
    return {"told": inner["additionalContext"]} if inner.get("additionalContext") else {}


def codex(theirs: str, event: str, answer: Data) -> Data:
    """Claude's own, less what Codex does not know."""
    if "refused" in answer:
        verdict = {"permissionDecision": "deny", "permissionDecisionReason": answer["refused"]}
        return {"hookSpecificOutput": {"hookEventName": theirs, **verdict}}
    if "again" in answer:
        return {"decision": "block", "reason": answer["again"]}
    if "told" in answer and event in ("SessionStart", "UserPromptSubmit", "PostToolUse"):
        return {"hookSpecificOutput": {"hookEventName": theirs, "additionalContext": answer["told"]}}
    return {}


def gemini(theirs: str, event: str, answer: Data) -> Data:
    """One `decision` for all, context as Claude has it."""
    if "refused" in answer or "again" in answer:
        return {"decision": "deny", "reason": answer.get("refused") or answer["again"]}
    if "told" in answer:
        return {"hookSpecificOutput": {"hookEventName": theirs, "additionalContext": answer["told"]}}
    return {}


def copilot(theirs: str, event: str, answer: Data) -> Data:
    """Everything at the top."""
    if "refused" in answer:
        return {"permissionDecision": "deny", "permissionDecisionReason": answer["refused"]}
    if "again" in answer:
        return {"decision": "block", "reason": answer["again"]}
    return {"additionalContext": answer["told"]} if "told" in answer else {}


def opencode(theirs: str, event: str, answer: Data) -> Data:
    """What our own plugin reads."""
    if "refused" in answer:
        return {"decision": "deny", "reason": answer["refused"]}
    return {"reason": answer["again"]} if "again" in answer else copilot(theirs, event, answer)


DIALECTS = {"codex": codex, "gemini": gemini, "copilot": copilot, "opencode": opencode}


def run(argv: list[str]) -> None:
    """Run one hook."""
    if len(argv) != 2 or argv[0] not in DIALECTS or argv[1] not in ("event", "guard"):
        print(f"usage: foreign {'|'.join(DIALECTS)} event|guard", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(argv[0], argv[1]))


# As in hook.py.
if __name__ == "__main__":
    run(sys.argv[1:])
