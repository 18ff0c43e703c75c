"""An editor, or an agent, that talks to `handinger-tui acp` or `mcp` in this process: one message."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final, TextIO

from handinger_tui.cli.main import main
from tests.e2e.runner import Ran

TALKING: Final = {"acp", "mcp"}
"""The commands that talk over standard input and output."""
PATIENCE_S: Final = 20.0
END: Final = "the end\n"
"""Behind all that the program has written."""
SILENT: Final = "no answer"
"""In place of an answer that never comes."""


def talked(argv: list[str], message: str, session: str) -> Ran:
    """Run one of these commands; the client sends a message into a session, and waits for the answer."""
    reading, client_out = os.pipe()
    client_in, writing = os.pipe()
    problems, problems_in = os.pipe()
    for inside, outside in ((0, reading), (1, writing), (2, problems_in)):
        os.dup2(outside, inside)
        os.close(outside)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), _written(1), _written(2)
    requests = _editor(message, session) if argv[0] == "acp" else _agent(message, argv[1])
    client = _Client(os.fdopen(client_in), _written(client_out), requests)
    errors = list[str]()
    threads = [
        threading.Thread(target=client.talk, daemon=True),
        threading.Thread(target=lambda: errors.extend(_until_end(os.fdopen(problems))), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        code = main(argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # The package `mcp` keeps copies of these descriptors: closing them is no end.
    for descriptor in (1, 2):
        os.write(descriptor, END.encode())
    for thread in threads:
        thread.join(PATIENCE_S)
    return Ran(code, "".join(client.lines), "".join(errors))


def _written(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1)


def _until_end(source: TextIO) -> Iterator[str]:
    while (line := source.readline()) not in ("", END):
        yield line


Requests = Iterator[tuple[str, dict[str, Any]]]
"""Method and parameters of each; what was answered is sent into it."""


def _editor(message: str, session: str) -> Requests:
    yield "initialize", {"protocolVersion": 1, "clientCapabilities": {}}
    yield "session/load", {"sessionId": session, "cwd": "/", "mcpServers": []}
    yield "session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": message}]}


def _agent(message: str, limit: str) -> Any:
    client = {"name": "tests", "version": "1"}
    yield "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    name, _, most = limit.removeprefix("--").partition("=")
    arguments: dict[str, Any] = {"text": message, name.replace("-", "_"): most}
    started = yield "tools/call", {"name": "start_turn", "arguments": arguments}
    turn = started.get("result", {}).get("structuredContent") or {"ended": True}
    while not turn["ended"]:
        arguments = {"turn_id": turn["turn_id"], "seconds": 2}
        waited = yield "tools/call", {"name": "wait_turn", "arguments": arguments}
        turn = waited.get("result", {}).get("structuredContent") or {"ended": True}


class _Client:
    """Sends one request after the other, and answers questions with no."""

    def __init__(self, source: TextIO, sink: TextIO, requests: Any) -> None:
        self._source, self._sink, self._requests = _until_end(source), sink, requests
        self.lines: list[str] = []

    def talk(self) -> None:
        """Send all requests, then end the input and read to the end."""
        timer = threading.Timer(PATIENCE_S, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            answer: dict[str, Any] | None = None
            number = 0
            while True:
                method, parameters = self._requests.send(answer)
                number += 1
                self._send({"id": number, "method": method, "params": parameters})
                answer = self._answer_to(number)
                if answer is None:
                    break
                if method == "initialize" and "serverInfo" in answer["result"]:
                    # Of MCP alone.
                    self._send({"method": "notifications/initialized"})
        except (StopIteration, OSError, ValueError):
            pass
        timer.cancel()
        try:
            self._sink.close()
            self.lines += self._source
        except (OSError, ValueError):
            return

    def _give_up(self) -> None:
        self.lines.append(json.dumps({"error": SILENT}) + "\n")
        os._exit(1)

    def _send(self, message: dict[str, Any]) -> None:
        self._sink.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def _answer_to(self, number: int) -> dict[str, Any] | None:
        for line in self._source:
            self.lines.append(line)
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == number and "method" not in message:
                return message
            if "id" in message and "method" in message:
                self._send({"id": message["id"], "error": {"code": -32601, "message": "No."}})
        return None


def untrue_answers(ran: Ran, posts: int) -> Iterator[str]:
    """What is not true in the answers of a run that sent so many messages."""
    for line in ran.out.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            yield f"no JSON object: {line[:100]!r}"
            continue
        result = message.get("result") or {}
        structured = result.get("structuredContent") or {}
        inner = structured.get("result") or {}
        is_done = result.get("stopReason") == "end_turn" or inner.get("status") == "completed"
        if is_done and posts != 1:
            yield f"the answer came, and {posts} messages were sent"
        refusal = json.dumps(message.get("error") or (result if result.get("isError") else ""))
        if posts and "Nothing was sent" in refusal:
            yield f"it was sent, and it says: {refusal[:200]}"
