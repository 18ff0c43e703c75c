"""Where things are on this machine: data, configuration, downloads."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders and files; none of them need exist."""

    config: Path
    database: Path
    downloads: Path


def expanded(path: str) -> Path:
    """A path as a person writes it, `~` and `~name` included.

    Raises:
        SettingsError: nobody of that name has a home folder here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = clean_line(path, 200)
        raise SettingsError(
            f"There is no home folder for {name}.", f"Write ./{name} for a name that begins so."
        ) from None


def default_paths() -> Paths:
    """HANDINGER_TUI_HOME puts everything under one folder; else the platform's own folders.

    Raises:
        SettingsError: there is no home folder to put anything into.
    """
    home = os.environ.get("HANDINGER_TUI_HOME", "").strip()
    if home:
        root = expanded(home)
        return Paths(root / "config.toml", root / "history.db", _downloads() or root / "Downloads")
    # 10 ms, and needed only here.
    import platformdirs  # noqa: PLC0415

    data = _absolute(lambda: platformdirs.user_data_dir("handinger-tui", appauthor=False))
    config = _absolute(lambda: platformdirs.user_config_dir("handinger-tui", appauthor=False))
    if data is None or config is None:
        raise SettingsError(
            "There is no home folder for the history and the configuration.",
            "Set HOME, or HANDINGER_TUI_HOME to a folder for both.",
        )
    downloads = _absolute(platformdirs.user_downloads_dir) or data / "Downloads"
    return Paths(config / "config.toml", data / "history.db", downloads)


def _absolute(ask: Callable[[], str]) -> Path | None:
    """A folder of the platform; None without a home folder."""
    try:
        folder = Path(ask())
    except RuntimeError:
        return None
    # Older versions of platformdirs leave `~` as it is: it would become a folder of that name right here.
    return folder if folder.is_absolute() else None


def _downloads() -> Path | None:
    try:
        return Path.home() / "Downloads"
    except RuntimeError:
        # HOME is not set, and nobody of this number is known here: usual in containers.
        return None


MAX_CONFIG_BYTES: Final = 1 << 20


def config_text(path: Path) -> str:
    """The configuration file's text, "" when there is none.

    Raises:
        SettingsError: it is there and cannot be read, or is no file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody who writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise OSError(errno.EFBIG, "larger than a megabyte")
        # Editors of Windows begin a file with a mark.
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not text in UTF-8"
        raise SettingsError(
            f"{path} cannot be read: {reason}.", "Fix it or set HANDINGER_TUI_HOME."
        ) from None


def open_to_others(path: Path) -> bool:
    """Whether other users may read or change a file. Always False on Windows: its rights are elsewhere."""
    try:
        return os.name != "nt" and bool(path.stat().st_mode & 0o066)
    except OSError:
        return False
