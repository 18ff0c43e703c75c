"""Standard input as text for a prompt."""

from __future__ import annotations

import sys
import threading
from typing import Final

from handinger_tui.cli.output import say
from handinger_tui.core.errors import SettingsError

WAITING_S: Final = 3.0
"""After this long a person wonders what the program does."""
_ATTACH: Final = "Attach it instead: -f FILE. Nothing was sent."


def read_input(max_bytes: int, *, raw: bool) -> str:
    """All of standard input, "" from a terminal. `raw`: bytes that are not text are replaced, not refused.

    Waits for its end, and says so on stderr after three seconds.

    Raises:
        SettingsError: it cannot be read, is not UTF-8 text, or has more than `max_bytes` bytes.
    """
    if sys.stdin.isatty():
        return ""
    waiting = threading.Timer(WAITING_S, say, ("waiting for standard input…",))
    waiting.daemon = True
    waiting.start()
    try:
        data = sys.stdin.buffer.read(max_bytes + 1)
    except OSError as problem:
        raise SettingsError(f"Standard input cannot be read: {problem}.", "Nothing was sent.") from None
    finally:
        waiting.cancel()
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
