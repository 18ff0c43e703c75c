"""Opening an address that was judged and chosen."""

from __future__ import annotations

from handinger_tui.cli.opening import open_address
from handinger_tui.core.safety import Verdict, judge_link


async def open_link(url: str) -> bool:
    """Hand `url` to the system's browser; False when there is none, or the address is refused."""
    return judge_link(url).verdict is not Verdict.REFUSE and await open_address(url)
