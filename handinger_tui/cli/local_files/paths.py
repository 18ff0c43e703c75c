"""Paths of data, configuration and downloads on this machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety.cleaning import clean_line


class Paths(Struct, frozen=True):
    """Files and folders of the program; they need not exist."""

    config: Path
    database: Path
    downloads: Path


def expand_path(path: str) -> Path:
    """Return a path with `~` and `~name` expanded.

    Raises:
        SettingsError: there is no home folder for that name.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = clean_line(path, 200)
        raise SettingsError(f"No home folder for {name}.", f"If it is a file name, use ./{name}.") from None


def default_paths() -> Paths:
    """Return the paths under HANDINGER_TUI_HOME if it is set, else in the platform's own folders.

    Downloads go to `~/Downloads` with HANDINGER_TUI_HOME too, if there is a home folder.

    Raises:
        SettingsError: the user has no home folder.
    """
    home = os.environ.get("HANDINGER_TUI_HOME", "").strip()
    if home:
        root = expand_path(home)
        return Paths(root / "config.toml", root / "history.db", _home_downloads() or root / "Downloads")
    import platformdirs  # noqa: PLC0415 - 10 ms, needed only here

    data = _absolute_folder(lambda: platformdirs.user_data_dir("handinger-tui", appauthor=False))
    config = _absolute_folder(lambda: platformdirs.user_config_dir("handinger-tui", appauthor=False))
    if data is None or config is None:
        raise SettingsError(
            "No home folder found for the history and the config file.",
            "Set HOME, or set HANDINGER_TUI_HOME to a folder.",
        )
    downloads = _absolute_folder(platformdirs.user_downloads_dir) or data / "Downloads"
    return Paths(config / "config.toml", data / "history.db", downloads)


def _absolute_folder(find_folder: Callable[[], str]) -> Path | None:
    """Return a folder of the platform; None without a home folder."""
    try:
        folder = Path(find_folder())
    except RuntimeError:
        return None
    # Older versions of platformdirs return `~` unexpanded, which would become a folder of that name here.
    return folder if folder.is_absolute() else None


def _home_downloads() -> Path | None:
    try:
        return Path.home() / "Downloads"
    except RuntimeError:
        # HOME is not set and the user id has no account: usual in containers.
        return None


MAX_CONFIG_BYTES: Final = 1 << 20


def config_text(path: Path) -> str:
    """Return the text of the configuration file, "" if there is none.

    Raises:
        SettingsError: the file exists and cannot be read, or is not a regular file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would block until a writer opens it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise OSError(errno.EFBIG, "larger than a megabyte")
        # Windows editors may write a byte order mark.
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
        raise SettingsError(f"Cannot read {path}: {reason}.", "Fix it or set HANDINGER_TUI_HOME.") from None


def is_open_to_others(path: Path) -> bool:
    """Return whether other users may read or change a file. False on Windows, which has no mode bits."""
    try:
        return os.name != "nt" and bool(path.stat().st_mode & 0o066)
    except OSError:
        return False
