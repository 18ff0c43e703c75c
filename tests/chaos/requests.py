"""Requests as the fault server reads them: byte by byte, from a bare socket."""

from __future__ import annotations

import asyncio
import email.parser
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BROKEN = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError)


@dataclass
class Request:
    """One request. `complete` is false when its body was cut, by the client or on purpose."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    complete: bool = True

    @property
    def path(self) -> list[str]:
        return [unquote(part) for part in urlsplit(self.target).path.split("/")[1:]]

    @property
    def wants_replay(self) -> bool:
        return parse_qs(urlsplit(self.target).query).get("stream") == ["true"]

    @property
    def has_key(self) -> bool:
        """A key in any header; Basic authentication does not count:
        clients derive it from `user@` in an address.
        """
        authorization = self.headers.get("authorization", "")
        named = {"x-api-key", "api-key"} & self.headers.keys()
        return bool(named) or bool(authorization and not authorization.lower().startswith("basic "))

    @property
    def prompt(self) -> str | None:
        """The prompt of a turn, out of a JSON or a multipart body."""
        return _text(self.fields.get("input"))

    @property
    def streamed(self) -> bool:
        """The client requests an event stream."""
        stream = self.fields.get("stream")
        return stream in (True, "true") or "text/event-stream" in self.headers.get("accept", "")

    @property
    def fields(self) -> dict[str, Any]:
        kind = self.headers.get("content-type", "")
        if kind.startswith("application/json"):
            try:
                read = json.loads(self.body)
            except ValueError:
                return {}
            return read if isinstance(read, dict) else {}
        return _form(kind, self.body) if kind.startswith("multipart/form-data") else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _form(kind: str, body: bytes) -> dict[str, Any]:
    message = email.parser.BytesParser().parsebytes(b"Content-Type: %b\r\n\r\n" % kind.encode() + body)
    fields: dict[str, Any] = {}
    for part in message.walk():
        raw = part.get_payload(decode=True)
        if isinstance(raw, bytes):
            name = str(part.get_param("name", header="content-disposition"))
            fields[name] = raw if part.get_filename() else raw.decode("utf-8", "replace")
    return fields


async def read_head(reader: asyncio.StreamReader) -> Request | None:
    """The next request without its body; None when the client has disconnected or sent no valid request."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _version = first.split(" ")
    except BROKEN:
        return None
    pairs = (line.partition(":") for line in lines)
    return Request(method, target, {name.strip().lower(): value.strip() for name, _, value in pairs})


@dataclass
class _Body:
    reader: asyncio.StreamReader
    limit: int | None
    got: bytearray = field(default_factory=bytearray)

    @property
    def full(self) -> bool:
        return self.limit is not None and len(self.got) >= self.limit

    async def counted(self, length: int) -> bool:
        wanted = length if self.limit is None else min(length, self.limit)
        while len(self.got) < wanted:
            read = await self.reader.read(min(1 << 16, wanted - len(self.got)))
            if not read:
                return False
            self.got += read
        return wanted == length

    async def chunked(self) -> bool:
        while not self.full:
            size = int((await self.reader.readline()).split(b";")[0], 16)
            self.got += (await self.reader.readexactly(size + 2))[:-2]
            if size == 0:
                return True
        return False


async def read_body(reader: asyncio.StreamReader, request: Request, limit: int | None) -> None:
    """Read the body, or at most about `limit` bytes of it."""
    body = _Body(reader, limit)
    try:
        if "chunked" in request.headers.get("transfer-encoding", ""):
            request.complete = await body.chunked()
        else:
            request.complete = await body.counted(int(request.headers.get("content-length", "0")))
    except BROKEN:
        request.complete = False
    request.body = bytes(body.got)
