"""A stub of models' APIs on this machine: OpenAI's chat completions and responses, and Gemini's.

What the "model" does stands in what it is told: `<<run: COMMAND>>` is a call of the shell tool. The last message of a
user that has such marks is the script, the number of results after it the step; then it says "finished".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MARK = re.compile(r"<<run: (.*?)>>", re.S)
SHELLS = ("bash", "run_shell_command", "exec_command", "shell_command", "shell")
Turn = tuple[str, str]
"""`user`, `model` or `result`, and its text."""
Json = dict[str, Any]


@dataclass
class Model:
    """What was asked of the stub."""

    port: int = 0
    asked: list[Json] = field(default_factory=list)
    answered: int = 0
    """Answers in a conversation with tools: 10 tokens given, 4 of them from a cache, and 5 answered, 2 of them thought.
    What else a program asks, such as a title for its session, is in no transcript."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def heard(self, text: str, since: int = 0) -> bool:
        """Whether a request since the given one has this text in it."""
        return any(json.dumps(text)[1:-1] in json.dumps(body) for body in self.asked[since:])


@contextmanager
def model() -> Iterator[Model]:
    """A stub that runs."""
    state = Model()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._send("application/json", json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}))

        def do_POST(self) -> None:
            body: Json = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            state.asked.append(body)
            path = self.path.partition("?")[0]
            if path.endswith("/chat/completions"):
                answer = _chat(body)
            elif path.endswith("/responses"):
                answer = _responses(body)
            elif "enerateContent" in path:
                answer = _gemini(body)
            else:
                answer = [{}]
            state.answered += bool(body.get("tools"))
            if "stream" in path or body.get("stream"):
                named = path.endswith("/responses")
                lines = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in answer]
                end = "data: [DONE]\n\n" if path.endswith("/completions") else ""
                self._send("text/event-stream", "".join(lines) + end)
            else:
                self._send("application/json", json.dumps(_whole(path, answer)))

        def _send(self, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def _next(turns: list[Turn]) -> str:
    """The command to be run now; empty when all is done."""
    marked = [at for at, (who, text) in enumerate(turns) if who == "user" and MARK.search(text)]
    if not marked:
        return ""
    commands = MARK.findall(turns[marked[-1]][1])
    step = sum(who == "result" for who, _ in turns[marked[-1] :])
    return str(commands[step]) if step < len(commands) else ""


def _text(content: Any) -> str:
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(p.get("text", "")) if isinstance(p, dict) else str(p or "") for p in parts)


def _arguments(tool: Json, command: str) -> Json:
    wanted = (tool.get("parameters") or tool.get("parametersJsonSchema") or {}).get("properties", {})
    key = "cmd" if "cmd" in wanted else "command"
    value: Any = ["bash", "-c", command] if wanted.get(key, {}).get("type") == "array" else command
    return {key: value, **({"description": "a step"} if "description" in wanted else {})}


def _shell(tools: list[Json]) -> Json | None:
    by_name = {str(tool.get("name")): tool for tool in tools}
    return next((by_name[name] for name in SHELLS if name in by_name), None)


def _chat(body: Json) -> list[Json]:
    who = {"user": "user", "tool": "result"}
    turns = [(who.get(m["role"], "model"), _text(m.get("content"))) for m in body["messages"]]
    shell, command = _shell([t["function"] for t in body.get("tools", []) if "function" in t]), _next(turns)
    if shell and command:
        call = {"name": shell["name"], "arguments": json.dumps(_arguments(shell, command))}
        id = f"call_{len(turns)}"
        delta: Json = {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": id, "type": "function", "function": call}],
        }
    else:
        delta = {"role": "assistant", "content": "finished"}
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body.get("model", "m")}
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage},
    ]


def _responses(body: Json) -> list[Json]:
    given = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    who = {"function_call_output": "result", "custom_tool_call_output": "result"}
    turns = [
        (who.get(i.get("type", "message"), "user" if i.get("role") == "user" else "model"), _text(i.get("content")))
        for i in given
    ]
    shell, command = _shell(body.get("tools", [])), _next(turns)
    if shell and command:
        arguments = json.dumps(_arguments(shell, command))
        item: Json = {"type": "function_call", "id": f"fc_{len(turns)}", "call_id": f"call_{len(turns)}"}
        item |= {"name": shell["name"], "arguments": arguments, "status": "completed"}
    else:
        content = [{"type": "output_text", "text": "finished", "annotations": []}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "content": content, "status": "completed"}
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    details = {"input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 2}}
    response = {"id": "resp_1", "object": "response", "status": "completed", "output": [item], "usage": usage | details}
    return [
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]


def _gemini(body: Json) -> list[Json]:
    turns: list[Turn] = []
    for content in body.get("contents", []):
        for part in content.get("parts", []):
            kind = "result" if "functionResponse" in part else content.get("role", "user")
            turns.append((kind, str(part.get("text", ""))))
    declared = [d for tool in body.get("tools", []) for d in tool.get("functionDeclarations", [])]
    shell, command = _shell(declared), _next(turns)
    said: Json = {"text": "finished"}
    if shell and command:
        said = {"functionCall": {"name": shell["name"], "args": _arguments(shell, command)}}
    usage = {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}
    usage["totalTokenCount"] = 15
    found = {"content": {"role": "model", "parts": [said]}, "finishReason": "STOP", "index": 0}
    return [{"candidates": [found], "usageMetadata": usage}]


def _whole(path: str, answer: list[Json]) -> Json:
    """The answer to a request that wants no stream."""
    if path.endswith("/chat/completions"):
        delta = answer[0]["choices"][0]["delta"]
        choice = {"index": 0, "message": delta, "finish_reason": answer[1]["choices"][0]["finish_reason"]}
        return {**answer[1], "object": "chat.completion", "choices": [choice]}
    return dict(answer[-1].get("response", answer[-1]))
