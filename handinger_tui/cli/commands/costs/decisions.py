"""`costs --reading`: the person decides about the figures of a worker, before its costs are shown."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Final

from handinger_tui.cli.commands.costs.query import unique_id
from handinger_tui.cli.local_files.paths import default_paths
from handinger_tui.cli.output import say
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.restatements import restatement_text
from handinger_tui.core.money.rulings import WORDS
from handinger_tui.core.turns.session import Ruling
from handinger_tui.ledger.cost_rows import opened
from handinger_tui.ledger.rulings import decide_in

_READING: Final = "--reading"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a person decides."""
    parser.add_argument(
        _READING,
        metavar="WORKER=MEANING",
        help=f"first decide what the figures of a worker mean: {', '.join(WORDS)}",
    )


def apply(args: argparse.Namespace, now: datetime) -> None:
    """Store what the options decide; the closed amounts that change are named on stderr.

    Raises:
        SettingsError: there is no such worker or meaning.
        LedgerError
    """
    if args.reading is None:
        return
    prefix, _, word = args.reading.rpartition("=")
    if word not in WORDS:
        raise SettingsError(f"{_READING} {args.reading!r} names no meaning.", _words_text())
    path = default_paths().database
    with opened(path) as rows:
        worker_id = unique_id(rows, "worker", prefix) or ""
        base_url = rows.base_url(worker_id)
    ruling = Ruling(worker_id, round(now.timestamp() * 1000), WORDS[word])
    if restated := decide_in(path, base_url, ruling):
        say(restatement_text(restated))


def _words_text() -> str:
    return f"Write {_READING} WORKER={', WORKER='.join(WORDS)}."
