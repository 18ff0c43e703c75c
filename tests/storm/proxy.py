"""A proxy between the program and the local worker that breaks what passes, and records every byte of it."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Final

from handinger_tui.local.routes import PREFIX
from handinger_tui.local.server import HOST, LocalServer

END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNK: Final = re.compile(rb"([0-9a-f]+)\r\n", re.IGNORECASE)
LAST_CHUNK: Final = b"0\r\n\r\n"
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
KEY_HEADER: Final = re.compile(rb"\r\nauthorization:[^\r]*", re.IGNORECASE)
TURN: Final = re.compile(rb"\r\nidempotency-key: *([^\r]*)", re.IGNORECASE)
PLAIN_TURN: Final = re.compile(rf"(/api/workers(/[^/]+)?|{PREFIX}/api/tasks)$")
PLACES: Final = (0, 1, 5, 20, 100)
"""Before which piece an answer breaks; 0 is the head."""
SLOW_PIECES: Final = 40
"""How many pieces of a slow answer come byte by byte."""
STALL_S: Final = 60.0
"""Longer than any limit of the program: it gives up first."""
PAGE: Final = b"<html><title>Sign in</title><p>Welcome to the hotel</p></html>"
STATUSES: Final = (
    "400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found",
    "409 Conflict", "413 Content Too Large", "422 Unprocessable Content", "429 Too Many Requests",
)  # fmt: skip
TROUBLES: Final = ("500 Oops", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")
FAULTS: Final = {
    "none": 30, "reset before": 4, "close before": 3, "reset after": 4, "close after": 3, "never": 2,
    "late": 3, "cut": 8, "reset in": 8, "stall": 4, "pause": 5, "slow": 3, "twice": 3, "refused": 5,
    "trouble": 4, "trouble after": 4, "redirect": 2, "page": 2, "page after": 2,
    "reset while waiting": 4,
}  # fmt: skip
"""How likely each is. "before": before the local worker has the request; "after": after it began to answer;
"while waiting": at some time after it has the request. "stale" repeats an earlier answer to the same GET."""

LATER: Final = frozenset({"trouble after", "reset after", "close after", "page after", "never", "late"})
ODD: Final = frozenset({"refused", "trouble", "trouble after", "redirect", "page", "page after"})
"""Faults by which the program gets another answer."""


class DisconnectedError(Exception):
    """One of both ends is no longer there."""


@dataclass
class Exchange:
    """One request that arrived, and what left of its answer."""

    method: str
    path: str
    turn_id: str
    body: bytes
    fault: str
    at: float
    forwarded: bool = False
    """The local worker has it."""
    started: bool = False
    """The local worker accepted it."""
    status: int = 0
    is_stream: bool = False
    sent: bytearray = field(default_factory=bytearray)
    """The answer of the local worker as far as it left for the program."""
    marks: list[tuple[float, int]] = field(default_factory=list)
    """When how much of it had left."""

    @property
    def starts_turn(self) -> bool:
        """Whether it is a request that starts a turn."""
        return self.method == "POST" and PLAIN_TURN.match(self.path) is not None

    def send(self, client: socket.socket, data: bytes, pause_s: float | None = None) -> None:
        """Send a part of the answer; with `pause_s` byte by byte."""
        for part in [data] if pause_s is None else [data[at : at + 1] for at in range(len(data))]:
            client.sendall(part)
            self.sent += part
            time.sleep(pause_s or 0)
        self.marks.append((time.monotonic(), len(self.sent)))

    def events(self, before: float | None = None) -> list[str]:
        """The data of the events of an event stream that left completely, also before a time."""
        size = len(self.sent)
        if before is not None:
            size = max((length for at, length in self.marks if at <= before), default=0)
        _, _, chunks = bytes(self.sent[:size]).partition(END)
        body = b""
        while (parts := CHUNK.match(chunks)) is not None:
            end = parts.end() + int(parts[1], 16)
            body, chunks = body + chunks[parts.end() : end], chunks[end + 2 :]
        *blocks, _ = body.decode("utf-8", "replace").split("\n\n")
        return [block.removeprefix("data: ") for block in blocks if block.startswith("data: ")]


class Proxy:
    """Listens on loopback; `calm` lets everything pass."""

    def __init__(
        self, seed: int, pace: float, stale: int, has_tasks: bool, arrived: Callable[[Exchange], None]
    ) -> None:
        """`stale`: how likely an answer to a GET is an earlier one, as the numbers in `FAULTS`.

        `arrived(exchange)` is called for each request before anything is done with it.
        """
        self.seed = seed
        self.faults = {**FAULTS, "stale": stale}
        self.has_tasks = has_tasks
        self.random = Random(seed)
        self.pace = pace
        self.calm = False
        self.exchanges: list[Exchange] = []
        self.server = LocalServer.start(pace=pace)
        self.is_shared = False
        """Whether several programs use the same worker."""
        self.is_lost = False
        """Whether the state of an earlier local worker was lost."""
        self._arrived = arrived
        self._earlier: dict[str, list[bytes]] = defaultdict(list)
        """The complete answers to each GET so far."""
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0), backlog=64)
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}{PREFIX if has_tasks else ''}"
        threading.Thread(target=self._serve, name="proxy", daemon=True).start()

    def restart(self) -> None:
        """Another local worker takes the place of the present one: it knows nothing."""
        self.server.stop()
        self.server = LocalServer.start(pace=self.pace)
        self.is_lost = True

    def drop_connections(self) -> None:
        """Reset every open connection."""
        for one in tuple(self._open):
            _reset(one)

    def close(self) -> None:
        """Stop all."""
        self._listener.close()
        self.drop_connections()
        self.server.stop()

    def turns(self) -> list[Exchange]:
        """The requests that start a turn."""
        return [one for one in self.exchanges if one.starts_turn]

    # -- connections ---------------------------------------------------------------------
    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._speak, args=(client,), daemon=True).start()

    def _speak(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError, DisconnectedError), client:
            source = Source(client)
            while True:
                head = source.until(END)
                body = source.body(head)
                if not self._answer(client, head, body):
                    break
            # A close with unread bytes would be a reset.
            client.shutdown(socket.SHUT_WR)
        self._open.discard(client)

    def _answer(self, client: socket.socket, head: bytes, body: bytes) -> bool:
        """Answer one request, broken in a random way; False when the connection ends."""
        method, path, _ = head.decode("latin-1").split(" ", 2)
        key = TURN.search(head)
        names, weights = [*self.faults], [*self.faults.values()]
        # A new worker whose id is lost says nothing more.
        spared = self.calm or (path.endswith("/workers") and self.random.random() < 0.7)
        fault = "none" if spared else self.random.choices(names, weights)[0]
        turn_id = key[1].decode() if key else ""
        exchange = Exchange(method, path, turn_id, body, fault, time.monotonic())
        self.exchanges.append(exchange)
        self._arrived(exchange)
        answer = self._forward(exchange, head, body)
        if fault in LATER:
            # The local worker has it, and has begun to answer.
            answer = chain([next(answer), next(answer)], answer)
        if fault in {"never", "late"}:
            # Longer than the program waits for the first byte, or not quite.
            self._wait(client, STALL_S if fault == "never" else self.random.uniform(0.5, 5))
        if fault in {"reset before", "reset after"}:
            _reset(client)
            return False
        if fault in {"close before", "close after"}:
            return False
        if fault == "reset while waiting":
            next(answer)
            answer = chain([b""], answer)
            threading.Timer(self.random.uniform(0, 3), _reset, (client,)).start()
        if fault == "stale" and method == "GET" and (earlier := self._earlier[path]):
            client.sendall(self.random.choice(earlier))
            return True
        if fault in ODD:
            client.sendall(self._odd_answer(exchange))
            return self.random.random() < 0.5
        is_open = self._relay(client, exchange, answer)
        if method == "GET" and fault == "none" and not exchange.is_stream:
            self._earlier[path].append(bytes(exchange.sent))
        return is_open

    def _odd_answer(self, exchange: Exchange) -> bytes:
        fault, more, page = exchange.fault, b"", json.dumps({"error": "No, thank you."}).encode()
        kind = b"application/json"
        if fault == "refused":
            line = self.random.choice(STATUSES)
            more = b"retry-after: 1\r\n" if line.startswith("429") else b""
        elif fault.startswith("trouble"):
            line = self.random.choice(TROUBLES)
            page, kind = self.random.choice([(page, kind), (PAGE, b"text/html")])
        elif fault == "redirect":
            line = self.random.choice(["307 Temporary Redirect", "302 Found", "308 Permanent Redirect"])
            more = f"location: {self.url}/elsewhere\r\n".encode()
        else:
            line, page, kind = "200 OK", PAGE, b"text/html"
        exchange.status = int(line[:3])
        size = b"content-length: %d\r\n" % len(page)
        return b"HTTP/1.1 %s\r\n%scontent-type: %s\r\n%s\r\n%s" % (line.encode(), size, kind, more, page)

    # -- the local worker ----------------------------------------------------------------
    def _forward(self, exchange: Exchange, head: bytes, body: bytes) -> Iterator[bytes]:
        """Send the request on; yields b"" once it has been, then the head of the answer and its pieces."""
        server = self.server
        port = int(server.base_url.rpartition(":")[2])
        try:
            upstream = socket.create_connection((HOST, port), 5)
        except OSError:
            raise DisconnectedError from None
        with upstream:
            upstream.settimeout(STALL_S)
            head = KEY_HEADER.sub(b"\r\nAuthorization: Bearer " + server.api_key.encode(), head)
            upstream.sendall(head + body)
            exchange.forwarded = True
            yield b""
            source = Source(upstream)
            answer = source.until(END)
            exchange.started = answer[9:10] == b"2"
            exchange.status = int(answer[9:12])
            exchange.is_stream = b"text/event-stream" in answer
            yield answer
            yield from source.pieces(answer)

    def _relay(self, client: socket.socket, exchange: Exchange, answer: Iterator[bytes]) -> bool:
        """Let the answer pass, broken somewhere; False when the connection ends."""
        fault, chance = exchange.fault, self.random
        breaks_at = chance.choice(PLACES) if fault in {"cut", "reset in", "stall", "pause"} else -1
        pause_s = chance.choice([0.0, 0.02]) if fault == "slow" else None
        next(answer)
        for number, piece in enumerate(answer):
            if number == breaks_at and fault in {"stall", "pause"}:
                self._wait(client, STALL_S if fault == "stall" else chance.uniform(0.2, 4))
            elif number == breaks_at:
                # In the middle of a piece, or before it.
                exchange.send(client, piece[: chance.randrange(len(piece) + 1)])
                if fault == "reset in":
                    _reset(client)
                return False
            exchange.send(client, piece, pause_s if number < SLOW_PIECES else None)
            if fault == "twice" and number and piece != LAST_CHUNK and chance.random() < 0.2:
                exchange.send(client, piece)
        return self.calm or chance.random() < 0.7

    def _wait(self, client: socket.socket, seconds: float) -> None:
        """Wait that long, or until the program closes its end. Raises DisconnectedError."""
        end = time.monotonic() + seconds
        client.settimeout(0.1)
        while time.monotonic() < end and not self.calm:
            try:
                if client.recv(1, socket.MSG_PEEK) == b"":
                    raise DisconnectedError
                time.sleep(0.1)
            except TimeoutError:
                continue
        client.settimeout(None)


def _reset(client: socket.socket) -> None:
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.shutdown(socket.SHUT_RD)
        client.close()


class Source:
    """Reads messages of HTTP/1.1 from a socket."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._waiting = b""

    def _more(self) -> None:
        data = self._end.recv(1 << 16)
        if not data:
            raise DisconnectedError
        self._waiting += data

    def until(self, mark: bytes) -> bytes:
        """Everything to the next mark."""
        while mark not in self._waiting:
            self._more()
        before, mark, self._waiting = self._waiting.partition(mark)
        return before + mark

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._waiting) < size:
            self._more()
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def pieces(self, head: bytes) -> Iterator[bytes]:
        """The chunks of a body with their framing, or the whole body."""
        if CHUNKED.search(head):
            size = -1
            while size:
                line = self.until(b"\r\n")
                size = int(line, 16)
                yield line + self.exactly(size + 2)
        elif (length := LENGTH.search(head)) is not None and int(length[1]):
            yield self.exactly(int(length[1]))

    def body(self, head: bytes) -> bytes:
        """The body of a request."""
        pieces = self.pieces(head)
        if CHUNKED.search(head):
            return b"".join(piece.partition(b"\r\n")[2][:-2] for piece in pieces)
        return b"".join(pieces)
