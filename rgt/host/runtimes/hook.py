"""What hooks of agents' runtimes run: `python -IS run.py hook event|bell|guard`, with the hook's JSON on its input.

`event` and `bell` report to the worker's gateway, print what the agent is told, and say when mail in it is
printed; without a gateway the event is kept in the agent's `spool` and nobody waits. `guard` decides from the agent's
`policy.json`, without the gateway, whether a tool may be used; whatever goes wrong there is a no.

It runs at every use of a tool, so it must be quick: builtin modules only, and none of those that import others.
"""

from __future__ import annotations

import _json
import _socket
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VERSION = "1"
LARGEST = 8 << 20
"""Bytes of what a hook may be given."""
PASSED = (
    "source reason error error_details transcript_path notification_type message trigger tool_name stop_hook_active "
    "file_path cwd"
).split()
"""What of it reaches the worker: no text of the work itself."""
SHORT = 500
"""Characters of a passed text at most."""
NOTED = 100
"""Receipts that are said at once."""
SPOOLED = 200
"""Events that are kept while there is no gateway; the oldest go first."""
PATIENCE, START_PATIENCE = 2.0, 10.0
"""Seconds for an answer; the first text of a session is worth waiting for."""

env = {k.decode(): v.decode(errors="surrogateescape") for k, v in posix.environ.items()}


class _Scanning:
    """What the scanner of the json module is told there."""

    strict = False
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
    memo = None


scanning: Any = _Scanning


def loads(text: str) -> object:
    """A JSON document; raises ValueError for anything else."""
    text = text.strip(" \t\r\n")
    try:
        value, end = _json.make_scanner(scanning)(text, 0)
    except StopIteration:
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("more than one JSON document")
    return value


def object_of(text: str) -> dict[str, Any]:
    """A JSON object; raises ValueError for anything else."""
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def dumps(value: object) -> str:
    """JSON of plain values."""
    if isinstance(value, str):
        return str(_json.encode_basestring_ascii(value))
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dumps(str(k))}: {dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return repr(value)


def read(fd: int, errors: str = "strict") -> str:
    """Everything from a descriptor; raises ValueError when it is too much, or for bytes that are no text."""
    parts, size = [], 0
    while part := posix.read(fd, 65536):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise ValueError("too long")
    return b"".join(parts).decode(errors=errors)


def read_file(path: str) -> str:
    """A whole file."""
    fd = posix.open(path, posix.O_RDONLY)
    try:
        return read(fd)
    finally:
        posix.close(fd)


def write(fd: int, text: str) -> None:
    """All of a text."""
    data = text.encode(errors="surrogatepass")
    while data:
        data = data[posix.write(fd, data) :]


def random_id() -> str:
    """A name for this call, so that a repeat would be known."""
    return posix.urandom(8).hex()


# --- events


def event(raw: str, bell: bool) -> int:
    """Report what the hook was given and print the answer; gives the exit code."""
    told, printed = report(object_of(raw), bell)
    if out := told.get("out"):
        write(1, dumps(out) + "\n")
    if told.get("err"):
        write(2, str(told["err"]))
    printed()
    code = told.get("code", 0)
    return code if isinstance(code, int) else 0


def report(given: dict[str, Any], bell: bool = False) -> tuple[dict[str, Any], Callable[[], None]]:
    """Report what a hook was given; gives the town's answer, and what to call when it is printed."""
    name = "FileChanged" if bell else str(given.get("hook_event_name", ""))[:40]
    # What is said last when a turn fails is the failure, which may tell how long it lasts.
    passed = [*PASSED, "last_assistant_message"] if name == "StopFailure" else PASSED
    data = {k: _short(given[k]) for k in passed if k in given}
    tasks = given.get("background_tasks")
    if isinstance(tasks, (list, dict)):
        data["background_tasks"] = len(tasks)  # how many still run; what they are stays here
    session = str(given.get("session_id", ""))[:100]
    args: dict[str, object] = {"event": name, "session": session, "data": data}
    if name == "SessionStart":
        note_session(session)
    had = noted()
    gateway, answer = None, {}
    try:
        gateway = connected(START_PATIENCE if name == "SessionStart" else PATIENCE)
        send(gateway, {**args, "had": had} if had else args)
        answer = received(gateway)
    except OSError:
        spool(dumps(args))
    told = answer.get("ok")
    if isinstance(told, dict):
        forget(had)
    else:
        told = {}
    if name == "SessionStart":
        told = {**told, "out": watching(told.get("out"))}
    receipt = told.get("receipt")

    def printed() -> None:
        if gateway is not None and isinstance(receipt, str) and receipt.isalnum():
            # A worker that dies now hears it from the next hook.
            note(receipt)
            try:
                send(gateway, {"event": "Printed", "session": session, "had": [receipt]})
            except OSError:
                return

    return told, printed


def noted() -> list[str]:
    """Receipts of mail that was printed, of which the town has perhaps not heard."""
    place = env.get("RGT_AGENT_DIR", "")
    try:
        return posix.listdir(f"{place}/printed")[:NOTED] if place else []
    except OSError:
        return []


def note(receipt: str) -> None:
    """Write down that mail is printed."""
    place, how = env.get("RGT_AGENT_DIR", ""), posix.O_WRONLY | posix.O_CREAT
    if not place:
        return
    place += "/printed"
    try:
        try:
            fd = posix.open(f"{place}/{receipt}", how, 0o600)
        except FileNotFoundError:
            posix.mkdir(place, 0o700)
            fd = posix.open(f"{place}/{receipt}", how, 0o600)
        posix.close(fd)
    except OSError:
        return


def forget(receipts: list[str]) -> None:
    """The town has heard of these."""
    for receipt in receipts:
        try:
            posix.unlink(f"{env.get('RGT_AGENT_DIR', '')}/printed/{receipt}")
        except OSError:
            continue


def note_session(session: str) -> None:
    """Write down which session is the agent's now: `/clear` and a fork change it."""
    place = env.get("RGT_AGENT_DIR", "")
    if not place or not session:
        return
    try:
        fd = posix.open(f"{place}/session.new", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600)
        write(fd, session + "\n")
        posix.close(fd)
        posix.rename(f"{place}/session.new", f"{place}/session")
    except OSError:
        return


def watching(out: object) -> object:
    """The answer at the start of a session, with the bell that the runtime watches from then on."""
    place = env.get("RGT_AGENT_DIR", "")
    if not place:
        return out
    inner = out.get("hookSpecificOutput", {}) if isinstance(out, dict) else {}
    return {"hookSpecificOutput": {"hookEventName": "SessionStart", "watchPaths": [f"{place}/bell"], **inner}}


def _short(value: object) -> object:
    if isinstance(value, (bool, int)) or value is None:
        return value
    return (value if isinstance(value, str) else dumps(value))[:SHORT]


def connected(patience: float) -> _socket.socket:
    """A connection to the gateway; raises OSError when there is none in time."""
    root = env.get("GTR_ROOT") or env.get("HOME", "") + "/.gtr"
    here = posix.open(".", posix.O_RDONLY)
    s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    s.settimeout(patience)
    posix.chdir(root + "/runtime")  # the socket's whole path may be longer than a unix socket bears
    try:
        s.connect("socket")
    finally:
        posix.fchdir(here)
    return s


def send(s: _socket.socket, args: dict[str, object]) -> None:
    """Report one event."""
    request = {"v": VERSION, "id": 1, "op": "agent.hook", "args": args, "op_id": random_id()}
    s.sendall(dumps({**request, "token": env.get("GTR_TOKEN", "")}).encode() + b"\n")


def received(s: _socket.socket) -> dict[str, Any]:
    """The gateway's answer; raises OSError when there is none in time."""
    line = b""
    while not line.endswith(b"\n"):
        part = s.recv(65536)
        if not part:
            raise OSError("the gateway went away")
        line += part
    return object_of(line.decode())


def spool(text: str) -> None:
    """Keep an event for the next worker; a full or missing disk loses it, and the agent goes on."""
    import time

    place = env.get("RGT_AGENT_DIR", "")
    if not place:
        return
    place += "/spool"
    try:
        try:
            posix.mkdir(place, 0o700)
        except FileExistsError:
            kept = sorted(posix.listdir(place))
            for name in kept[: max(0, len(kept) - SPOOLED + 1)]:
                try:
                    posix.unlink(f"{place}/{name}")
                except FileNotFoundError:
                    continue  # another hook, or a worker that reads them, was quicker
        path = f"{place}/{time.time_ns():020}-{posix.getpid()}"
        fd = posix.open(path + ".new", posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL, 0o600)
        write(fd, text)
        posix.close(fd)
        posix.rename(path + ".new", path)
    except OSError:
        return


# --- the guard


def guard(raw: str) -> int:
    """Decide about the use of a tool; gives the exit code, 2 for a no that has no better form."""
    try:
        given = object_of(raw)
        policy = object_of(read_file(env["RGT_AGENT_DIR"] + "/policy.json"))
        policy.setdefault("person", env.get("HOME", "").rstrip("/"))
        policy["stashes"] = stashes(policy.get("hub", ""))
        sys.path.insert(0, __file__.rsplit("/", 4)[0])
        from rgt.model.guard import decide

        reason = decide(policy, given["tool_name"], given["tool_input"], given.get("cwd") or policy["worktree"])
    except BaseException as e:
        write(2, f"rgt: nothing is allowed, since the guard cannot decide ({type(e).__name__}: {e})\n")
        return 2
    if reason:
        said = {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": reason}
        write(1, dumps({"hookSpecificOutput": said}) + "\n")
    return 0


def stashes(hub: str) -> str:
    """Git's log of what is stashed in the rig, of which each line says on which branch; empty when there is none."""
    try:
        fd = posix.open(f"{hub}/logs/refs/stash", posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return read(fd, "replace")
    finally:
        posix.close(fd)


def main(argv: list[str]) -> int:
    """Run one hook."""
    mode = argv[0] if argv else ""
    if mode == "guard":
        try:
            raw = read(0)
        except (ValueError, OSError):
            raw = ""
        return guard(raw)
    if mode not in ("event", "bell"):
        write(2, "usage: hook event|bell|guard\n")
        return 2
    try:
        return event(read(0), mode == "bell")
    except (ValueError, OSError) as e:
        # The agent's work is not at fault, and must go on.
        what = "was given something else" if isinstance(e, ValueError) else "could not print its answer"
        write(2, f"rgt: the hook {what}: {e}\n")
        return 0


def run(argv: list[str]) -> None:
    """Run one hook, and end without waiting for the interpreter to clean up."""
    posix._exit(main(argv))


# Agents that were started before there was `run.py` call this file; a guard that said nothing to them would allow all.
if __name__ == "__main__":
    run(sys.argv[1:])
