"""Replies: heads, framings and endings, byte by byte."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from tests.chaos.world import Exchange, World

GZIP = 16 + zlib.MAX_WBITS


class Ended(Exception):
    """The connection is over: a step ended it, or the client did."""


def gzipper() -> zlib._Compress:
    return zlib.compressobj(9, zlib.DEFLATED, GZIP)


class Wire:
    """The server's end of one request."""

    def __init__(
        self, world: World, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.world = world
        self.exchange = exchange
        self.reusable = False
        self._reader = reader
        self._writer = writer
        self._chunked = False
        self._packer: zlib._Compress | None = None

    # -- bytes -----------------------------------------------------------------
    async def send(self, data: bytes) -> None:
        """Send bytes without framing."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, RuntimeError):
            self._disconnected()
        if self._writer.is_closing():
            self._disconnected()

    async def body(self, data: bytes) -> None:
        """Send bytes of the body, encoded and framed."""
        if self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        await self._framed(data)

    async def end(self) -> None:
        """Send the proper end of the body."""
        if self._packer is not None:
            packer, self._packer = self._packer, None
            await self._framed(packer.flush())
        if self._chunked:
            await self.send(b"0\r\n\r\n")

    async def _framed(self, data: bytes) -> None:
        if data:
            await self.send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    # -- heads -----------------------------------------------------------------
    async def head(
        self, status: int, headers: Mapping[str, str], *, length: int | None = None, chunked: bool = False
    ) -> None:
        """Send the head of a reply; without a length and chunks the body ends with the connection."""
        fields = {"Date": formatdate(usegmt=True)} | dict(headers)
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
        if length is not None:
            fields.setdefault("Content-Length", str(length))
        fields.setdefault("Connection", "keep-alive" if self.reusable else "close")
        self._chunked = chunked
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{k}: {v}" for k, v in fields.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def packed(self) -> None:
        """From here on the body is gzip."""
        self._packer = gzipper()

    # -- waiting and ending ------------------------------------------------------
    async def pause(self, seconds: float) -> None:
        """Wait, unless the client disconnects."""
        try:
            async with asyncio.timeout(seconds):
                with suppress(OSError):
                    while await self._reader.read(1 << 16):
                        pass
        except TimeoutError:
            return
        self._disconnected()

    async def reset(self) -> None:
        """Reset the connection (RST), once the written bytes have surely arrived."""
        # Nothing is read from the client here: what it still sends must stay unread.
        await asyncio.sleep(0.03)
        line = self._writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise Ended

    def _disconnected(self) -> None:
        self.exchange.client_closed = True
        self.world.now()
        raise Ended
