"""What a person can have seen when a key was pressed: a key means only what was there long enough.

Times are seconds of one monotonic clock. A key counts from its press: on a busy machine it is handled later.
"""

from __future__ import annotations

from math import inf
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.acts import Offer

READ_S: Final = 0.25
"""How long the line below the prompt must have stood to count as read."""
TYPING_S: Final = 0.6
"""A question waits for a pause in typing of this length: it would swallow what comes next."""
SEEN_AFTER_S: Final = 0.7
"""A draft that came into the prompt by itself is seen after this time."""


class ShownOffer(Struct, frozen=True):
    """What Enter does by now, and since when the terminal shows it: since its frame, not since the change.

    `in_line`: the line below the prompt has its words, and no others in their place. `hold_since`: since when
    the terminal shows that the queue is held, with any other words on the line.
    """

    offer: Offer
    in_line: bool = True
    since: float = inf
    hold_since: float = inf

    def then(self, offer: Offer, *, in_line: bool) -> ShownOffer:
        """The line is set to this offer, and not yet painted."""
        before = self.offer
        is_same = in_line and self.in_line and (offer.act, offer.sends) == (before.act, before.sends)
        # What would have been asked before, and no longer is, has to be read again.
        goes_on = offer.passes and offer.asks >= before.asks
        return ShownOffer(offer, in_line, self.since if is_same else inf, self.hold_since if goes_on else inf)

    def painted(self, at: float) -> ShownOffer:
        """A frame with the line was given to the terminal."""
        since, hold_since = self.since, self.hold_since
        if self.in_line:
            since = min(since, at)
        if self.offer.passes:
            hold_since = min(hold_since, at)
        return replace(self, since=since, hold_since=hold_since)

    def was_read(self, pressed_at: float) -> bool:
        """Whether a person who pressed a key at this time can have read the line."""
        return pressed_at - self.since >= READ_S

    def as_read(self, pressed_at: float) -> Offer:
        """The offer for a message: it goes past a held queue only where the person can have seen that."""
        return replace(self.offer, passes=self.offer.passes and pressed_at - self.hold_since >= READ_S)
