"""Pacing: a stream of many small events is read a little later and in one go.

A thousand tokens a second, each in a segment of its own, are a thousand
wake-ups: they cost more than everything that is done with the tokens. So after
a read that had to wait and brought little, the next one waits until some time
has passed since; the kernel keeps what comes meanwhile. A stream that brings
much is read as fast as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

READ_EVERY_S: Final = 0.016
"""Less than the screen's own pace: nobody sees it."""
LITTLE: Final = 8 << 10
"""Bytes; less than a full TLS record."""

Read = Callable[[int, float | None], Awaitable[bytes]]


def pace(response: httpx.Response) -> None:
    """Pace all further reads of this response; without a stream of the network's that can be, none."""
    stream = response.extensions.get("network_stream")
    if stream is not None and hasattr(stream, "read"):
        # Httpcore looks the method up for every read.
        stream.read = _Paced(stream.read).read


class _Paced:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._not_before = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        loop = asyncio.get_running_loop()
        pause = self._not_before - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        waited = False

        def others_ran() -> None:
            nonlocal waited
            waited = True

        noticed = loop.call_soon(others_ran)
        data = await self._read(max_bytes, timeout)
        noticed.cancel()
        # Several TLS records may have come in one read: those that are there already are not waited for.
        if waited and len(data) < LITTLE:
            self._not_before = loop.time() + READ_EVERY_S
        return data
