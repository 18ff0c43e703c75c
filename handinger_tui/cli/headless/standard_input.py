"""Reads standard input as text of a prompt."""

from __future__ import annotations

import sys
import threading
from typing import Final

from handinger_tui.cli.output import say
from handinger_tui.core.errors import SettingsError

WAITING_S: Final = 3.0
"""Seconds after which a message says that the program waits for standard input."""
_ATTACH: Final = "Attach it instead: -f FILE. Nothing was sent."


def read_input(max_bytes: int, *, raw: bool) -> str:
    """Return all of standard input, "" if it is a terminal.

    `raw` replaces bytes that are not text instead of refusing them. The call waits for the end of the
    input, and reports that on stderr after three seconds.

    Raises:
        SettingsError: the input cannot be read, is not UTF-8 text, or has more than `max_bytes` bytes.
    """
    if sys.stdin.isatty():
        return ""
    timer = threading.Timer(WAITING_S, say, ("waiting for standard input…",))
    timer.daemon = True
    timer.start()
    try:
        data = sys.stdin.buffer.read(max_bytes + 1)
    except OSError as problem:
        raise SettingsError(f"Standard input cannot be read: {problem}.", "Nothing was sent.") from None
    finally:
        timer.cancel()
    if len(data) > max_bytes:
        raise SettingsError(
            f"Standard input has more than {max_bytes:,} bytes, too much for a prompt.",
            f"{_ATTACH} The limit is HANDINGER_MAX_INPUT_BYTES.",
        )
    if raw:
        return data.decode("utf-8", "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError("Standard input is not text in UTF-8.", _ATTACH) from None
    if "\0" in text:
        raise SettingsError("Standard input is binary data, not text.", _ATTACH)
    return text
