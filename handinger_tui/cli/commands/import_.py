"""`handinger-tui import FILE`: a session that was exported as JSON, into the local history; no network."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.local_files import default_paths, read_file
from handinger_tui.cli.options import add_json_option
from handinger_tui.cli.output import Exit, put_result
from handinger_tui.core.export.session_file import MOST_BYTES, SessionFile, read_session
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line, one_word
from handinger_tui.ledger.ledger import FileAccess, Ledger

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import JsonObject

DESCRIPTION: Final = (
    "Import a session that was exported with: handinger-tui export ID --format json. Its turns are marked as"
    " imported: they are never charged again, and count in no total and no limit (no key or network needed)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", metavar="FILE", help="the exported JSON file; - reads it from stdin")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Import the file and return the exit code.

    Raises:
        SettingsError: the file is no session, or cannot be read as one; nothing was stored.
        LocalFileError: the file could not be read.
        LedgerError
    """
    now_ms = time.time_ns() // 1_000_000
    file = read_session(read_file(args.file, MOST_BYTES + 1), now_ms)
    present, session = asyncio.run(_store(file)), file.session
    session_id = present or session.session_id
    name = f"“{clean_line(session.title, 60) or 'Untitled'}” ({session_id})"
    if present is None:
        text = f"Imported {name}: {plural(len(file.turns), 'turn')}. They are not charged here.\nOpen it: "
        text += f"handinger-tui --resume {one_word(session_id)}"
    else:
        text = (
            f"{name} is already in the history. Nothing was changed.\nTo import it again, delete it first: "
        )
        text += f"handinger-tui sessions rm {one_word(session_id)}"
    value: JsonObject = {
        "session_id": session_id,
        "title": clean_line(session.title),
        "turns": len(file.turns),
        "imported": present is None,
    }
    put_result(args, value, text)
    return Exit.OK


async def _store(file: SessionFile) -> str | None:
    ledger = Ledger(default_paths().database, access=FileAccess.WRITE)
    await ledger.start()
    try:
        return await ledger.history.add_imported(file)
    finally:
        await ledger.aclose()
