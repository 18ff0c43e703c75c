"""What a person can have seen when a key was pressed: a key means only what was there long enough.

Times are seconds of one monotonic clock. A key counts from its press: on a busy machine it is handled later.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from handinger_tui.core.acts import Offer

READ_S: Final = 0.25
"""The line below the prompt must have said for so long what Enter sends, to be read."""
TYPING_S: Final = 0.6
"""A question waits until nothing was typed for so long: it would swallow the rest of it."""
SEEN_AFTER_S: Final = 0.7
"""A draft that came into the prompt by itself is seen after this time."""


class ShownOffer(Struct, frozen=True):
    """What the line below the prompt says that Enter does, and since when."""

    offer: Offer
    since: float = 0.0

    def was_read(self, pressed_at: float) -> bool:
        """Whether a person who pressed a key at this time can have read the line."""
        return pressed_at - self.since >= READ_S
