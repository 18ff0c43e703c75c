"""`handinger-tui export ID`: a stored session as a document for people or for programs, without network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.load_settings import tag_rules
from handinger_tui.cli.local_files import check_new_file, expand_path, save_new_file
from handinger_tui.cli.options import add_session_argument
from handinger_tui.cli.output import Exit, put
from handinger_tui.cli.session_choice import load_labeled
from handinger_tui.core.export.exporters import SESSION_EXPORTERS, SessionExporter
from handinger_tui.core.export.session_document import Contents

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from handinger_tui.core.stream import Frame

DESCRIPTION: Final = "Export a session as a document from the local history (no key or network needed)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_session_argument(parser)
    parser.add_argument(
        "--format",
        choices=[exporter.name for exporter in SESSION_EXPORTERS],
        help=f"format (default: from the name of FILE, else {SESSION_EXPORTERS[0].name})",
    )
    parser.add_argument("--no-costs", action="store_true", help="leave out the receipts and all figures")
    parser.add_argument(
        "--reasoning", action="store_true", help="include the worker's reasoning (JSON always has it)"
    )
    parser.add_argument(
        "--tools", action="store_true", help="include tool calls with input and output (JSON always has them)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Print or save the document and return the exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id; the file exists already.
        LocalFileError: the file could not be written.
        LedgerError
    """
    target = None if args.output is None else expand_path(args.output)
    if target is not None:
        check_new_file(target, force=args.force)
    exporter = _exporter(args.format, target)
    frames: dict[str, list[Frame]] = {}
    session, labels = asyncio.run(load_labeled(args.id, tag_rules(), frames if exporter.has_frames else None))
    text = exporter.text(session, Contents(not args.no_costs, args.reasoning, args.tools, labels, frames))
    if target is None:
        put(text, end="")
    else:
        save_new_file(target, text.encode("utf-8", "replace"), force=args.force)
        put(f"Saved to {target}")
    return Exit.OK


def _exporter(name: str | None, target: Path | None) -> SessionExporter:
    suffix = target.suffix.lower() if target is not None else ""
    matches = (one for one in SESSION_EXPORTERS if (one.name == name if name else one.suffix == suffix))
    return next(matches, SESSION_EXPORTERS[0])
