"""Pacing: sending the pieces of an answer at their times, and reporting it on standard output."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from benchmarks.plan import Plan

DRAIN_EVERY: Final = 64
"""Events written between two drains of the connection, when unpaced."""


def http_chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def tell(writer: asyncio.StreamWriter, plan: Plan, deltas: list[bytes]) -> tuple[float, float]:
    """Send the text of an answer, and report its start.

    Returns:
        When the first and the last token left, in monotonic seconds.

    Raises:
        ConnectionError: the client has gone.
    """
    print(f"began {plan.key}", flush=True)
    return await (paced if plan.rate else unpaced)(writer, plan, deltas)


async def paced(writer: asyncio.StreamWriter, plan: Plan, deltas: list[bytes]) -> tuple[float, float]:
    """Token n leaves n/rate seconds after the first: a late one is followed at once by its successors."""
    begun = time.monotonic()
    for number, delta in enumerate(deltas):
        early = begun + number / plan.rate - time.monotonic()
        if early > 0:
            await writer.drain()
            await asyncio.sleep(early)
        if writer.transport.is_closing():
            raise ConnectionAbortedError
        writer.write(delta)
    return begun, time.monotonic()


async def unpaced(writer: asyncio.StreamWriter, _plan: Plan, deltas: list[bytes]) -> tuple[float, float]:
    """As fast as the client reads them."""
    begun = time.monotonic()
    for number, delta in enumerate(deltas):
        writer.write(delta)
        if number % DRAIN_EVERY == 0:
            await writer.drain()
    return begun, time.monotonic()


def report(plan: Plan, sent: tuple[float, float], text: str) -> None:
    """Report that an answer was sent."""
    print(f"sent {plan.key} {sent[0]:.6f} {sent[1]:.6f} {len(text.encode())}", flush=True)


async def send_json(writer: asyncio.StreamWriter, status: int, value: object) -> None:
    """A complete answer."""
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
