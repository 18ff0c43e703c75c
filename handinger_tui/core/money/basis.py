"""What a meter of a worker counts: the evidence of its readings, weighed over the whole timeline.

Figures of each turn alone begin near zero in each turn, so that about every second turn shows a value below
the one before it. A total never falls but by a reset, and rises by ever smaller shares of itself. Both are
possible for nearly every sequence: one piece of evidence decides nothing.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace


class Basis(StrEnum):
    """What a meter counts."""

    LIFETIME = "lifetime"
    """All turns of the worker together."""
    PER_TURN = "per_turn"
    """Only the newest turn."""
    UNDECIDED = "undecided"
    """Too few or contradictory readings. Amounts are computed by the basis that fits better."""


MOST_HALVINGS: Final = 4
"""The most that one value read while a turn runs weighs: a factor of 2^4."""
LIFETIME_WEIGHT: Final = 10
"""From this weight on, rises without a fall show a total: figures of each turn would be so about once in 10^5
workers, by simulation."""
LIFETIME_AGAINST_FALLS: Final = 14
"""The same after falls inside turns, which a total shows only where it is reset, and after a turn that began
at zero and had figures while it still ran: zero may mean "not yet", but so do figures of each turn begin."""
IDLE_RESET_WEIGHT: Final = 2
"""Figures of each turn alone do not fall while nothing runs."""
FALL_WEIGHT: Final = 3
"""The weight of a fall inside a turn before which the worker was read. Behind a missing look it weighs 1: the
service may have been restarted between the turns."""
FALLS: Final = 2 * FALL_WEIGHT
"""Falls of this weight show figures of each turn, or contradict a total that was decided."""
RISE_AFTER_FALL: Final = 4
"""Rises of this weight after a fall show that it was a reset of a decided total."""
MOST_CHANGES: Final = 2
"""A meaning that was left this often stays undecided until the person pins it."""


class BasisEvidence(Struct, frozen=True):
    """The evidence for both bases.

    `rises`: the weight of the rises since the last fall inside a turn. `falls`: that of the falls; of a
    decided total, those that contradict it. `leans`: the basis that fits better. `decided`: the basis;
    UNDECIDED before two independent pieces of evidence, and after a contradiction. `changes`: how often a
    meaning was left.
    """

    rises: int = 0
    falls: int = 0
    leans: Basis = Basis.LIFETIME
    decided: Basis = Basis.UNDECIDED
    changes: int = 0
    began_at_zero: bool = False
    """A turn did, and had other figures before it ended."""

    def rose(self, start: Decimal | int, value: Decimal | int, *, busy: bool) -> BasisEvidence:
        """The first value read in a turn is above the one before it, `start`. `busy`: the turn still ran.

        The weight of a value is the number of times that its rise, doubled, still fits into it.
        """
        rise, weight = value - start, 0
        most = MOST_HALVINGS if busy else 1
        while weight < most and rise * 2 ** (weight + 1) <= value:
            weight += 1
        return self._weighed(weight)

    def was_reset_idle(self) -> BasisEvidence:
        """The value fell while nothing ran, and no message of others came."""
        return self._weighed(IDLE_RESET_WEIGHT)

    def _weighed(self, weight: int) -> BasisEvidence:
        rises = self.rises + weight
        needed = LIFETIME_AGAINST_FALLS if self.falls or self.began_at_zero else LIFETIME_WEIGHT
        if self.decided is Basis.LIFETIME:
            return replace(self, rises=rises, falls=0 if rises >= RISE_AFTER_FALL else self.falls)
        if rises < needed:
            return replace(self, rises=rises)
        if self.decided is Basis.PER_TURN:
            return self._left(Basis.LIFETIME)
        decided = Basis.LIFETIME if self.changes < MOST_CHANGES else Basis.UNDECIDED
        return BasisEvidence(rises, 0, Basis.LIFETIME, decided, self.changes)

    def fell(self, *, was_read: bool) -> BasisEvidence:
        """The first value read in a turn is below the one before. `was_read`: just before the turn."""
        falls = self.falls + (FALL_WEIGHT if was_read else 1)
        if self.decided is Basis.LIFETIME:
            return replace(self, rises=0, falls=falls) if falls < FALLS else self._left(Basis.PER_TURN)
        may_decide = falls >= FALLS and self.changes < MOST_CHANGES
        decided = Basis.PER_TURN if may_decide else self.decided
        leans = Basis.PER_TURN if was_read or may_decide else self.leans
        return BasisEvidence(0, falls, leans, decided, self.changes)

    def _left(self, leans: Basis) -> BasisEvidence:
        """The decided basis was contradicted: the other one fits better, and needs new evidence."""
        falls = FALL_WEIGHT if leans is Basis.PER_TURN else 0
        return BasisEvidence(0, falls, leans, Basis.UNDECIDED, self.changes + 1)


NO_EVIDENCE: Final = BasisEvidence()
