"""A Messages API on loopback for the real Claude Code: what the model says is scripted by the prompt.

In any text that reaches the model, `[[stub: [STEP, …]]]` is a script; the last one counts, and the number of results of
tools after it is the step. So the stub needs no memory, and a conversation that is resumed goes on where it was. Steps:

`{"bash": CMD}` · `{"tool": NAME, "input": {…}}` · `{"text": T}`, which ends the turn · `{"status": 429, "type": T,
"message": M, "headers": {…}, "times": N}`, a failure that is over after N times · `{"cut": true}`, where the stream
breaks off; any of them with `"sleep": SECONDS` before it, or with `"read": TOKENS` that its conversation has, of which
very many make Claude Code compact it. The summary that it asks for is the rest of the script.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCRIPT = re.compile(r"\[\[stub:\s*(\[.*?\])\s*\]\]", re.DOTALL)
SUMMARIZE = "an <analysis> block followed by a <summary> block"
"""In what Claude Code asks for when it compacts."""
INPUT, OUTPUT, CREATED, READ = 1000, 40, 10, 20
"""Tokens that each answer says it took."""


class Stub(ThreadingHTTPServer):
    """The API, and what it was asked."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        """What was asked of the model, without keys."""
        self.failed: Counter[str] = Counter()
        """How often a step that is a failure was answered."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def texts(self) -> str:
        """Everything that has reached the model, as one text."""
        return "\n".join(json.dumps(body, ensure_ascii=False) for body in list(self.bodies))

    def heard(self, text: str, since: int = 0) -> bool:
        """Whether a text has reached the model."""
        return self.together(text, since=since)

    def together(self, *texts: str, since: int = 0) -> bool:
        """Whether all these texts have reached the model in one request."""
        return any(
            all(any(text in said for m in body["messages"] for said in self.said(m)) for text in texts)
            for body in list(self.bodies)[since:]
        )

    @staticmethod
    def said(message: dict[str, Any]) -> list[str]:
        """The texts in a message; of the result of a tool its kind too."""
        found = [(b.get("type"), str(b.get("text") or b.get("content") or "")) for b in blocks(message.get("content"))]
        return [text for _, text in found] + [kind for kind, _ in found if kind == "tool_result"]

    def answers(self) -> int:
        """How often the model of the agent itself was asked; titles and the like are asked of smaller models."""
        return sum(bool(body.get("tools")) for body in list(self.bodies))


@contextmanager
def stub() -> Iterator[Stub]:
    """An API that runs."""
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def script(*steps: object) -> str:
    """A text that makes the model say these steps."""
    return f"[[stub: {json.dumps(steps)} ]]"


def blocks(content: Any) -> list[dict[str, Any]]:
    """The blocks of a message."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def step_of(body: dict[str, Any], failed: Counter[str]) -> dict[str, Any] | None:
    """What the script says next, without the failures that are over; None without a script."""
    script: list[dict[str, Any]] | None = None
    done = 0
    for message in body.get("messages", []):
        for block in blocks(message.get("content")):
            if block.get("type") == "tool_result":
                done += 1
            elif message.get("role") != "assistant" and (found := SCRIPT.findall(str(block.get("text", "")))):
                script, done = json.loads(found[-1]), 0
    if script is None:
        return None
    script = [step for step in script if "times" not in step or failed[json.dumps(step)] < step["times"]]
    last = "".join(str(block.get("text", "")) for block in blocks(body["messages"][-1].get("content")))
    if SUMMARIZE in last:
        return {
            "text": f"<analysis>STUB</analysis><summary>STUB-SUMMARY [[stub: {json.dumps(script[done:])} ]]</summary>"
        }
    return script[done] if done < len(script) else {"text": "STUB-DONE"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_GET(self) -> None:
        models = [{"type": "model", "id": "claude-stub", "display_name": "stub", "created_at": "2025-01-01T00:00:00Z"}]
        self._json(200, {"data": models, "has_more": False} if self.path.startswith("/v1/models") else {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": INPUT})
        elif path != "/v1/messages":
            self._json(200, {})
        else:
            body = json.loads(raw)
            self.server.bodies.append(body)
            self._answer(body, step_of(body, self.server.failed) if body.get("tools") else None)

    def _answer(self, body: dict[str, Any], step: dict[str, Any] | None) -> None:
        step = step or {"text": "STUB-IDLE"}
        time.sleep(step.get("sleep", 0))
        if "status" in step:
            self.server.failed[json.dumps(step)] += 1
            error = {"type": step.get("type", "api_error"), "message": step.get("message", "stub")}
            self._json(step["status"], {"type": "error", "error": error}, step.get("headers", {}))
            return
        content: list[dict[str, Any]] = [{"type": "text", "text": step.get("text", "STUB")}]
        name, given = step.get("tool", "Bash"), step.get("input", {"command": step.get("bash"), "description": "stub"})
        if "bash" in step or "tool" in step:
            content.append({"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:22]}", "name": name, "input": given})
        reason = "tool_use" if len(content) > 1 else "end_turn"
        message: dict[str, Any] = {"id": f"msg_{uuid.uuid4().hex[:24]}", "type": "message", "role": "assistant"}
        message |= {"model": body.get("model", "claude-stub"), "stop_sequence": None}
        used = {"input_tokens": step.get("read", INPUT), "output_tokens": OUTPUT}
        used |= {"cache_creation_input_tokens": CREATED, "cache_read_input_tokens": READ}
        if body.get("stream"):
            self._stream({**message, "usage": used}, content, reason, bool(step.get("cut")))
        else:
            self._json(200, {**message, "content": content, "stop_reason": reason, "usage": used})

    def _stream(self, message: dict[str, Any], content: list[dict[str, Any]], reason: str, cut: bool) -> None:
        used = message["usage"]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("request-id", f"req_{uuid.uuid4().hex[:20]}")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        begun: dict[str, Any] = {"content": [], "stop_reason": None, "usage": {**used, "output_tokens": 1}}
        self._event("message_start", message={**message, **begun})
        for index, block in enumerate(content):
            text = block["type"] == "text"
            empty = {"type": "text", "text": ""} if text else {**block, "input": {}}
            delta: dict[str, Any] = {"type": "text_delta", "text": block["text"]} if text else {
                "type": "input_json_delta", "partial_json": json.dumps(block["input"])}  # fmt: skip
            self._event("content_block_start", index=index, content_block=empty)
            self._event("content_block_delta", index=index, delta=delta)
            if cut:
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self._event("content_block_stop", index=index)
        self._event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=used)
        self._event("message_stop")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, kind: str, **fields: Any) -> None:
        data = f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, code: int, value: Any, headers: dict[str, Any] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("request-id", f"req_{uuid.uuid4().hex[:20]}")
        for key, text in (headers or {}).items():
            self.send_header(key, str(text))
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
