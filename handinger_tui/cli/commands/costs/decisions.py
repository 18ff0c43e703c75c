"""`costs --reading` and `--assign`: the person decides about the figures of a worker, then sees its costs."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from handinger_tui.cli.commands.costs.query import unique_id
from handinger_tui.cli.local_files.paths import default_paths
from handinger_tui.cli.output import say
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.restatements import restatement_text
from handinger_tui.core.money.rulings import WORDS
from handinger_tui.ledger.cost_rows import opened
from handinger_tui.ledger.rulings import LISTED, assign, decide_in, pin

_READING: Final = "--reading"
_ASSIGN: Final = "--assign"
NONE: Final = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a person decides."""
    parser.add_argument(
        _READING,
        metavar="WORKER=MEANING",
        help=f"first decide what a worker's figures mean: {', '.join(WORDS)}",
    )
    parser.add_argument(
        _ASSIGN,
        metavar="N=TURN",
        help=f"first assign suspense N to a turn, or to {NONE}",
    )


def apply(args: argparse.Namespace, now: datetime) -> None:
    """Store what the options decide; the closed amounts that change are named on stderr.

    Raises:
        SettingsError: there is no such worker, meaning, suspense or turn.
        LedgerError
    """
    at_ms = round(now.timestamp() * 1000)
    for text, decision in ((args.reading, _pin), (args.assign, _assignment)):
        if text is not None and (restated := decide_in(default_paths().database, decision(text, at_ms))):
            say(restatement_text(restated))


def _pin(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    prefix, _, word = text.rpartition("=")
    if word not in WORDS:
        known = ", ".join(f"WORKER={meaning}" for meaning in WORDS)
        raise SettingsError(f"{_READING} {text!r} is not valid.", f"Use {_READING} with one of {known}.")
    with opened(default_paths().database) as rows:
        worker_id = unique_id(rows, "worker", prefix) or ""
        base_url = rows.base_url(worker_id)
    return partial(pin, base_url=base_url, worker_id=worker_id, meaning=WORDS[word], at_ms=at_ms)


def _assignment(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    number, _, prefix = text.partition("=")
    if not (number.isdecimal() and number.isascii() and prefix):
        raise SettingsError(f"{_ASSIGN} {text!r} must name a suspense and a turn.", LISTED)
    with opened(default_paths().database) as rows:
        turn_id = None if prefix == NONE else unique_id(rows, "turn", prefix)
    return partial(assign, number=int(number[:18]), turn_id=turn_id, at_ms=at_ms)
