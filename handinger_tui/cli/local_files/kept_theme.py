"""The theme that the person chose last, in a small file beside the history."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from handinger_tui.cli.local_files.paths import default_paths
from handinger_tui.cli.local_files.written_files import save_text

MOST_BYTES: Final = 100
"""A longer file is not ours."""


def _path() -> Path:
    return default_paths().database.parent / "theme"


def kept_theme() -> str | None:
    """The name in the file; None without a readable one."""
    with suppress(OSError, ValueError), _path().open(encoding="ascii") as file:
        return file.read(MOST_BYTES).strip() or None
    return None


def keep_theme(name: str) -> None:
    """Write the name.

    Raises:
        OSError: it cannot be written.
    """
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_text(path, f"{name}\n")
