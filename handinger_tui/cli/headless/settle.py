"""Settles by GETs the turns that earlier runs left open or running; nothing is ever sent."""

from __future__ import annotations

import argparse
from typing import Final

from handinger_tui.cli.output import say
from handinger_tui.cli.wiring import Services, run_with_services
from handinger_tui.core.formatting import plural
from handinger_tui.core.turns.turn import TurnStatus

SETTLE_S: Final = 30.0
"""Most seconds for the reads of all workers."""


def settle_left_open() -> None:
    """Read the workers of the service in the settings, and report on stderr what is still open.

    Raises:
        SettingsError: no key is set.
        LedgerError
    """
    run_with_services(argparse.Namespace(), _settle)


async def _settle(services: Services) -> int:
    session_ids = await services.engine.settle_left_open(SETTLE_S)
    turns = [turn for one in session_ids for turn in services.engine.session(one).turns]
    unended = sum(turn.live or turn.status is TurnStatus.RUNNING for turn in turns)
    unknown = sum(turn.status is TurnStatus.UNKNOWN for turn in turns)
    if not session_ids:
        say("No open turns and nothing to read.")
    else:
        counts = ((unended, "still open"), (unknown, "with unknown outcome"))
        left = ", ".join(f"{plural(count, 'turn')} {what}" for count, what in counts if count)
        left = left or "all turns are finished"
        say(f"Read {plural(len(session_ids), 'worker')}: {left}.")
    return 0
