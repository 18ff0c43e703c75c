"""Runs the person's own editor on the message, or pager on the transcript. No text is lost by either."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.app import SuspendNotSupported

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.terminal.programs import ForegroundJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handinger_tui.ui.terminal.diff_app import DiffApp

MAX_BYTES: Final = 1_000_000
"""Largest file, in bytes, that is read back from the editor."""
UNCHANGED: Final = "Your text is unchanged."


class EditorProblem(HandingerError):
    """The editor could not be run, or its result is unusable."""


def editor_of(environ: Mapping[str, str]) -> list[str]:
    """The command for the person's editor.

    Raises:
        EditorProblem: no editor is set, or its program does not exist.
    """
    variable = next((name for name in ("VISUAL", "EDITOR") if environ.get(name, "").strip()), None)
    if variable is None:
        raise EditorProblem("No editor is set. Set EDITOR.")
    return _command(variable, environ[variable], "editor", UNCHANGED)


def pager_of(environ: Mapping[str, str]) -> list[str]:
    """The command for the person's pager, `less` where none is set.

    Raises:
        EditorProblem: its program does not exist.
    """
    return _command("PAGER", environ.get("PAGER", "").strip() or "less", "pager", "Set PAGER.")


def _command(variable: str, value: str, kind: str, hint: str) -> list[str]:
    try:
        words = shlex.split(value)
    except ValueError as problem:
        why = str(problem).rstrip(".").lower()
        raise EditorProblem(f"Cannot read {variable}: {why}.", hint) from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        command_name = clean_line(words[0] if words else "", 100)
        raise EditorProblem(f"Cannot start the {kind} {command_name}: program not found.", hint)
    return [program, *words[1:]]


async def page(app: DiffApp, text: str) -> None:
    """Show `text` in the person's pager. Turns continue while it runs.

    Raises:
        EditorProblem: the pager could not be run.
    """
    argv = pager_of(os.environ)
    transcript = await asyncio.to_thread(_write_file, "transcript.md", clean(text), "pager")
    try:
        await _run(app, [*argv, str(transcript)], "pager")
    finally:
        await asyncio.to_thread(shutil.rmtree, transcript.parent, ignore_errors=True)


async def edit(app: DiffApp, text: str) -> str:
    """Run the editor on `text` and return the saved text. Turns continue while it runs.

    Raises:
        EditorProblem: the editor could not be run, or its result is unusable.
    """
    argv = editor_of(os.environ)
    page = await asyncio.to_thread(_write_file, "message.md", text, "editor")
    try:
        await _run(app, [*argv, str(page)], "editor")
        edited = await asyncio.to_thread(_read, page)
    except EditorProblem as problem:
        if await asyncio.to_thread(_differs, page, text):
            raise EditorProblem(problem.summary, f"{UNCHANGED} The editor's file: {page}") from None
        await asyncio.to_thread(shutil.rmtree, page.parent, ignore_errors=True)
        raise
    await asyncio.to_thread(shutil.rmtree, page.parent, ignore_errors=True)
    return edited


_HINTS: Final = {"editor": UNCHANGED, "pager": ""}


def _write_file(name: str, text: str, kind: str) -> Path:
    """Write a new file in a folder of its own. Raises EditorProblem."""
    folder = ""
    try:
        folder = tempfile.mkdtemp(prefix="handinger-")
        path = Path(folder, name)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as problem:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        raise EditorProblem(f"Cannot write the {kind}'s file: {problem.strerror}.", _HINTS[kind]) from None
    return path


async def _run(app: DiffApp, argv: list[str], kind: str) -> None:
    """Run the program in the foreground of the terminal.

    Raises:
        EditorProblem: it could not be started, a signal ended it, or its exit code is not 0.
    """
    hint, name = _HINTS[kind], clean_line(argv[0], 100)
    outcome: int | Exception = 0
    program = ForegroundJob(argv)
    try:
        # Nothing may be painted over the editor, and no turn may wait for it. An exception raised inside
        # these contexts keeps the app from taking the terminal back, which is right only for a cancellation,
        # when the app itself ends. All other exceptions are raised after the contexts.
        with app.suspend(), app.batch_update(), app.foreground.lend(program):
            running = asyncio.ensure_future(asyncio.to_thread(program.run))
            try:
                outcome = await asyncio.shield(running)
            except asyncio.CancelledError:
                program.end(at_once=True)
                await asyncio.wait({running})
                raise
            except Exception as problem:  # noqa: BLE001 - raised again below
                outcome = problem
    except SuspendNotSupported:
        raise EditorProblem("Cannot start another program here.", hint) from None
    if isinstance(outcome, OSError):
        why = clean_line(outcome.strerror or "unknown", 100)
        raise EditorProblem(f"Cannot start the {kind} {name}: {why}.", hint)
    if isinstance(outcome, Exception):
        raise outcome
    if outcome < 0:
        number = -outcome
        signal_name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        raise EditorProblem(f"The {kind} {name} was ended by {signal_name}.", hint)
    if outcome:
        raise EditorProblem(f"The {kind} {name} failed with exit code {outcome}.", hint)


def _read(page: Path) -> str:
    """The saved text.

    Raises:
        EditorProblem: the file is missing, not a regular file, unreadable or too large.
    """
    try:
        if not stat.S_ISREG(page.stat().st_mode):
            raise EditorProblem("The editor did not leave a regular file.", UNCHANGED)
        with page.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        raise EditorProblem("Cannot read the file that the editor left.", UNCHANGED) from None
    if len(data) > MAX_BYTES:
        raise EditorProblem(f"The editor's file is larger than {MAX_BYTES // 1_000_000} MB.", UNCHANGED)
    return clean(data.decode("utf-8-sig", "replace")).rstrip("\n")


def _differs(page: Path, text: str) -> bool:
    """Whether the saved file differs from `text`."""
    try:
        status = page.stat()
        if not stat.S_ISREG(status.st_mode):
            return False
        written = text.encode("utf-8", "replace")
        return status.st_size != len(written) or page.read_bytes() != written
    except OSError:
        return False
