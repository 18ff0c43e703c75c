"""A byte-exact HTTP server on loopback: a test decides every byte that it sends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Script = Callable[["Peer"], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} sent {len(values)} times"
        return values[0] if values else None


class Peer:
    """The server's end of one request."""

    def __init__(self, server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.request = request
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def fin(self) -> None:
        self._writer.close()

    def rst(self) -> None:
        endpoint = self._writer.get_extra_info("socket")
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def wait_for_close(self) -> None:
        """Wait until the client has closed the connection."""
        with contextlib.suppress(OSError):
            while await self.server.readers[self.request.connection].read(65536):
                pass


class Server:
    """Answers the n-th request with the n-th script; the last one repeats."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.readers: list[asyncio.StreamReader] = []
        self.scripts: list[Script] = []
        self.read_bodies = True
        self.url = ""
        self.received = asyncio.Event()
        """Set by a test when the client has received everything sent so far."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def answer(self, *scripts: Script) -> None:
        self.scripts = list(scripts)

    async def start(self, host: str = "127.0.0.1") -> None:
        self._server = await asyncio.start_server(self._serve, host, 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = len(self.readers)
        self.readers.append(reader)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                await self._one(reader, writer, number)
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = int({name.lower(): value for name, value in headers}.get("content-length", "0"))
        body = await reader.readexactly(length) if self.read_bodies else b""
        request = Request(method, target, headers, body, number)
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        await script(Peer(self, request, writer))


def raw(data: bytes, *, close: bool = True) -> Script:
    """Exactly these bytes, then the end of the connection."""

    async def script(peer: Peer) -> None:
        await peer.send(data)
        if close:
            peer.fin()

    return script


def head(status: int, headers: dict[str, str], reason: str = "X") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")


def respond(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, *, close: bool = True
) -> Script:
    """A complete response with a length."""
    return raw(head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body, close=close)


def as_json(
    text: str, status: int = 200, headers: dict[str, str] | None = None, *, close: bool = True
) -> Script:
    encoded = text.encode("utf-8", "surrogatepass")
    return respond(status, encoded, {"Content-Type": "application/json", **(headers or {})}, close=close)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


END = b"0\r\n\r\n"
SSE_HEAD = head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})


def stream(*chunks: bytes, headers: dict[str, str] | None = None, end: bool = True) -> Script:
    """A chunked event stream, with a proper end by default."""
    start = head(
        200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **(headers or {})}
    )
    return raw(start + b"".join(map(chunk, chunks)) + (END if end else b""))


async def fin(peer: Peer) -> None:
    """Only the end of the connection."""
    peer.fin()
