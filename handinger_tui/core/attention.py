"""What a person can have seen when a key was pressed: a key means only what was there long enough.

Times are seconds of one monotonic clock. A key counts from its press: on a busy machine it is handled later.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from handinger_tui.core.acts import Offer

READ_S: Final = 0.25
"""How long the line below the prompt must have stood to count as read."""
TYPING_S: Final = 0.6
"""A question waits for a pause in typing of this length: it would swallow what comes next."""
SEEN_AFTER_S: Final = 0.7
"""A draft that came into the prompt by itself is seen after this time."""


class ShownOffer(Struct, frozen=True):
    """What the line below the prompt says that Enter does, and since when."""

    offer: Offer
    since: float = 0.0

    def was_read(self, pressed_at: float) -> bool:
        """Whether a person who pressed a key at this time can have read the line."""
        return pressed_at - self.since >= READ_S
